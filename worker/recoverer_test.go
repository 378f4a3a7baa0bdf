package worker_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker/followup"
	"pilotsync/worker/listsync"
)

// recordOnly is a worker that dies between recording a change and enqueueing its sync.
func (f *fixture) recordOnly(app, domain string) {
	f.t.Helper()
	change := listsync.Pending{RecordedAt: time.Now(), Change: tasks.Change{AppID: app, Domain: domain, Seq: time.Now().UnixMicro(), RequestedAt: time.Now()}}
	recorded, err := f.ledger.Record(f.t.Context(), change, listsync.HistoryEntry{At: time.Now(), State: tasks.Pending, Actor: "request"})
	if err != nil || !recorded.Start {
		f.t.Fatalf("%+v, %v", recorded, err)
	}
}

func TestTheRecovererWakesAnAppWithoutASync(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.recordOnly("app1", "shop.example.com")
	f.start(f.config("app1"))
	f.awaitState("app1", "shop.example.com", tasks.Done)
}

func TestTheRecovererIgnoresAnAppWithAWaitingSync(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.recordOnly("app1", "shop.example.com")
	client := asynq.NewClientFromRedisClient(f.rdb)
	s := tasks.Sync{AppID: "app1", Wake: 1}
	if _, err := client.Enqueue(asynq.NewTask(tasks.TypeAppSync, tasks.Encode(s)), asynq.TaskID(s.ID()), asynq.Queue(tasks.QueueLists),
		asynq.ProcessIn(time.Hour)); err != nil {
		t.Fatal(err)
	}
	f.start(f.config("app2"))
	// The lock is taken when the recoverer begins, and it takes no time.
	f.await("the recoverer has begun", func() bool { return f.rdb.Exists(t.Context(), "pilotsync:recoverer").Val() == 1 })
	f.add("app2", "other.example.com")
	f.awaitState("app2", "other.example.com", tasks.Pending)
	if app, err := f.ledger.App(t.Context(), "app1"); err != nil || app.Wake != 1 {
		t.Errorf("the recoverer made wake %d (%v); the task of wake 1 waits", app.Wake, err)
	}
}

func TestTheRecovererEnqueuesALostVerificationAgain(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	stop := f.start(f.config("app1"))
	f.add("app1", "nodns.example.com")
	f.await("one attempt was made", func() bool { return f.view("app1", "nodns.example.com").Record.Attempt == 1 })
	stop()
	// The next attempt's task is lost, and the attempt long overdue.
	before := f.view("app1", "nodns.example.com").Record
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	id := fmt.Sprintf("verify:app1:nodns.example.com:%d:%d", before.CheckSeq, before.Attempt+1)
	if err := inspector.DeleteTask(tasks.QueueSSL, id); err != nil {
		t.Fatal(err)
	}
	overdue, long := before, time.Now().Add(-time.Hour)
	overdue.NextAttemptAt = &long
	if ok, err := f.ledger.CommitVerification(t.Context(), "app1", before, overdue, listsync.HistoryEntry{}); err != nil || !ok {
		t.Fatal(ok, err)
	}
	f.rdb.Del(t.Context(), "pilotsync:recoverer")
	f.start(f.config("app1"))
	f.awaitState("app1", "nodns.example.com", tasks.Failed)
}

func TestTheRecovererRecordsADeadWorkersChange(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.add("app1", "shop.example.com")
	id := f.dieWithChange()
	f.start(f.config("app1"))
	f.awaitRecovered("shop.example.com", id)
	f.awaitState("app1", "shop.example.com", tasks.Done)
}

// In an upgrade, a worker of each release may have died.
func TestAChangeOfALaterFormatStopsNoRecovery(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	payload := []byte(`{"app_id":"app1","domain":"later.example.com","seq":1772366400123457,"requested_at":"2026-03-01T12:00:00Z","v":1000}`)
	later, err := asynq.NewClientFromRedisClient(f.rdb).Enqueue(asynq.NewTask(tasks.TypeDomainAdd, payload), asynq.Queue(tasks.QueueDomains))
	if err != nil {
		t.Fatal(err)
	}
	f.dieWithChange()
	f.add("app1", "shop.example.com")
	id := f.dieWithChange() // the recoverer finds the change that was taken first before this one
	f.start(f.config("app1"))
	f.awaitRecovered("shop.example.com", id)
	if info, err := asynq.NewInspectorFromRedisClient(f.rdb).GetTaskInfo(tasks.QueueDomains, later.ID); err != nil || info.State == asynq.TaskStateArchived {
		t.Errorf("what became of the other: %+v (%v)", info, err)
	}
}

