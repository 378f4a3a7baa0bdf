package worker_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hibiken/asynq"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/operator"
)

// keysOf returns the keys in Redis that name an app, and "apps" if the list of apps has it.
func (f *fixture) keysOf(app string) []string {
	f.t.Helper()
	keys, err := f.rdb.Keys(f.t.Context(), "*"+app+"*").Result()
	if err != nil {
		f.t.Fatal(err)
	}
	apps, err := f.ledger.Apps(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	for _, id := range apps {
		if id == app {
			keys = append(keys, "apps")
		}
	}
	return keys
}

// The keys are compared with those that a worker really wrote. So this test fails if a new key
// is missing in the ledger's Forget.
func TestNothingIsLeftOfAForgottenApp(t *testing.T) {
	t.Parallel()
	hook := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	t.Cleanup(hook.Close)
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	cfg := f.config("app1", "app2")
	cfg.Webhook = target(t, hook.URL, oldSecret)
	stop := f.start(cfg)
	f.add("app1", "shop.example.com", "old.example.com")
	f.add("app2", "other.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	f.awaitState("app1", "old.example.com", tasks.Done)
	f.awaitState("app2", "other.example.com", tasks.Done)
	if _, err := f.client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "old.example.com", Remove: true}); err != nil {
		t.Fatal(err)
	}
	f.awaitState("app1", "old.example.com", tasks.Removed)
	operators := operator.New(f.rdb)
	if err := operators.Forget(t.Context(), "app1"); !errors.Is(err, operator.ErrServed) || len(f.keysOf("app1")) == 0 {
		t.Fatalf("an app that is served: %v, and there is %q", err, f.keysOf("app1"))
	}
	stop()
	f.add("app1", "waiting.example.com") // stays on the queue
	if err := operators.Pause(t.Context(), "app1", "ada"); err != nil {
		t.Fatal(err)
	}
	before := len(f.keysOf("app2"))
	if err := operators.Forget(t.Context(), "app1"); err != nil {
		t.Fatal(err)
	}
	if left := f.keysOf("app1"); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
	if found, err := operators.Tasks(t.Context(), "app1"); err != nil || len(found) > 0 {
		t.Errorf("on the queues are %+v, %v", found, err)
	}
	if after := len(f.keysOf("app2")); after != before {
		t.Errorf("of the other app there were %d keys, and are %d", before, after)
	}
	if names := f.sim.List("app1"); !strings.Contains(strings.Join(names, " "), "shop.example.com") {
		t.Errorf("ServerPilot's list is %q", names)
	}
}

func TestAMistypedAppDoesNotComeBackAfterItIsForgotten(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	f.add("nosuchapp", "queued.example.com")
	operators := operator.New(f.rdb)
	if err := operators.Forget(t.Context(), "nosuchapp"); err != nil {
		t.Fatal(err)
	}
	if left := f.keysOf("nosuchapp"); len(left) > 0 {
		t.Errorf("it was only on the queue, and left are %q", left)
	}
	f.start(f.config("app1"))
	f.add("nosuchapp", "shop.example.com")
	f.await("its sync is retried", func() bool {
		retries, err := asynq.NewInspectorFromRedisClient(f.rdb).ListRetryTasks(tasks.QueueLists)
		return err == nil && len(retries) > 0
	})
	// A busy machine may not end the sync within Forget's time, so it is called again.
	f.await("the app is forgotten", func() bool { return operators.Forget(t.Context(), "nosuchapp") == nil })
	f.add("app1", "right.example.com") // the worker continues
	f.awaitState("app1", "right.example.com", tasks.Done)
	if left := f.keysOf("nosuchapp"); len(left) > 0 {
		t.Errorf("left are %q", left)
	}
}
