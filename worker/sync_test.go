package worker_test

import (
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

func TestALostLeaseLeadsToAnotherSync(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	answer := make(chan struct{})
	f.sim.FailNext("app1", simulator.WriteList, simulator.Fault{Kind: simulator.Slow, Until: answer})
	// Before the start: the recoverer's first pass may still run when the lease is lost, and
	// would wake the app itself.
	noRecoverer := func() { f.rdb.Set(t.Context(), "pilotsync:recoverer", time.Now().UnixMilli(), 0) }
	noRecoverer()
	f.start(f.config("app1"))
	f.add("app1", "www.shop.example.com")
	f.await("a write is under way", func() bool {
		noRecoverer()
		return f.sim.Calls("app1", simulator.WriteList) == 1
	})
	// As after a stall, or after Redis lost its data: another sync has the lease, and ends without
	// reading what this write did.
	f.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "token", "another", "until", "0")
	f.rdb.HDel(t.Context(), "pilotsync:{app1}:sync", "landing")
	close(answer)
	f.await("it is done, and the recoverer didn't wake the app first", func() bool {
		noRecoverer()
		return f.view("app1", "www.shop.example.com").State == tasks.Done
	})
	if reads := f.sim.Calls("app1", simulator.ReadApp); reads < 2 {
		t.Errorf("%d reads: the list was not read again", reads)
	}
	if app, err := f.ledger.App(t.Context(), "app1"); err != nil || app.Wake != 2 {
		t.Errorf("wake %d (%v), want 2: one more sync was to be asked for", app.Wake, err)
	}
}

func TestALostLeaseWithAnUnknownWriteRereadsTheListLater(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	answer := make(chan struct{})
	f.sim.FailNext("app1", simulator.WriteList, simulator.Fault{Kind: simulator.DropAfter, Until: answer})
	stop := f.start(f.config("app1"))
	f.add("app1", "www.shop.example.com")
	f.await("a write is under way", func() bool { return f.sim.Calls("app1", simulator.WriteList) == 1 })
	f.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "token", "another", "until", "0")
	f.rdb.HDel(t.Context(), "pilotsync:{app1}:sync", "landing")
	began := time.Now()
	close(answer)
	f.await("another sync is planned", func() bool {
		app, err := f.ledger.App(t.Context(), "app1")
		return err == nil && app.WakeAt.After(began.Add(listsync.LandingLimit-5*time.Second))
	})
	stop()
	// The wake time has come.
	f.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "look_at", 1)
	f.rdb.Del(t.Context(), "pilotsync:recoverer")
	f.start(f.config("app1"))
	f.awaitState("app1", "www.shop.example.com", tasks.Done)
	if app, err := f.ledger.App(t.Context(), "app1"); err != nil || !app.WakeAt.IsZero() {
		t.Errorf("a wake-up is still planned for %s (%v)", app.WakeAt, err)
	}
}
