package worker_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker"
	"pilotsync/worker/listsync"
	"pilotsync/worker/operator"
)

func (f *fixture) remove(app, domain string) {
	f.t.Helper()
	if _, err := f.client.Enqueue(f.t.Context(), enqueue.Request{AppID: app, Domain: domain, Remove: true}); err != nil {
		f.t.Fatal(err)
	}
}

// awaitNoSyncs waits until the queue of syncs is empty.
func (f *fixture) awaitNoSyncs() {
	f.t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	f.await("no sync waits", func() bool {
		info, err := inspector.GetQueueInfo(tasks.QueueLists)
		return err == nil && info.Pending+info.Active+info.Scheduled+info.Retry == 0
	})
}

func TestADryRunLeavesChangesPendingWithAPreview(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"hand.example.net", "old.example.net", "there.example.net"}}}})
	cfg := f.config("app1")
	cfg.DryRun = true
	heard := logtest.NewLocal(cfg.Log)
	stop := f.start(cfg)
	f.add("app1", "shop.example.com", "there.example.net")
	f.remove("app1", "old.example.net")
	f.awaitReason("app1", "shop.example.com", "dry run: would be put on the list, with www.shop.example.com")
	f.awaitReason("app1", "there.example.net", "dry run: is on the list already; www.there.example.net would be put on the list")
	f.awaitReason("app1", "old.example.net", "dry run: would be taken off the list")
	f.awaitNoSyncs()

	if n := f.sim.Calls("app1", simulator.WriteList) + f.sim.Calls("app1", simulator.WriteSSL); n != 0 {
		t.Errorf("%d calls wrote", n)
	}
	for domain, state := range f.states("app1") {
		if state != tasks.Pending {
			t.Errorf("%s is %s", domain, state)
		}
	}
	history, err := f.ledger.History(t.Context(), "app1", "shop.example.com")
	if err != nil || len(history) != 1 || history[0].Reason != "asked to be put on the list" {
		t.Errorf("its history is %+v, %v", history, err)
	}
	if events, err := f.ledger.Outbox(t.Context(), "app1", 10); err != nil || len(events) != 0 {
		t.Errorf("there are events: %+v, %v", events, err)
	}
	for name, count := range map[string]func() (int, error){
		"writes":      func() (int, error) { all, err := f.ledger.Writes(t.Context(), "app1", 10); return len(all), err },
		"owned names": func() (int, error) { all, err := f.ledger.Owned(t.Context(), "app1"); return len(all), err },
	} {
		if n, err := count(); n != 0 || err != nil {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	if !slices.ContainsFunc(heard.AllEntries(), func(e *logrus.Entry) bool {
		return e.Message == "dry run: a sync would write the list: +shop.example.com +www.shop.example.com +www.there.example.net -old.example.net"
	}) {
		t.Error("the log doesn't say what a write would change")
	}

	// After another request it plans again, although nothing changed.
	if err := f.sim.EditByHand("app1", func([]string) []string { return []string{"hand.example.net", "there.example.net"} }); err != nil {
		t.Fatal(err)
	}
	if err := operator.New(f.rdb).Sync(t.Context(), "app1"); err != nil {
		t.Fatal(err)
	}
	f.awaitReason("app1", "old.example.net", "dry run: is not on the list")
	stop()

	// A worker that isn't in a dry run carries out the pending changes.
	f.start(f.config("app1"))
	f.awaitState("app1", "shop.example.com", tasks.Done)
	f.awaitState("app1", "there.example.net", tasks.Done)
	f.awaitState("app1", "old.example.net", tasks.Removed)
	want := []string{"hand.example.net", "there.example.net", "shop.example.com", "www.shop.example.com", "www.there.example.net"}
	if list := f.sim.List("app1"); !slices.Equal(list, want) {
		t.Errorf("the list is %v, want %v", list, want)
	}
}

// The recoverer finds changes without a task, but not those after a dry run.
func TestTheRecovererDoesNotRepeatADryRun(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	cfg := f.config("app1", "app2")
	cfg.DryRun, cfg.Reconcile = true, worker.ReconcileOff
	stop := f.start(cfg)
	f.add("app1", "a.example.com")
	f.awaitReason("app1", "a.example.com", "dry run: would be put on the list, with www.a.example.com")
	f.awaitNoSyncs()
	stop()
	before, err := f.ledger.App(t.Context(), "app1")
	if err != nil {
		t.Fatal(err)
	}
	f.recordOnly("app2", "b.example.com")
	f.rdb.Del(t.Context(), "pilotsync:recoverer") // so the next worker runs its recoverer without delay
	f.start(cfg)
	// The recoverer processes one app after the other.
	f.awaitReason("app2", "b.example.com", "dry run: would be put on the list, with www.b.example.com")
	if app, err := f.ledger.App(t.Context(), "app1"); err != nil || app.Wake != before.Wake {
		t.Errorf("the recoverer made wake %d of %d, %v", app.Wake, before.Wake, err)
	}
}

// Chance decides which worker gets a sync. The other worker requests syncs until it gets one.
func TestBesideADryRunTheOtherWorkersSyncsWin(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	dry := f.config("app1")
	dry.DryRun = true
	f.start(dry)
	f.add("app1", "a.example.com")
	f.awaitReason("app1", "a.example.com", "dry run: would be put on the list, with www.a.example.com")
	f.maintenance = 100 * time.Millisecond
	f.start(f.config("app1"))
	want := []string{"a.example.com", "www.a.example.com"}
	f.await("the names are on the list", func() bool { return slices.Equal(f.sim.List("app1"), want) })
}

func TestADryRunRecordsAFailureAndItsEnd(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	f.sim.FailNext("app1", simulator.ReadApp, simulator.Fault{Kind: simulator.Error5xx})
	cfg := f.config("app1")
	cfg.DryRun = true
	f.start(cfg)
	f.add("app1", "a.example.com")
	f.await("the failure is shown", func() bool {
		return strings.HasPrefix(f.view("app1", "a.example.com").Reason, "waits: ")
	})
	f.awaitReason("app1", "a.example.com", "dry run: would be put on the list, with www.a.example.com")
}

// In a dry run, release 0.1.0 committed changes that it hadn't written. The first worker that
// isn't in a dry run repairs that.
func TestADryRunOfAnOldReleaseIsRepaired(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"hand.example.net"}}}})
	stop := f.start(f.config("app1"))
	f.add("app1", "www.on.example.com", "www.off.example.com")
	f.awaitState("app1", "www.on.example.com", tasks.Done)
	f.remove("app1", "www.off.example.com")
	f.awaitState("app1", "www.off.example.com", tasks.Removed)
	stop()
	// As after a dry run of 0.1.0, more than a day ago.
	if err := f.sim.EditByHand("app1", func([]string) []string { return []string{"hand.example.net", "www.off.example.com"} }); err != nil {
		t.Fatal(err)
	}
	f.rdb.Del(t.Context(), "pilotsync:{app1}:gone")
	f.rdb.HSet(t.Context(), "pilotsync:{app1}:dry", "www.on.example.com", "on", "www.off.example.com", "off")
	cfg := f.config("app1")
	cfg.DryRun, cfg.Reconcile = true, worker.ReconcileOff
	f.start(cfg)()
	if n := f.rdb.Exists(t.Context(), "pilotsync:{app1}:dry").Val(); n != 1 {
		t.Fatal("a worker in a dry run forgot the old one")
	}

	cfg.DryRun = false
	f.start(cfg)
	want := []string{"hand.example.net", "www.on.example.com"}
	f.await("the list is repaired", func() bool { return slices.Equal(f.sim.List("app1"), want) })
	if n := f.rdb.Exists(t.Context(), "pilotsync:{app1}:dry").Val(); n != 0 {
		t.Error("the old dry run isn't forgotten")
	}
}

