package worker_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/alicebob/miniredis/v2"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker"
	"pilotsync/worker/ledger"
	"pilotsync/worker/registry"
)

// Apps and accounts come and go while the worker runs, and nothing is lost.
func TestARunningWorkerReloadsItsApps(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{
		Apps:     []simulator.App{{ID: "app1"}, {ID: "app2"}, {ID: "app3"}},
		Accounts: []simulator.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1", "app2"}}, {ClientID: "two", APIKey: "key2", Apps: []string{"app3"}}},
	})
	cfg := f.config("app1")
	wk, _ := f.run(cfg)

	// Changes of unserved apps wait, and their reason names the served apps.
	f.add("app1", "www.one.example.com")
	f.add("app2", "www.two.example.com")
	f.add("app3", "www.three.example.com")
	f.awaitState("app1", "www.one.example.com", tasks.Done)
	for app, domain := range map[string]string{"app2": "www.two.example.com", "app3": "www.three.example.com"} {
		f.await("the reason names the apps that are served", func() bool {
			v := f.view(app, domain)
			return v.State == tasks.Pending && strings.Contains(v.Reason, "no account is configured for app "+app+"; the apps served are app1")
		})
	}

	// One more app of the same account, and another account. The backoff of their tasks has grown
	// to seconds, but they are retried at once.
	cfg.Accounts = []registry.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1", "app2"}}, {ClientID: "two", APIKey: "key2", Apps: []string{"app3"}}}
	if err := wk.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	f.awaitState("app2", "www.two.example.com", tasks.Done)
	f.awaitState("app3", "www.three.example.com", tasks.Done)

	// A wrong configuration changes nothing.
	wrong := cfg
	wrong.Accounts = []registry.Account{{ClientID: "a b", APIKey: "key", Apps: []string{"app1"}}}
	if err := wk.Reload(t.Context(), wrong); err == nil {
		t.Error("a client id that can't be one was taken")
	}
	f.add("app3", "www.four.example.com")
	f.awaitState("app3", "www.four.example.com", tasks.Done)

	// A removed app waits for another worker.
	cfg.Accounts = cfg.Accounts[:1]
	if err := wk.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	f.add("app3", "www.five.example.com")
	f.await("the reason names the apps that are served", func() bool {
		return strings.Contains(f.view("app3", "www.five.example.com").Reason, "the apps served are app1, app2")
	})
	f.add("app2", "www.six.example.com")
	f.awaitState("app2", "www.six.example.com", tasks.Done)
}

// blocked starts a worker with an app whose account's key is wrong. The app is retried only after
// five minutes. two returns the worker's configuration with another key.
func blocked(t *testing.T, domain string) (f *fixture, mini *miniredis.Miniredis, wk *worker.Worker, two func(key string) worker.Config) {
	t.Helper()
	sim, err := simulator.Start(simulator.Options{
		Apps:     []simulator.App{{ID: "app1"}, {ID: "app2"}},
		Accounts: []simulator.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1"}}, {ClientID: "two", APIKey: "right", Apps: []string{"app2"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	mini = miniredis.RunT(t)
	f = setupOn(t, sim, mini.Addr())
	cfg := f.config("app1")
	two = func(key string) worker.Config {
		both := cfg
		both.Accounts = append(slices.Clone(cfg.Accounts), registry.Account{ClientID: "two", APIKey: key, Apps: []string{"app2"}})
		return both
	}
	wk, _ = f.run(two("wrong"))
	f.add("app2", domain)
	f.awaitReason("app2", domain, "status 401")
	return f, mini, wk, two
}

func (f *fixture) awaitReason(app, domain, says string) {
	f.t.Helper()
	f.await("the reason says "+says, func() bool { return strings.Contains(f.view(app, domain).Reason, says) })
}

func TestChangesOfARemovedAccountSaySoWithoutDelay(t *testing.T) {
	t.Parallel()
	f, _, wk, two := blocked(t, "www.two.example.com")
	one := two("")
	one.Accounts = one.Accounts[:1]
	if err := wk.Reload(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	f.awaitReason("app2", "www.two.example.com", "no account is configured for app app2; the apps served are app1")
}

func TestAKeyCorrectedWhileRedisIsAwayIsUsedLater(t *testing.T) {
	t.Parallel()
	f, mini, wk, two := blocked(t, "www.two.example.com")
	f.await("its task waits for a retry", func() bool { return f.rdb.ZCard(t.Context(), "asynq:{lists}:retry").Val() == 1 })
	mini.SetError("ERR away for a moment")
	if err := wk.Reload(t.Context(), two("right")); err != nil {
		t.Errorf("without Redis, a valid configuration is refused: %v", err)
	}
	mini.SetError("")
	f.awaitState("app2", "www.two.example.com", tasks.Done)
}

// Each of two workers gets tasks of the other's app. It leaves them to the other one, and
// doesn't log that as a failure.
func TestAWorkerLeavesTasksToTheWorkerThatServesThem(t *testing.T) {
	t.Parallel()
	sim, err := simulator.Start(simulator.Options{
		Apps:     []simulator.App{{ID: "app1"}, {ID: "app2"}},
		Accounts: []simulator.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1", "app2"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	f := setupOn(t, sim, miniredis.RunT(t).Addr())
	var log harness.Log
	for _, app := range []string{"app1", "app2"} {
		cfg := f.config(app)
		cfg.Log.SetOutput(&log)
		f.start(cfg)
	}
	f.await("both workers are known", func() bool {
		live, err := f.ledger.Workers(t.Context())
		return err == nil && len(ledger.ServedBy(live, "app1")) == 1 && len(ledger.ServedBy(live, "app2")) == 1
	})
	for i, domain := range names(20) {
		f.add([]string{"app1", "app2"}[i%2], domain)
	}
	for i, domain := range names(20) {
		f.awaitState([]string{"app1", "app2"}[i%2], domain, tasks.Done)
	}
	if strings.Contains(log.String(), "no account is configured") || strings.Contains(log.String(), "left to another worker") {
		t.Errorf("the log says:\n%s", log.String())
	}
}
