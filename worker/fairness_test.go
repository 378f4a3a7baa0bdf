package worker_test

import (
	"fmt"
	"testing"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker"
	"pilotsync/worker/registry"
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
