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

func (h *fixture) remove(app, domain string) {
	h.t.Helper()
	if _, err := h.client.Enqueue(h.t.Context(), enqueue.Request{AppID: app, Domain: domain, Remove: true}); err != nil {
		h.t.Fatal(err)
	}
}

// awaitNoSyncs waits until the queue of syncs is empty.
func (h *fixture) awaitNoSyncs() {
	h.t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(h.rdb)
	h.await("no sync waits", func() bool {
		info, err := inspector.GetQueueInfo(tasks.QueueLists)
		return err == nil && info.Pending+info.Active+info.Scheduled+info.Retry == 0
	})
}

func TestADryRunLeavesChangesPendingWithWhatWouldBeDone(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"hand.example.net", "old.example.net", "there.example.net"}}}})
	cfg := h.config("app1")
	cfg.DryRun = true
	heard := logtest.NewLocal(cfg.Log)
	stop := h.start(cfg)
	h.add("app1", "shop.example.com", "there.example.net")
	h.remove("app1", "old.example.net")
	h.awaitReason("app1", "shop.example.com", "dry run: would be put on the list, with www.shop.example.com")
	h.awaitReason("app1", "there.example.net", "dry run: is on the list already; www.there.example.net would be put on the list")
	h.awaitReason("app1", "old.example.net", "dry run: would be taken off the list")
	h.awaitNoSyncs()

	if n := h.sim.Calls("app1", simulator.WriteList) + h.sim.Calls("app1", simulator.WriteSSL); n != 0 {
		t.Errorf("%d calls wrote", n)
	}
	for domain, state := range h.states("app1") {
		if state != tasks.Pending {
			t.Errorf("%s is %s", domain, state)
		}
	}
	history, err := h.ledger.History(t.Context(), "app1", "shop.example.com")
	if err != nil || len(history) != 1 || history[0].Reason != "asked to be put on the list" {
		t.Errorf("its history is %+v, %v", history, err)
	}
	if events, err := h.ledger.Outbox(t.Context(), "app1", 10); err != nil || len(events) != 0 {
		t.Errorf("events were told: %+v, %v", events, err)
	}
	for what, look := range map[string]func() (int, error){
		"writes": func() (int, error) { all, err := h.ledger.Writes(t.Context(), "app1", 10); return len(all), err },
		"ours":   func() (int, error) { all, err := h.ledger.Owned(t.Context(), "app1"); return len(all), err },
	} {
		if n, err := look(); n != 0 || err != nil {
			t.Errorf("%s: %d, %v", what, n, err)
		}
	}
	if !slices.ContainsFunc(heard.AllEntries(), func(e *logrus.Entry) bool {
		return e.Message == "dry run: a sync would write the list: +shop.example.com +www.shop.example.com +www.there.example.net -old.example.net"
	}) {
		t.Error("the log doesn't say what a write would change")
	}

	// Asked for once more, it plans again, though nothing new came.
	if err := h.sim.EditByHand("app1", func([]string) []string { return []string{"hand.example.net", "there.example.net"} }); err != nil {
		t.Fatal(err)
	}
	if err := operator.New(h.rdb).Sync(t.Context(), "app1"); err != nil {
		t.Fatal(err)
	}
	h.awaitReason("app1", "old.example.net", "dry run: is not on the list")
	stop()

	// A worker without the dry run does it all at once: nothing new comes in.
	h.start(h.config("app1"))
	h.awaitState("app1", "shop.example.com", tasks.Done)
	h.awaitState("app1", "there.example.net", tasks.Done)
	h.awaitState("app1", "old.example.net", tasks.Removed)
	want := []string{"hand.example.net", "there.example.net", "shop.example.com", "www.shop.example.com", "www.there.example.net"}
	if list := h.sim.List("app1"); !slices.Equal(list, want) {
		t.Errorf("the list is %v, want %v", list, want)
	}
}

// The sweep finds changes without a task. After a dry run that is as it should be.
func TestTheSweepDoesNotRepeatADryRun(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}})
	cfg := h.config("app1", "app2")
	cfg.DryRun, cfg.Reconcile = true, worker.ReconcileOff
	stop := h.start(cfg)
	h.add("app1", "a.example.com")
	h.awaitReason("app1", "a.example.com", "dry run: would be put on the list, with www.a.example.com")
	h.awaitNoSyncs()
	stop()
	before, err := h.ledger.App(t.Context(), "app1")
	if err != nil {
		t.Fatal(err)
	}
	h.recordOnly("app2", "b.example.com")
	h.rdb.Del(t.Context(), "pilotsync:sweep") // so that the next worker sweeps at once
	h.start(cfg)
	// The sweep looks at one app after the other.
	h.awaitReason("app2", "b.example.com", "dry run: would be put on the list, with www.b.example.com")
	if app, err := h.ledger.App(t.Context(), "app1"); err != nil || app.Wake != before.Wake {
		t.Errorf("the sweep made wake %d of %d, %v", app.Wake, before.Wake, err)
	}
}

