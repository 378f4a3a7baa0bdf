package worker_test

import (
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

func TestALostLeaseHasTheListLookedAtAgain(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{Latency: 400 * time.Millisecond})
	w.start(w.config("app1"))
	w.add("app1", "www.shop.example.com")
	w.await("a write is under way", 60*time.Second, func() bool { return w.sim.Calls("app1", simulator.WriteList) == 1 })
	// As after a stall, or a Redis that lost its memory: the lease is another's, and
	// that one ends without a look at what our write did.
	w.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "token", "another", "until", "0")
	w.rdb.HDel(t.Context(), "pilotsync:{app1}:sync", "landing")
	w.awaitState("app1", "www.shop.example.com", 60*time.Second, tasks.Done)
	if reads := w.sim.Calls("app1", simulator.ReadApp); reads < 2 {
		t.Errorf("%d reads: the list was not looked at again", reads)
	}
	if app, err := w.ledger.App(t.Context(), "app1"); err != nil || app.Wake != 2 {
		t.Errorf("wake %d (%v), want 2: one more sync was to be asked for", app.Wake, err)
	}
}
