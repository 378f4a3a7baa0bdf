package worker_test

import (
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

func TestALostLeaseHasTheListLookedAtAgain(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{})
	answer := make(chan struct{})
	h.sim.FailNext("app1", simulator.WriteList, simulator.Fault{Kind: simulator.Slow, Until: answer})
	h.start(h.config("app1"))
	h.add("app1", "www.shop.example.com")
	h.await("a write is under way", func() bool { return h.sim.Calls("app1", simulator.WriteList) == 1 })
	// As after a stall, or a Redis that lost its memory: the lease is another's, and
	// that one ends without a look at what our write did.
	h.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "token", "another", "until", "0")
	h.rdb.HDel(t.Context(), "pilotsync:{app1}:sync", "landing")
	noSweep := func() { h.rdb.Set(t.Context(), "pilotsync:sweep", time.Now().UnixMilli(), 0) }
	noSweep()
	close(answer)
	h.await("it is done, and no sweep came first", func() bool {
		noSweep()
		return h.view("app1", "www.shop.example.com").State == tasks.Done
	})
	if reads := h.sim.Calls("app1", simulator.ReadApp); reads < 2 {
		t.Errorf("%d reads: the list was not read again", reads)
	}
	if app, err := h.ledger.App(t.Context(), "app1"); err != nil || app.Wake != 2 {
		t.Errorf("wake %d (%v), want 2: one more sync was to be asked for", app.Wake, err)
	}
}

func TestALostLeaseWithAnUnknownWriteRereadsTheListLater(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{})
	answer := make(chan struct{})
	h.sim.FailNext("app1", simulator.WriteList, simulator.Fault{Kind: simulator.DropAfter, Until: answer})
	stop := h.start(h.config("app1"))
	h.add("app1", "www.shop.example.com")
	h.await("a write is under way", func() bool { return h.sim.Calls("app1", simulator.WriteList) == 1 })
	h.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "token", "another", "until", "0")
	h.rdb.HDel(t.Context(), "pilotsync:{app1}:sync", "landing")
	began := time.Now()
	close(answer)
	h.await("a look is planned", func() bool {
		app, err := h.ledger.App(t.Context(), "app1")
		return err == nil && app.WakeAt.After(began.Add(listsync.LandingLimit-5*time.Second))
	})
	stop()
	// As if that time had come.
	h.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "look_at", 1)
	h.rdb.Del(t.Context(), "pilotsync:sweep")
	h.start(h.config("app1"))
	h.awaitState("app1", "www.shop.example.com", tasks.Done)
	if app, err := h.ledger.App(t.Context(), "app1"); err != nil || !app.WakeAt.IsZero() {
		t.Errorf("a wake-up is still planned for %s (%v)", app.WakeAt, err)
	}
}
