package worker_test

import (
	"slices"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// A person may delete one key of Redis. Within the hour a pass makes up for what only finds work.
func TestALostKeyHidesNoWorkForLong(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"pilotsync:{app1}:watch", "pilotsync:{app1}:index", "pilotsync:{app1}:sync", "pilotsync:apps",
		"pilotsync:{agenda}:visits", "pilotsync:{agenda}:marks", "pilotsync:{agenda}:domains", "pilotsync:{agenda}:named"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			f, server := setupWithClock(t, simulator.Options{})
			stop := f.start(f.config("app1"))
			f.add("app1", "www.one.example.com", "www.two.example.com", "*.example.com")
			f.awaitState("app1", "www.one.example.com", tasks.Done)
			f.awaitState("app1", "www.two.example.com", tasks.Done)
			f.await("the wildcard is settled", func() bool { return f.view("app1", "*.example.com").State.Final() })
			stop()
			if f.rdb.Del(t.Context(), key).Val() != 1 {
				t.Fatal("the key isn't there")
			}
			now := time.Now().Add(time.Minute) // no mark protects a name
			pass := f.passer(server, &now)
			for range 2 {
				for range 3 {
					pass()
				}
				names, err := f.ledger.Names(t.Context())
				if err != nil || !slices.Contains(names, ledger.Position{Domain: "www.two.example.com", App: "app1"}) {
					t.Errorf("a search finds %v (%v)", names, err)
				}
				now = now.Add(time.Hour)
			}
			f.rdb.Del(t.Context(), "asynq:{ssl}:pending")
			now = now.Add(48 * time.Hour)
			pass()
			if n := f.rdb.LLen(t.Context(), "asynq:{ssl}:pending").Val(); n != 2 {
				t.Errorf("%d rechecks are enqueued two days later, want 2", n)
			}
			if n := len(f.rdb.Keys(t.Context(), "asynq:{lists}:t:sync:app1:hour:*").Val()); n == 0 {
				t.Error("no reconciliation is enqueued")
			}
			states, err := f.ledger.AppStates(t.Context())
			if err != nil || len(states) != 1 {
				t.Fatalf("%d apps are known (%v), want 1", len(states), err)
			}
			page, err := f.ledger.Find(t.Context(), states, ledger.Query{States: []tasks.State{tasks.Done}, Limit: 10})
			if err != nil || page.Total != 2 {
				t.Errorf("readers find %d domains that are done (%v), want 2", page.Total, err)
			}
		})
	}
}