func TestADryRunLeavesAutoSSLOff(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"www.a.example.com"}}}})
	f.sim.FailNext("app1", simulator.WriteSSL, slices.Repeat([]simulator.Fault{{Kind: simulator.Error5xx}}, 3)...)
	stop := f.start(f.config("app1"))
	f.add("app1", "www.a.example.com")
	f.awaitState("app1", "www.a.example.com", tasks.DoneWithoutSSL)
	stop()
	before := f.sim.Calls("app1", simulator.WriteSSL)

	cfg := f.config("app1")
	cfg.DryRun = true
	f.start(cfg)
	if _, err := f.client.Verify(t.Context(), "ada", enqueue.Target{AppID: "app1", Domain: "www.a.example.com"}); err != nil {
		t.Fatal(err)
	}
	var last listsync.HistoryEntry
	f.await("it was verified", func() bool {
		history, err := f.ledger.History(t.Context(), "app1", "www.a.example.com")
		if err != nil {
			t.Fatal(err)
		}
		last = history[0]
		return last.Actor == "ada"
	})
	if n := f.sim.Calls("app1", simulator.WriteSSL); n != before {
		t.Errorf("%d calls turned AutoSSL on", n-before)
	}
	if !strings.Contains(last.Reason+last.AutoSSL, "dry run") {
		t.Errorf("nothing says why AutoSSL stays off: %+v", last)
	}
}