func TestAChangeThatTheLedgerDoesNotTakeStopsNoRecovery(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	f.inventApps()
	f.add("new", "waiting.example.com")
	f.dieWithChange()
	f.add("app1", "shop.example.com")
	id := f.dieWithChange() // the recoverer finds the other change before this one
	f.start(f.config("app1"))
	f.awaitRecovered("shop.example.com", id)
}

// awaitRecovered waits until the change of a domain is in the ledger. It checks that asynq
// hasn't handed the task out again, so the recoverer recorded the change.
func (f *fixture) awaitRecovered(domain, id string) {
	f.t.Helper()
	f.await("the change of "+domain+" is in the ledger", func() bool { return f.view("app1", domain).Seq != 0 })
	if active := f.rdb.LRange(f.t.Context(), "asynq:{domains}:active", 0, -1).Val(); !slices.Contains(active, id) {
		f.t.Errorf("asynq handed the task of %s out again before the recoverer recorded the change; active are %q", domain, active)
	}
}

// dieWithChange takes the next change like a worker that died. Its lease on the task ran out
// ten seconds ago; asynq waits at least another twenty. It returns the task's id.
func (f *fixture) dieWithChange() string {
	f.t.Helper()
	ctx := f.t.Context()
	id, err := f.rdb.RPopLPush(ctx, "asynq:{domains}:pending", "asynq:{domains}:active").Result()
	if err != nil {
		f.t.Fatal(err)
	}
	f.rdb.HSet(ctx, "asynq:{domains}:t:"+id, "state", "active")
	f.rdb.ZAdd(ctx, "asynq:{domains}:lease", redis.Z{Score: float64(time.Now().Add(-10 * time.Second).Unix()), Member: id})
	return id
}

// Beside a worker of an earlier release no domain is pruned: that worker doesn't know the floor.
func TestTheRecovererPrunesWhatEndedLongAgo(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		keep       time.Duration
		oldWorkers bool
		want       bool
	}{
		{"after the time", 720 * time.Hour, false, true},
		{"not before it", 2000 * time.Hour, false, false},
		{"never", 0, false, false},
		{"not beside workers of an earlier release", 720 * time.Hour, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, simulator.Options{})
			at := time.Now().Add(-1000 * time.Hour).UTC()
			removal := listsync.Pending{RecordedAt: at, Remove: true, Change: tasks.Change{AppID: "app1", Domain: "old.example.com", Seq: at.UnixMicro(), RequestedAt: at}}
			if _, err := f.ledger.Record(t.Context(), removal, listsync.HistoryEntry{At: at, State: tasks.Pending, Actor: "request"}); err != nil {
				t.Fatal(err)
			}
			lease, err := f.ledger.Acquire(t.Context(), "app1")
			if err != nil {
				t.Fatal(err)
			}
			record := listsync.Record{Domain: "old.example.com", Seq: removal.Seq, State: tasks.Removed, UpdatedAt: at}
			if _, err := f.ledger.Commit(t.Context(), lease, listsync.Commit{Outcomes: []listsync.Outcome{{Record: record}}}); err != nil {
				t.Fatal(err)
			}
			if _, err := f.ledger.Release(t.Context(), lease); err != nil {
				t.Fatal(err)
			}
			f.recordOnly("app1", "shop.example.com") // the first pass wakes the app, then prunes it
			if c.oldWorkers {
				f.rdb.Set(t.Context(), "pilotsync:sweep", time.Now().UnixMilli(), 0)
			}
			cfg := f.config("app1")
			cfg.KeepRemoved = c.keep
			f.start(cfg)
			f.awaitState("app1", "shop.example.com", tasks.Done)
			known := func() bool {
				_, ok, err := f.ledger.Domain(t.Context(), "app1", "old.example.com")
				if err != nil {
					t.Fatal(err)
				}
				return ok
			}
			if c.want {
				f.await("the domain is pruned", func() bool { return !known() })
			} else if !known() {
				t.Error("the domain was pruned")
			}
		})
	}
}

