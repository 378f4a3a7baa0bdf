package worker_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// recordOnly is a worker that dies between recording a change and enqueueing its sync.
func (w *world) recordOnly(app, domain string) {
	w.t.Helper()
	change := listsync.Pending{RecordedAt: time.Now(), Change: tasks.Change{AppID: app, Domain: domain, Seq: time.Now().UnixMicro(), RequestedAt: time.Now()}}
	recorded, err := w.ledger.Record(w.t.Context(), change, listsync.HistoryEntry{At: time.Now(), State: tasks.Pending, Actor: "request"})
	if err != nil || !recorded.Start {
		w.t.Fatalf("%+v, %v", recorded, err)
	}
}

func TestTheSweepWakesAnAppWhoseSyncWasNeverEnqueued(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	w.recordOnly("app1", "shop.example.com")
	w.start(w.config("app1"))
	w.awaitState("app1", "shop.example.com", tasks.Done)
}

func TestTheSweepLeavesAnAppAloneWhoseSyncWaits(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	w.recordOnly("app1", "shop.example.com")
	client := asynq.NewClientFromRedisClient(w.rdb)
	s := tasks.Sync{AppID: "app1", Wake: 1}
	if _, err := client.Enqueue(asynq.NewTask(tasks.TypeAppSync, tasks.Encode(s)), asynq.TaskID(s.ID()), asynq.Queue(tasks.QueueLists),
		asynq.ProcessIn(time.Hour)); err != nil {
		t.Fatal(err)
	}
	w.start(w.config("app2"))
	// The turn is taken when the sweep begins; what the sweep does takes no time.
	w.await("a sweep has begun", func() bool { return w.rdb.Exists(t.Context(), "pilotsync:sweep").Val() == 1 })
	w.add("app2", "other.example.com")
	w.awaitState("app2", "other.example.com", tasks.Pending)
	if app, err := w.ledger.App(t.Context(), "app1"); err != nil || app.Wake != 1 {
		t.Errorf("the sweep made wake %d (%v); the task of wake 1 waits", app.Wake, err)
	}
}

func TestTheSweepEnqueuesALostVerificationAgain(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	stop := w.start(w.config("app1"))
	w.add("app1", "nodns.example.com")
	w.await("one attempt was made", func() bool { return w.view("app1", "nodns.example.com").Record.Attempt == 1 })
	stop()
	// The next attempt's task is lost, and the attempt long overdue.
	was := w.view("app1", "nodns.example.com").Record
	inspector := asynq.NewInspectorFromRedisClient(w.rdb)
	id := fmt.Sprintf("verify:app1:nodns.example.com:%d:%d", was.CheckSeq, was.Attempt+1)
	if err := inspector.DeleteTask(tasks.QueueSSL, id); err != nil {
		t.Fatal(err)
	}
	is, long := was, time.Now().Add(-time.Hour)
	is.NextAttemptAt = &long
	if ok, err := w.ledger.Verified(t.Context(), "app1", was, is, listsync.HistoryEntry{}); err != nil || !ok {
		t.Fatal(ok, err)
	}
	w.rdb.Del(t.Context(), "pilotsync:sweep")
	w.start(w.config("app1"))
	w.awaitState("app1", "nodns.example.com", tasks.Failed)
}

func TestTheSweepRecordsAChangeThatADeadWorkerHadInHand(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	w.add("app1", "shop.example.com")
	id := w.diedWithOne()
	w.start(w.config("app1"))
	w.awaitSweptUp("shop.example.com", id)
	w.awaitState("app1", "shop.example.com", tasks.Done)
}

// In an upgrade, a worker of each release may have died.
func TestADeadWorkersChangeOfALaterFormKeepsTheSweepFromNoOther(t *testing.T) {
	t.Parallel()
	w := setup(t, simulator.Options{})
	payload := []byte(`{"app_id":"app1","domain":"later.example.com","seq":1772366400123457,"requested_at":"2026-03-01T12:00:00Z","v":1000}`)
	later, err := asynq.NewClientFromRedisClient(w.rdb).Enqueue(asynq.NewTask(tasks.TypeDomainAdd, payload), asynq.Queue(tasks.QueueDomains))
	if err != nil {
		t.Fatal(err)
	}
	w.diedWithOne()
	w.add("app1", "shop.example.com")
	id := w.diedWithOne() // the sweep sees what was taken first before the other
	w.start(w.config("app1"))
	w.awaitSweptUp("shop.example.com", id)
	if info, err := asynq.NewInspectorFromRedisClient(w.rdb).GetTaskInfo(tasks.QueueDomains, later.ID); err != nil || info.State == asynq.TaskStateArchived {
		t.Errorf("what became of the other: %+v (%v)", info, err)
	}
}

// awaitSweptUp waits until the change of a domain is in the ledger, and checks that the
// sweep put it there: asynq hasn't handed its task out again.
func (w *world) awaitSweptUp(domain, id string) {
	w.t.Helper()
	w.await("the change of "+domain+" is in the ledger", func() bool { return w.view("app1", domain).Seq != 0 })
	if active := w.rdb.LRange(w.t.Context(), "asynq:{domains}:active", 0, -1).Val(); !slices.Contains(active, id) {
		w.t.Errorf("asynq handed the task of %s out again before the sweep recorded the change; active are %q", domain, active)
	}
}

// diedWithOne is a worker that took the next change and died, ten seconds after its
// lease on the task ran out: asynq waits another twenty and more. It returns the task's id.
func (w *world) diedWithOne() string {
	w.t.Helper()
	ctx := w.t.Context()
	id, err := w.rdb.RPopLPush(ctx, "asynq:{domains}:pending", "asynq:{domains}:active").Result()
	if err != nil {
		w.t.Fatal(err)
	}
	w.rdb.HSet(ctx, "asynq:{domains}:t:"+id, "state", "active")
	w.rdb.ZAdd(ctx, "asynq:{domains}:lease", redis.Z{Score: float64(time.Now().Add(-10 * time.Second).Unix()), Member: id})
	return id
}
