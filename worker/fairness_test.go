package worker_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker"
	"pilotsync/worker/followup"
	"pilotsync/worker/registry"
	"pilotsync/worker/webhook"
)

// twoAccounts has account A with many apps, and account B with one, whose id it returns. A worker
// of its configuration syncs one app at once, at the given rate.
func twoAccounts(t *testing.T, rate int) (f *fixture, many []string, other string, cfg worker.Config) {
	t.Helper()
	other = "b"
	opt := simulator.Options{Apps: []simulator.App{{ID: other}}}
	for i := range 40 {
		many = append(many, fmt.Sprintf("a%d", i))
		opt.Apps = append(opt.Apps, simulator.App{ID: many[i]})
	}
	opt.Accounts = []simulator.Account{{ClientID: "A", APIKey: "key-a", Apps: many}, {ClientID: "B", APIKey: "key-b", Apps: []string{other}}}
	sim, err := simulator.Start(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	f = setupOn(t, sim, redistest.New(t).Addr)
	cfg = f.config()
	cfg.Accounts = []registry.Account{{ClientID: "A", APIKey: "key-a", Apps: many}, {ClientID: "B", APIKey: "key-b", Apps: []string{other}}}
	cfg.APIRate, cfg.Concurrency, cfg.Reconcile = rate, 1, worker.ReconcileOff
	return f, many, other, cfg
}

func TestAnAccountsChangesDelayNoOtherAccount(t *testing.T) {
	t.Parallel()
	f, many, other, cfg := twoAccounts(t, 2)  // 40 s for account A
	for _, app := range append(many, other) { // in this order
		f.add(app, "www.shop.example.com")
	}
	f.start(cfg)
	f.await("account B's domain is listed", func() bool { return len(f.sim.List(other)) > 0 })
	if n := f.listedApps(many); n == len(many) {
		t.Error("account B's change was made after all of account A's")
	}
}

func TestASlotsWaitRisesWithTheBacklogAndEnds(t *testing.T) {
	t.Parallel()
	f, many, other, cfg := twoAccounts(t, 0)
	cfg.Concurrency = 4
	f.sim.SetFaults(simulator.Faults{Slow: 1, SlowFor: 600 * time.Millisecond}) // two calls outlast the wait in a slot
	reg := f.withMetrics(&cfg)
	wait := func() float64 { return f.scrape(reg)[`pilotsync_slot_wait_seconds{kind="account"}`] }
	f.start(cfg)
	if got := wait(); got != 0 {
		t.Errorf("nothing is to be done, and the wait for a slot is %v s", got)
	}
	for _, app := range append(many, other) {
		f.add(app, "www.shop.example.com")
	}
	longest := 0.0
	f.await("all domains are listed", func() bool {
		longest = max(longest, wait())
		return f.listedApps(append(many, other)) == len(many)+1
	})
	if longest < 4 { // 40 apps, 4 at a time, a second each
		t.Errorf("the longest wait for a slot was %v s, want 4 s or more", longest)
	}
	f.await("no task waits for a slot", func() bool { return wait() == 0 })
}

// listedApps is the number of apps whose list isn't empty.
func (f *fixture) listedApps(apps []string) (n int) {
	for _, app := range apps {
		if len(f.sim.List(app)) > 0 {
			n++
		}
	}
	return n
}

func TestAnAccountsVerificationsDelayNoOtherAccount(t *testing.T) {
	t.Parallel()
	f, many, other, cfg := twoAccounts(t, 0)
	stop := f.start(cfg)
	for _, app := range append(many, other) {
		f.add(app, names(3)...)
	}
	for _, app := range append(many, other) {
		for _, name := range names(3) {
			f.awaitState(app, name, tasks.Done)
		}
	}
	stop()
	before := map[string]int64{}
	var targets []enqueue.Target
	for _, app := range append(many, other) { // in this order
		for _, name := range names(3) {
			targets = append(targets, enqueue.Target{AppID: app, Domain: name})
		}
		before[app] = f.view(app, names(3)[0]).Record.CheckSeq
	}
	if _, err := f.client.Verify(t.Context(), "anna", targets...); err != nil {
		t.Fatal(err)
	}
	cfg.APIRate = 2 // 40 s for account A
	f.start(cfg)
	verified := func(app string) bool { return f.view(app, names(3)[0]).Record.CheckSeq > before[app] }
	f.await("account B's domain is verified", func() bool { return verified(other) })
	n := 0
	for _, app := range many {
		if verified(app) {
			n++
		}
	}
	if n == len(many) {
		t.Error("account B's domain was verified after all of account A's")
	}
}

func TestASlowEndpointsEventsDelayNoOtherEndpoint(t *testing.T) {
	t.Parallel()
	sim, err := simulator.Start(simulator.Options{Apps: []simulator.App{{ID: "a"}, {ID: "b"}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	f := setupOn(t, sim, redistest.New(t).Addr)
	arrived := make(chan struct{}) // at app b's endpoint
	var ended atomic.Int32         // requests to app a's endpoint
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-arrived:
		case <-r.Context().Done():
			ended.Add(1)
		}
	}))
	t.Cleanup(slow.Close)
	fast := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { close(arrived) }))
	t.Cleanup(fast.Close)
	enqueuer, now := followup.New(f.rdb), time.Now().UTC().Truncate(time.Microsecond)
	event := func(app string, i int) {
		at := now.Add(time.Duration(i) * time.Microsecond)
		err := enqueuer.Event(t.Context(), tasks.Event{Type: tasks.AppRecovered, AppID: app, At: at})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range 100 {
		event("a", i)
	}
	event("b", 0)
	cfg := f.config("a", "b")
	cfg.Webhooks = map[string]webhook.Target{"a": target(t, slow.URL, oldSecret), "b": target(t, fast.URL, oldSecret)}
	f.start(cfg)
	<-arrived
	if n := ended.Load(); n > 0 {
		t.Errorf("app b's event arrived after %d requests to the endpoint of app a had ended", n)
	}
}
