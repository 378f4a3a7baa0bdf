package worker_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker"
)

// Apps and accounts come and go while the worker runs, and nothing is lost.
func TestARunningWorkerTakesItsAppsAnew(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{
		Apps:     []simulator.App{{ID: "app1"}, {ID: "app2"}, {ID: "app3"}},
		Accounts: []simulator.Account{{ClientID: "sim", APIKey: "sim-key", Apps: []string{"app1", "app2"}}, {ClientID: "two", APIKey: "key2", Apps: []string{"app3"}}},
	})
	cfg := w.config("app1")
	wk, err := worker.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- wk.Run(ctx) }()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}()

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