// A task that runs isn't lost, nor one that was enqueued again and waits for a slot. A task whose
// worker died is.
func TestOnlyALostVerificationIsEnqueuedAgain(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		lease time.Duration // from now, of the active task; 0 for a task that is gone
		again bool          // it was enqueued again before
		want  bool
	}{
		{name: "its worker renews the lease", lease: 20 * time.Second},
		{name: "its worker died", lease: -5 * time.Second, want: true},
		{name: "it is gone", want: true},
		{name: "it was enqueued again and waits", again: true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, simulator.Options{})
			ctx := t.Context()
			const domain = "nodns.example.com"
			stop := f.start(f.config("app1"))
			f.add("app1", domain)
			f.await("one attempt was made", func() bool { return f.view("app1", domain).Record.Attempt == 1 })
			stop()
			before := f.view("app1", domain).Record
			long := time.Now().Add(-time.Hour)
			overdue := before
			overdue.NextAttemptAt = &long
			if ok, err := f.ledger.CommitVerification(ctx, "app1", before, overdue, listsync.HistoryEntry{}); err != nil || !ok {
				t.Fatal(ok, err)
			}
			next := followup.NextAttempt("app1", f.view("app1", domain).Record)
			f.rdb.ZRem(ctx, "asynq:{ssl}:scheduled", next.ID())
			f.rdb.Del(ctx, "asynq:{ssl}:t:"+next.ID())
			if c.lease != 0 { // a server of asynq takes no active task
				f.rdb.HSet(ctx, "asynq:{ssl}:t:"+next.ID(), "state", "active")
				f.rdb.LPush(ctx, "asynq:{ssl}:active", next.ID())
				f.rdb.ZAdd(ctx, "asynq:{ssl}:lease", redis.Z{Score: float64(time.Now().Add(c.lease).Unix()), Member: next.ID()})
			}
			if c.again {
				if err := followup.New(f.rdb).VerifyAgain(ctx, tasks.Verify{AppID: "app1", Domain: domain, Seq: next.Seq, Attempt: next.Attempt, DueAt: time.Now().Add(time.Hour)}, long); err != nil {
					t.Fatal(err)
				}
			}
			f.rdb.Del(ctx, "pilotsync:recoverer")
			cfg := f.config("app2") // it leaves the verification's task to others
			log := &harness.Log{Also: t.Output()}
			cfg.Log.SetOutput(log)
			f.start(cfg)
			f.await("the recoverer has looked", func() bool {
				return f.rdb.ZScore(ctx, "pilotsync:{app1}:due", domain).Val() > float64(long.UnixMilli())
			})
			if got := strings.Contains(log.String(), "was lost"); got != c.want {
				t.Errorf("it was called lost: %v, want %v", got, c.want)
			}
			all := f.rdb.Keys(ctx, "asynq:{ssl}:t:"+next.ID()+":again:*").Val()
			if got := len(all) == 1; got != (c.want || c.again) || len(all) > 1 {
				t.Errorf("enqueued again were %q", all)
			}
		})
	}
}

// A limited user of Redis may set an app's last order number.
func TestTheRecovererLowersALastNumberThatWasRaised(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	cfg := f.config("app1")
	reg := f.withMetrics(&cfg)
	f.rdb.Set(t.Context(), "pilotsync:{app1}:seq", 1<<53-1, 0)
	f.start(cfg)
	f.await("it is lowered", func() bool {
		last, err := f.rdb.Get(t.Context(), "pilotsync:{app1}:seq").Int64()
		return err == nil && last < 1e16/5
	})
	f.await("it is counted", func() bool { return f.scrape(reg)[`pilotsync_sweep_finds_total{kind="raised-number"}`] == 1 })
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
}

// Which of two changes came later isn't known once one of them was pruned.
func TestAChangeFromBeforeThePrunedOnesSaysThatItHasNoEffect(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	cfg := f.config("app1")
	reg, log := f.withMetrics(&cfg), &harness.Log{Also: t.Output()}
	cfg.Log.SetOutput(log)
	f.rdb.HSet(t.Context(), "pilotsync:{app1}:sync", "floor", time.Now().UnixMicro())
	f.change("old", tasks.Change{AppID: "app1", Domain: "old.example.com", Seq: time.Now().Add(-1000 * time.Hour).UnixMicro(), RequestedAt: time.Now()})
	f.start(cfg)
	f.await("it is counted", func() bool { return f.scrape(reg)[`pilotsync_changes_recorded_total{result="superseded"}`] == 1 })
	f.await("the log says it", func() bool {
		return strings.Contains(log.String(), "PILOTSYNC_KEEP_REMOVED") && strings.Contains(log.String(), "old.example.com")
	})
	if _, known, err := f.ledger.Domain(t.Context(), "app1", "old.example.com"); known || err != nil {
		t.Errorf("the change was recorded (%v)", err)
	}
}
