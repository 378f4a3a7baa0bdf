package worker_test

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

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

// passer returns a function that maintains once more, when Redis's clock, which is at now, says that
// the next pass is due.
func (f *fixture) passer(server *miniredis.Miniredis, now *time.Time) func() {
	f.t.Helper()
	maintain := f.maintainer(f.config("app1"))
	return func() {
		f.t.Helper()
		*now = now.Add(16 * time.Second)
		server.SetTime(*now)
		maintain()
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
	f.rdb.ZAdd(t.Context(), "pilotsync:{agenda}:visits", redis.Z{Score: float64(now.Add(time.Hour).UnixMilli()), Member: "app1"})
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
		t.Fatalf("wake %d: a pass read an app that no worker marked", n)
	}
	f.rdb.Set(t.Context(), "pilotsync:sweep", now.UnixMilli(), 0) // its last sweep
	later()
	maintain()
	if n := wake(); n != 2 {
		t.Errorf("wake %d: the app's lost sync wasn't found", n)
	}
}

// A Cluster's agenda is on a node of its own, which can lose what the apps' nodes keep. An app that
// never had a sync has no visit, and has no pass read all apps again and again.
func TestAnAppThatTheAgendaLostIsVisitedAgain(t *testing.T) {
	t.Parallel()
	f, server := setupWithClock(t, simulator.Options{})
	now := time.Now()
	f.rdb.SAdd(t.Context(), "pilotsync:apps", "app1", "never")
	f.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "wake", 1)
	pass := f.passer(server, &now)
	visits := func() int64 { return f.rdb.ZCard(t.Context(), "pilotsync:{agenda}:visits").Val() }
	pass()
	for range 2 {
		pass()
		f.rdb.Del(t.Context(), "pilotsync:{agenda}:visits")
		pass()
		if n := visits(); n != 1 {
			t.Fatalf("%d apps are on the agenda, want app1", n)
		}
	}
	f.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "awake", 1)
	pass()
	if wake := f.rdb.HGet(t.Context(), "pilotsync:{app1}:sync", "wake").Val(); wake != "1" {
		t.Errorf("wake %s: a pass read an app that isn't due, though the agenda lost nothing", wake)
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
