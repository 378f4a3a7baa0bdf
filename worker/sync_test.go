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
	w := setup(t, simulator.Options{})
	answer := make(chan struct{})
	w.sim.FailNext("app1", simulator.WriteList, simulator.Fault{Kind: simulator.Slow, Until: answer})
	w.start(w.config("app1"))
	w.add("app1", "www.shop.example.com")
	w.await("a write is under way", func() bool { return w.sim.Calls("app1", simulator.WriteList) == 1 })
	// As after a stall, or a Redis that lost its memory: the lease is another's, and
	// that one ends without a look at what our write did.
	w.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "token", "another", "until", "0")
	w.rdb.HDel(t.Context(), "pilotsync:{app1}:sync", "landing")
	noSweep := func() { w.rdb.Set(t.Context(), "pilotsync:sweep", time.Now().UnixMilli(), 0) }
	noSweep()
	close(answer)
	w.await("it is done, and no sweep came first", func() bool {
		noSweep()
		return w.view("app1", "www.shop.example.com").State == tasks.Done
	})
	if reads := w.sim.Calls("app1", simulator.ReadApp); reads < 2 {
		t.Errorf("%d reads: the list was not read again", reads)
	}
	if app, err := w.ledger.App(t.Context(), "app1"); err != nil || app.Wake != 2 {
		t.Errorf("wake %d (%v), want 2: one more sync was to be asked for", app.Wake, err)
	}
}

func TestALostLeaseWithAnUnknownWriteRereadsTheListLater(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	answer := make(chan struct{})
	w.sim.FailNext("app1", simulator.WriteList, simulator.Fault{Kind: simulator.DropAfter, Until: answer})
	stop := w.start(w.config("app1"))
	w.add("app1", "www.shop.example.com")
	w.await("a write is under way", func() bool { return w.sim.Calls("app1", simulator.WriteList) == 1 })
	w.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "token", "another", "until", "0")
	w.rdb.HDel(t.Context(), "pilotsync:{app1}:sync", "landing")
	began := time.Now()
	close(answer)
	w.await("a look is planned", func() bool {
		app, err := w.ledger.App(t.Context(), "app1")
		return err == nil && app.WakeAt.After(began.Add(listsync.LandingLimit-5*time.Second))
	})
	stop()
	// As if that time had come.
	w.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "look_at", 1)
	w.rdb.Del(t.Context(), "pilotsync:sweep")
	w.start(w.config("app1"))
	w.awaitState("app1", "www.shop.example.com", tasks.Done)
	if app, err := w.ledger.App(t.Context(), "app1"); err != nil || !app.WakeAt.IsZero() {
		t.Errorf("a wake-up is still planned for %s (%v)", app.WakeAt, err)
	}
}
