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
func TestARunningWorkerTakesItsAppsAnew(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{
		Apps:     []simulator.App{{ID: "app1"}, {ID: "app2"}, {ID: "app3"}},
		Accounts: []simulator.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1", "app2"}}, {ClientID: "two", APIKey: "key2", Apps: []string{"app3"}}},
	})
	cfg := h.config("app1")
	wk, _ := h.run(cfg)

	// Changes of apps that nobody serves wait, and say whom the worker serves.
	h.add("app1", "www.one.example.com")
	h.add("app2", "www.two.example.com")
	h.add("app3", "www.three.example.com")
	h.awaitState("app1", "www.one.example.com", tasks.Done)
	for app, domain := range map[string]string{"app2": "www.two.example.com", "app3": "www.three.example.com"} {
		h.await("the reason names the apps that are served", func() bool {
			v := h.view(app, domain)
			return v.State == tasks.Pending && strings.Contains(v.Reason, "no account is configured for app "+app+"; the apps served are app1")
		})
	}

	// One more app of the same account, and another account. Their pauses have grown
	// to seconds; they don't wait for those.
	cfg.Accounts = []registry.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1", "app2"}}, {ClientID: "two", APIKey: "key2", Apps: []string{"app3"}}}
	if err := wk.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	h.awaitState("app2", "www.two.example.com", tasks.Done)
	h.awaitState("app3", "www.three.example.com", tasks.Done)

	// A wrong configuration changes nothing.
	wrong := cfg
	wrong.Accounts = []registry.Account{{ClientID: "a b", APIKey: "key", Apps: []string{"app1"}}}
	if err := wk.Reload(t.Context(), wrong); err == nil {
		t.Error("a client id that can't be one was taken")
	}
	h.add("app3", "www.four.example.com")
	h.awaitState("app3", "www.four.example.com", tasks.Done)

	// An app that is taken out waits for another worker.
	cfg.Accounts = cfg.Accounts[:1]
	if err := wk.Reload(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	h.add("app3", "www.five.example.com")
	h.await("the reason names the apps that are served", func() bool {
		return strings.Contains(h.view("app3", "www.five.example.com").Reason, "the apps served are app1, app2")
	})
	h.add("app2", "www.six.example.com")
	h.awaitState("app2", "www.six.example.com", tasks.Done)
}

// blocked is a running worker with an app whose account's key is wrong: it is tried
// again in five minutes. two is its configuration with another key.
func blocked(t *testing.T, domain string) (h *fixture, mini *miniredis.Miniredis, wk *worker.Worker, two func(key string) worker.Config) {
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
	h = setupOn(t, sim, mini.Addr())
	cfg := h.config("app1")
	two = func(key string) worker.Config {
		both := cfg
		both.Accounts = append(slices.Clone(cfg.Accounts), registry.Account{ClientID: "two", APIKey: key, Apps: []string{"app2"}})
		return both
	}
	wk, _ = h.run(two("wrong"))
	h.add("app2", domain)
	h.awaitReason("app2", domain, "status 401")
	return h, mini, wk, two
}

func (h *fixture) awaitReason(app, domain, says string) {
	h.t.Helper()
	h.await("the reason says "+says, func() bool { return strings.Contains(h.view(app, domain).Reason, says) })
}

func TestWhatWaitsForAnAccountThatIsGoneSaysSoAtOnce(t *testing.T) {
	t.Parallel()
	h, _, wk, two := blocked(t, "www.two.example.com")
	one := two("")
	one.Accounts = one.Accounts[:1]
	if err := wk.Reload(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	h.awaitReason("app2", "www.two.example.com", "no account is configured for app app2; the apps served are app1")
}

func TestAKeyThatIsPutRightWhileRedisIsAwayIsUsedOnceItIsBack(t *testing.T) {
	t.Parallel()
	h, mini, wk, two := blocked(t, "www.two.example.com")
	h.await("its task is put away", func() bool { return h.rdb.ZCard(t.Context(), "asynq:{lists}:retry").Val() == 1 })
	mini.SetError("ERR away for a moment")
	if err := wk.Reload(t.Context(), two("right")); err != nil {
		t.Errorf("a configuration that can be served isn't Redis's to refuse: %v", err)
	}
	mini.SetError("")
	h.awaitState("app2", "www.two.example.com", tasks.Done)
}

// Each of two workers is handed tasks of the other's app. It hands them on at once, and
// its log doesn't show that as trouble.
func TestAWorkerHandsOnWhatAnotherServes(t *testing.T) {
	t.Parallel()
	sim, err := simulator.Start(simulator.Options{
		Apps:     []simulator.App{{ID: "app1"}, {ID: "app2"}},
		Accounts: []simulator.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1", "app2"}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	h := setupOn(t, sim, miniredis.RunT(t).Addr())
	var log harness.Log
	for _, app := range []string{"app1", "app2"} {
		cfg := h.config(app)
		cfg.Log.SetOutput(&log)
		h.start(cfg)
	}
	h.await("both workers are known", func() bool {
		live, err := h.ledger.Workers(t.Context())
		return err == nil && len(ledger.ServedBy(live, "app1")) == 1 && len(ledger.ServedBy(live, "app2")) == 1
	})
	for i, domain := range names(20) {
		h.add([]string{"app1", "app2"}[i%2], domain)
	}
	for i, domain := range names(20) {
		h.awaitState([]string{"app1", "app2"}[i%2], domain, tasks.Done)
	}
	if strings.Contains(log.String(), "no account is configured") || strings.Contains(log.String(), "left to another worker") {
		t.Errorf("the log says:\n%s", log.String())
	}
}
