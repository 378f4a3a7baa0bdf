package worker_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker"
)

// run runs a worker that can be reloaded, until the test ends.
func (w *world) run(cfg worker.Config) *worker.Worker {
	w.t.Helper()
	wk, err := worker.New(cfg)
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- wk.Run(ctx) }()
	w.t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			w.t.Errorf("the worker ended with: %v", err)
		}
	})
	return wk
}

// Apps and accounts come and go while the worker runs, and nothing is lost.
func TestARunningWorkerTakesItsAppsAnew(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{
		Apps:     []simulator.App{{ID: "app1"}, {ID: "app2"}, {ID: "app3"}},
		Accounts: []simulator.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1", "app2"}}, {ClientID: "two", APIKey: "key2", Apps: []string{"app3"}}},
	})
	cfg := w.config("app1")
	wk := w.run(cfg)

	// Changes of apps that nobody serves wait, and say whom the worker serves.
	w.add("app1", "www.one.example.com")
	w.add("app2", "www.two.example.com")
	w.add("app3", "www.three.example.com")
	w.awaitState("app1", "www.one.example.com", 30*time.Second, tasks.Done)
	for app, domain := range map[string]string{"app2": "www.two.example.com", "app3": "www.three.example.com"} {
		w.await("the reason names the apps that are served", 30*time.Second, func() bool {
			v := w.view(app, domain)
			return v.State == tasks.Pending && strings.Contains(v.Reason, "no account is configured for app "+app+"; the apps served are app1")
		})
	}

	// One more app of the same account, and another account. Their pauses have grown
	// to seconds; they don't wait for those.
	cfg.Accounts = []worker.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1", "app2"}}, {ClientID: "two", APIKey: "key2", Apps: []string{"app3"}}}
	if err := wk.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	w.awaitState("app2", "www.two.example.com", 30*time.Second, tasks.Done)
	w.awaitState("app3", "www.three.example.com", 30*time.Second, tasks.Done)

	// A wrong configuration changes nothing.
	wrong := cfg
	wrong.Accounts = []worker.Account{{ClientID: "a b", APIKey: "key", Apps: []string{"app1"}}}
	if err := wk.Reload(t.Context(), wrong); err == nil {
		t.Error("a client id that can't be one was taken")
	}
	w.add("app3", "www.four.example.com")
	w.awaitState("app3", "www.four.example.com", 30*time.Second, tasks.Done)

	// An app that is taken out waits for another worker.
	cfg.Accounts = cfg.Accounts[:1]
	if err := wk.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	w.add("app3", "www.five.example.com")
	w.await("the reason names the apps that are served", 30*time.Second, func() bool {
		return strings.Contains(w.view("app3", "www.five.example.com").Reason, "the apps served are app1, app2")
	})
	w.add("app2", "www.six.example.com")
	w.awaitState("app2", "www.six.example.com", 30*time.Second, tasks.Done)
}

// A wrong key blocks its apps for minutes. Whether the account goes or its key is put
// right, nobody waits for the end of that, not even if Redis was away meanwhile.
func TestAReloadReachesBlockedAppsAtOnce(t *testing.T) {
	t.Parallel()
	sim, err := simulator.Start(simulator.Options{
		Apps:     []simulator.App{{ID: "app1"}, {ID: "app2"}},
		Accounts: []simulator.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1"}}, {ClientID: "two", APIKey: "right", Apps: []string{"app2"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	mini := miniredis.RunT(t)
	w := setupOn(t, sim, mini.Addr())
	cfg := w.config("app1")
	two := func(key string) worker.Config {
		both := cfg
		both.Accounts = append(slices.Clone(cfg.Accounts), worker.Account{ClientID: "two", APIKey: key, Apps: []string{"app2"}})
		return both
	}
	const domain = "www.two.example.com"
	reason := func(says string) {
		t.Helper()
		w.await("the reason says "+says, 10*time.Second, func() bool { return strings.Contains(w.view("app2", domain).Reason, says) })
	}
	wk := w.run(two("wrong"))
	w.add("app2", domain)
	reason("status 401")

	if err := wk.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	reason("no account is configured for app app2; the apps served are app1")

	if err := wk.Reload(t.Context(), two("wrong")); err != nil {
		t.Fatal(err)
	}
	reason("status 401")
	mini.SetError("ERR away for a moment")
	if err := wk.Reload(t.Context(), two("right")); err != nil {
		t.Errorf("a configuration that can be served isn't Redis's to refuse: %v", err)
	}
	mini.SetError("")
	w.awaitState("app2", domain, 30*time.Second, tasks.Done)
}
