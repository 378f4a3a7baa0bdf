package worker_test

import (
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/worker"
	"pilotsync/worker/ledger"
	"pilotsync/worker/webhook"
)

// maintainer returns a worker that doesn't run, and makes a maintenance when the test says so.
func (f *fixture) maintainer(cfg worker.Config) func() {
	f.t.Helper()
	wk, err := worker.New(cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	return func() {
		f.t.Helper()
		if err := wk.Maintain(f.t.Context()); err != nil {
			f.t.Fatal(err)
		}
	}
}

// Workers of earlier releases don't mark the apps whose work they record.
func TestWorkThatAnEarlierReleaseLeftIsFound(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	now := time.Now()
	later := func() {
		now = now.Add(16 * time.Second)
		server.SetTime(now)
	}
	maintain := f.maintainer(f.config("app1"))
	server.SetTime(now)
	maintain()
	f.rdb.SAdd(t.Context(), "pilotsync:apps", "app1")
	f.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "wake", 1, "awake", 1)
	wake := func() int64 {
		app, err := f.ledger.App(t.Context(), "app1")
		if err != nil {
			t.Fatal(err)
		}
		return app.Wake
	}
	later()
	maintain()
	if n := wake(); n != 1 {
		t.Fatalf("wake %d: the agenda has an app that no worker marked", n)
	}
	f.rdb.Set(t.Context(), "pilotsync:sweep", now.UnixMilli(), 0) // its last sweep
	later()
	maintain()
	if n := wake(); n != 2 {
		t.Errorf("wake %d: the app's lost sync wasn't found", n)
	}
}

// Only a worker that serves an app knows its webhook, and that needn't be the recoverer.
func TestTheRecovererLeavesEventsToAWorkerThatServesTheApp(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	now := time.Now()
	server.SetTime(now)
	recoverer := f.maintainer(f.config("app1"))
	cfg := f.config("app2")
	cfg.Webhook = webhook.Target{URL: "http://127.0.0.1:1/"}
	other := f.maintainer(cfg)
	recoverer()
	other() // from now on the agenda decides what it reads
	if err := f.ledger.NotifyLoss(t.Context(), "app2", ledger.Identity{ID: "lost"}); err != nil {
		t.Fatal(err)
	}
	server.SetTime(now.Add(31 * time.Second))
	if err := f.ledger.Announce(t.Context(), ledger.Worker{ID: "other", Name: "other", Apps: []string{"app2"}}); err != nil {
		t.Fatal(err)
	}
	recoverer()
	if n := f.rdb.LLen(t.Context(), "pilotsync:{app2}:outbox").Val(); n != 1 {
		t.Fatalf("%d events in the outbox: the recoverer doesn't know where they go", n)
	}
	other()
	if n := f.rdb.LLen(t.Context(), "pilotsync:{app2}:outbox").Val(); n != 0 {
		t.Errorf("%d events are left in the outbox", n)
	}
	if n := f.rdb.LLen(t.Context(), "asynq:{events}:pending").Val(); n != 1 {
		t.Errorf("%d events are on the queue", n)
	}
}