// Which of the two takes a sync is chance. The other worker requests syncs until one is its own.
func TestBesideADryRunTheOtherWorkersSyncsWin(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	dry := h.config("app1")
	dry.DryRun = true
	h.start(dry)
	h.add("app1", "a.example.com")
	h.awaitReason("app1", "a.example.com", "dry run: would be put on the list, with www.a.example.com")
	h.maintenance = 100 * time.Millisecond
	h.start(h.config("app1"))
	want := []string{"a.example.com", "www.a.example.com"}
	h.await("the names are on the list", func() bool { return slices.Equal(h.sim.List("app1"), want) })
}

func TestADryRunShowsTroubleAndItsEnd(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}})
	h.sim.FailNext("app1", simulator.ReadApp, simulator.Fault{Kind: simulator.Error5xx})
	cfg := h.config("app1")
	cfg.DryRun = true
	h.start(cfg)
	h.add("app1", "a.example.com")
	h.await("the trouble is shown", func() bool {
		return strings.HasPrefix(h.view("app1", "a.example.com").Reason, "waits to be put on the list: ")
	})
	h.awaitReason("app1", "a.example.com", "dry run: would be put on the list, with www.a.example.com")
}

// Release 0.1.0 committed in a dry run what it hadn't written. That is put right by the
// first worker that isn't in a dry run.
func TestWhatADryRunOfAnOldReleaseLeftIsPutRight(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"hand.example.net"}}}})
	stop := h.start(h.config("app1"))
	h.add("app1", "www.on.example.com", "www.off.example.com")
	h.awaitState("app1", "www.on.example.com", tasks.Done)
	h.remove("app1", "www.off.example.com")
	h.awaitState("app1", "www.off.example.com", tasks.Removed)
	stop()
	// As after a dry run of 0.1.0, more than a day ago.
	if err := h.sim.EditByHand("app1", func([]string) []string { return []string{"hand.example.net", "www.off.example.com"} }); err != nil {
		t.Fatal(err)
	}
	h.rdb.Del(t.Context(), "pilotsync:{app1}:gone")
	h.rdb.HSet(t.Context(), "pilotsync:{app1}:dry", "www.on.example.com", "on", "www.off.example.com", "off")
	cfg := h.config("app1")
	cfg.DryRun, cfg.Reconcile = true, worker.ReconcileOff
	h.start(cfg)()
	if n := h.rdb.Exists(t.Context(), "pilotsync:{app1}:dry").Val(); n != 1 {
		t.Fatal("a worker in a dry run forgot the old one")
	}

	cfg.DryRun = false
	h.start(cfg)
	want := []string{"hand.example.net", "www.on.example.com"}
	h.await("the list is put right", func() bool { return slices.Equal(h.sim.List("app1"), want) })
	if n := h.rdb.Exists(t.Context(), "pilotsync:{app1}:dry").Val(); n != 0 {
		t.Error("the old dry run isn't forgotten")
	}
}

func TestADryRunLeavesAutoSSLOff(t *testing.T) {
	t.Parallel()
	h := setup(t, simulator.Options{Apps: []simulator.App{{ID: "app1", Domains: []string{"www.a.example.com"}}}})
	h.sim.FailNext("app1", simulator.WriteSSL, slices.Repeat([]simulator.Fault{{Kind: simulator.Error5xx}}, 3)...)
	stop := h.start(h.config("app1"))
	h.add("app1", "www.a.example.com")
	h.awaitState("app1", "www.a.example.com", tasks.DoneWithoutSSL)
	stop()
	before := h.sim.Calls("app1", simulator.WriteSSL)

	cfg := h.config("app1")
	cfg.DryRun = true
	h.start(cfg)
	if _, err := h.client.Verify(t.Context(), "ada", enqueue.Target{AppID: "app1", Domain: "www.a.example.com"}); err != nil {
		t.Fatal(err)
	}
	var last listsync.HistoryEntry
	h.await("it was verified", func() bool {
		history, err := h.ledger.History(t.Context(), "app1", "www.a.example.com")
		if err != nil {
			t.Fatal(err)
		}
		last = history[0]
		return last.Actor == "ada"
	})
	if n := h.sim.Calls("app1", simulator.WriteSSL); n != before {
		t.Errorf("%d calls turned AutoSSL on", n-before)
	}
	if !strings.Contains(last.Reason+last.AutoSSL, "dry run") {
		t.Errorf("nothing says why AutoSSL stays off: %+v", last)
	}
}
