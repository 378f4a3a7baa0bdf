package janitor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

// Each of the first tests shows the behaviour of plain asynq, and then after the janitor's
// scan.

func TestAnUndecodableMessageNoLongerStopsRecovery(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.enqueue("good")
	f.abandon("good")
	const bad = `{"type":"app:sync"}`
	f.plant("pending", "bad", bad)
	handled, stop := f.serve(nil)
	f.await("asynq took it", func() bool { return f.contains(listActive, "bad") && f.contains(listLease, "bad") })
	f.awaitTask(handled, "good") // the first recovery came before it
	f.await("it is done", func() bool { return f.gone("good") })
	stop()

	f.leaseEnds("bad", time.Now().Add(-time.Hour))
	f.enqueue("next")
	f.abandon("next")
	_, stop = f.serve(nil)
	f.await("plain asynq gives the recovery up", func() bool { return f.logged("could not list lease expired tasks") })
	stop()
	if !f.contains(listActive, "next") {
		t.Error("the dead worker's task was recovered")
	}
	if _, err := f.inspector.ListActiveTasks(testQueue); err == nil {
		t.Error("the inspector lists the active tasks")
	}

	f.scan()
	f.checkRepairs(map[Repair]int{{unreadable, quarantined}: 1})
	if !f.gone("bad") {
		t.Error("something of it is left in the queue")
	}
	want := []Quarantined{{Queue: testQueue, List: listActive, Task: "bad", Size: len(bad), Raw: []byte(bad)}}
	got := f.quarantine()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Quarantined{}, "ID", "At", "Why")); diff != "" {
		t.Fatalf("in quarantine (-want +got):\n%s", diff)
	}
	if !strings.Contains(got[0].Why, "decode") || time.Since(got[0].At).Abs() > time.Minute || got[0].ID == "" {
		t.Errorf("got %+v", got[0])
	}
	if _, err := f.inspector.ListActiveTasks(testQueue); err != nil {
		t.Error(err)
	}
	handled, _ = f.serve(nil)
	f.awaitTask(handled, "next")
	f.await("it is done", func() bool { return f.gone("next") })
}

func TestAnUndecodableMessageIsFoundInEveryList(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, list := range scannedLists() { // one that has but a lease stops the recovery, too
		f.plant(list, "bad-"+list, "\xff"+list)
	}
	f.scan()
	f.checkRepairs(map[Repair]int{{unreadable, quarantined}: len(scannedLists())})
	kept := map[string]string{}
	for _, q := range f.quarantine() {
		kept[q.List] = string(q.Raw)
	}
	for _, list := range scannedLists() {
		if kept[list] != "\xff"+list || !f.gone("bad-"+list) {
			t.Errorf("%s: %q is kept, gone from the queue: %v", list, kept[list], f.gone("bad-"+list))
		}
	}
}

func TestAMessageHandedOutDuringTheScanLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.plant(listActive, "bad", "\xffbad")
	f.put(listLease, "bad")
	// It became active after the scan of the active list.
	if err := f.janitor.scanList(t.Context(), testQueue, listLease, 0); err != nil {
		t.Fatal(err)
	}
	f.checkRepairs(map[Repair]int{{unreadable, quarantined}: 1})
	if !f.gone("bad") {
		t.Error("something of it is left in the queue")
	}
	if _, err := f.inspector.GetQueueInfo(testQueue); err != nil {
		t.Errorf("the queue can't be inspected: %v", err)
	}
}

func TestAMislabelledMessageIsRelabelledAndFinished(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, id, queue string }{
		{"no id", "", testQueue}, {"no queue", "task", ""}, {"neither", "", ""}, {"another's", "other", tasks.QueueSSL},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			f.plant("pending", "task", f.message(c.id, c.queue))
			handled, stop := f.serve(nil)
			f.awaitTask(handled, c.id)
			f.await("plain asynq can't put it away", func() bool { return f.logged("NOT FOUND") })
			stop()
			if !f.contains(listActive, "task") {
				t.Fatal("it isn't active any more")
			}

			f.scan()
			f.checkRepairs(map[Repair]int{{mislabelled, relabelled}: 1})
			if len(f.quarantine()) != 0 {
				t.Errorf("in quarantine: %+v", f.quarantine())
			}
			f.leaseEnds("task", time.Now().Add(-time.Hour))
			handled, _ = f.serve(nil)
			f.awaitTask(handled, "task")
			f.await("it is done", func() bool { return f.gone("task") })
		})
	}
}

func TestAnActiveTaskWithoutALeaseIsHandedOutAgain(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, id := range []string{"stuck", "witness"} {
		f.enqueue(id)
		f.abandon(id)
	}
	f.rdb.ZRem(t.Context(), asynqKey(testQueue, listLease), "stuck")
	handled, stop := f.serve(nil)
	f.awaitTask(handled, "witness")
	f.await("the witness is done", func() bool { return f.gone("witness") })
	stop()
	if !f.contains(listActive, "stuck") {
		t.Fatal("plain asynq recovered it")
	}

	f.janitor.lease = -time.Minute // as when the lease that it gets, and the time that asynq waits after it, are over
	f.scan()
	f.checkRepairs(map[Repair]int{{unleased, leased}: 1})
	handled, _ = f.serve(nil)
	f.awaitTask(handled, "stuck")
	f.await("it is done", func() bool { return f.gone("stuck") })
}

func TestARunningTaskWithoutALeaseGetsOneAndFinishes(t *testing.T) {
	t.Parallel()
	for _, scanned := range []bool{false, true} {
		t.Run(fmt.Sprint("scanned ", scanned), func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			f.enqueue("task")
			finish := make(chan struct{})
			release := sync.OnceFunc(func() { close(finish) })
			t.Cleanup(release) // before the server is stopped
			handled, _ := f.serve(func(context.Context, *asynq.Task) error { <-finish; return nil })
			t.Cleanup(release)
			f.awaitTask(handled, "task")
			f.rdb.ZRem(t.Context(), asynqKey(testQueue, listLease), "task")
			if scanned {
				before := time.Now().Unix()
				f.scan()
				after := time.Now().Unix()
				f.checkRepairs(map[Repair]int{{unleased, leased}: 1})
				until := f.rdb.ZScore(t.Context(), asynqKey(testQueue, listLease), "task").Val()
				if from := int64(until) - 30; from < before || from > after {
					t.Errorf("it got a lease until %d; asynq's are 30 s, from %d to %d", int64(until), before, after)
				}
			}
			release()
			if scanned {
				f.await("it is done", func() bool { return f.gone("task") })
			} else {
				f.await("plain asynq can't put it away", func() bool { return f.logged("NOT FOUND") })
			}
		})
	}
}

func TestAnIDWithoutAMessageNoLongerBreaksTheInspector(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, list := range taskLists() {
		if list == listLease { // asynq skips it there
			continue
		}
		f.plant(list, "good-"+list, f.message("good-"+list, testQueue))
		if list == listActive {
			f.leaseEnds("good-active", time.Now().Add(time.Minute))
		}
		f.put(list, "missing-"+list)
		if _, err := f.inspector.GetQueueInfo(testQueue); err == nil {
			t.Errorf("%s: the inspector gets along with it", list)
		}

		f.scan()
		if _, err := f.inspector.GetQueueInfo(testQueue); err != nil {
			t.Errorf("%s: %v", list, err)
		}
		if !f.gone("missing-"+list) || !f.contains(list, "good-"+list) {
			t.Errorf("%s: the id is there still, or the good one gone", list)
		}
	}
	// asynq leaves a hash with only a state if it hands out such an id.
	f.put(listActive, "handed-out")
	f.leaseEnds("handed-out", time.Now())
	f.rdb.HSet(t.Context(), asynqKey(testQueue, "t:handed-out"), "state", "active")
	f.scan()
	if !f.gone("handed-out") {
		t.Error("something is left of the one that was handed out")
	}
	f.checkRepairs(map[Repair]int{{missingMessage, removed}: 7})
	if len(f.quarantine()) != 0 {
		t.Error("there were no bytes to keep")
	}
}

func TestAQueueThatRedisForgotIsRegisteredAgain(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.scan()
	f.checkRepairs(nil) // a new Redis needs no repair
	f.enqueue("before")
	f.rdb.FlushAll(t.Context())
	f.enqueue("after")
	if _, err := f.inspector.GetQueueInfo(testQueue); err == nil {
		t.Error("plain asynq knows it")
	}

	f.scan()
	f.checkRepairs(map[Repair]int{{unregistered, registered}: 1})
	if info, err := f.inspector.GetQueueInfo(testQueue); err != nil || info.Pending != 1 {
		t.Errorf("%+v, %v", info, err)
	}
	if queues, err := f.inspector.Queues(); err != nil || len(queues) != len(tasks.Queues()) {
		t.Errorf("%v, %v", queues, err)
	}
}

func TestAKeyOfTheWrongTypeIsKeptAsARestorableDump(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	f.rdb.Set(ctx, asynqKey(testQueue, "t:odd"), "no hash", 0)
	f.put("pending", "odd")
	_, stop := f.serve(nil)
	f.await("plain asynq takes it without a lease", func() bool { return f.contains(listActive, "odd") })
	stop()
	if f.contains(listLease, "odd") {
		t.Error("it has a lease")
	}

	f.scan()
	f.checkRepairs(map[Repair]int{{unreadable, quarantined}: 1})
	kept := f.quarantine()
	if !f.gone("odd") || len(kept) != 1 {
		t.Fatalf("in quarantine: %+v", kept)
	}
	if err := f.rdb.Restore(ctx, "again", 0, string(kept[0].Raw)).Err(); err != nil || f.rdb.Get(ctx, "again").Val() != "no hash" {
		t.Errorf("%v, %q", err, f.rdb.Get(ctx, "again").Val())
	}
}

func TestHealthyTasksAreLeftAlone(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.enqueue("pending")
	f.enqueue("scheduled", asynq.ProcessIn(time.Hour))
	f.enqueue("running")
	for _, list := range []string{"retry", "archived", "completed"} {
		f.plant(list, list, f.message(list, testQueue))
	}
	f.rdb.RPop(t.Context(), asynqKey(testQueue, "pending"))
	f.rdb.LPush(t.Context(), asynqKey(testQueue, "pending"), "pending")
	f.abandon("running")
	dump := func() map[string]string {
		all := map[string]string{}
		for _, key := range f.rdb.Keys(t.Context(), "*").Val() {
			if key != positionsKey && key != "asynq:queues" {
				all[key] = f.rdb.Dump(t.Context(), key).Val()
			}
		}
		return all
	}
	before := dump()
	f.scan()
	f.checkRepairs(nil)
	if diff := cmp.Diff(before, dump()); diff != "" {
		t.Errorf("the janitor changed (-before +after):\n%s", diff)
	}
}

func TestATaskThatChangedSinceTheScanIsLeftAlone(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx, good := t.Context(), f.message("task", testQueue)
	f.plant(listActive, "task", good)
	f.leaseEnds("task", time.Now().Add(time.Minute))
	f.plant("pending", "moved", "not decodable \xff")
	f.plant("pending", "given back", f.message("given back", testQueue))
	seen := []struct {
		list string
		entry
	}{
		{listActive, entry{id: "task", raw: []byte("not decodable \xff"), size: 15}},
		{listActive, entry{id: "task", raw: []byte(f.message("", ""))}},
		{listActive, entry{id: "task", missingMessage: true}},
		{listActive, entry{id: "task", wrongType: true, raw: []byte("dump")}},
		{listActive, entry{id: "task", raw: []byte(good), unleased: true}},
		{listActive, entry{id: "finished", raw: []byte(f.message("finished", testQueue)), unleased: true}},
		{listActive, entry{id: "finished", missingMessage: true}},
		{listActive, entry{id: "given back", raw: []byte(f.message("given back", testQueue)), unleased: true}},
		{listActive, entry{id: "moved", raw: []byte("not decodable \xff"), size: 15}},
	}
	until := f.rdb.ZScore(ctx, asynqKey(testQueue, listLease), "task").Val()
	for i, s := range seen {
		if err := f.janitor.repair(ctx, testQueue, s.list, s.entry); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	f.checkRepairs(nil)
	// What was found stays in the quarantine: whether another worker removed it can't be known.
	if diff := cmp.Diff([]string{"moved", "task", "task"}, slices.Sorted(slices.Values(tasksOf(f.quarantine())))); diff != "" {
		t.Errorf("in quarantine (-want +got):\n%s", diff)
	}
	if msg := f.rdb.HGet(ctx, asynqKey(testQueue, "t:task"), "msg").Val(); msg != good || !f.contains(listActive, "task") ||
		f.rdb.ZScore(ctx, asynqKey(testQueue, listLease), "task").Val() != until || !f.contains("pending", "moved") || f.contains(listLease, "given back") {
		t.Error("a task that is in order by now, or lies elsewhere, was touched")
	}
}

func TestAScanIsBoundedAndTheNextContinuesFromThere(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"pending", "scheduled"} {
		t.Run(list, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			const n = 1000
			_, err := f.rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error {
				for i := range n {
					id := fmt.Sprintf("task-%04d", i)
					p.HSet(t.Context(), asynqKey(testQueue, "t:"+id), "msg", f.message(id, testQueue))
					if list == "pending" {
						p.RPush(t.Context(), asynqKey(testQueue, list), id)
					} else {
						p.ZAdd(t.Context(), asynqKey(testQueue, list), redis.Z{Score: float64(i), Member: id})
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			f.put(list, "missing")
			if list == "pending" { // at the far end
				f.rdb.LRem(t.Context(), asynqKey(testQueue, list), 0, "missing")
				f.rdb.RPush(t.Context(), asynqKey(testQueue, list), "missing")
			}
			f.janitor.scanLimit, f.janitor.pageSize = 300, 50
			ids, next, err := f.janitor.ids(t.Context(), testQueue, list, 0)
			// A scan of a sorted set returns a whole bucket.
			if err != nil || next == 0 || len(ids) < 300 || len(ids) > 400 {
				t.Fatalf("one pass has %d ids and continues at %d, %v", len(ids), next, err)
			}
			passes := 0
			for ; !f.gone("missing") && passes < 5; passes++ {
				f.janitor = f.another() // the passes are different workers'
				f.janitor.scanLimit, f.janitor.pageSize = 300, 50
				f.scan()
			}
			if !f.gone("missing") || list == "pending" && passes != 4 {
				t.Errorf("found after %d passes: %v", passes, f.gone("missing"))
			}
		})
	}
}

func TestOneWorkerScansInEachInterval(t *testing.T) {
	t.Parallel()
	f := setup(t)
	other := f.another()
	for i, j := range []*Janitor{f.janitor, other, f.janitor} {
		f.put("pending", "missing")
		if err := j.scanUnlessRecent(t.Context()); err != nil {
			t.Fatal(err)
		}
		if scanned := f.gone("missing"); scanned != (i == 0) {
			t.Errorf("pass %d scanned: %v", i, scanned)
		}
	}
	if ttl := f.rdb.PTTL(t.Context(), lockKey).Val(); ttl <= 0 || ttl >= interval {
		t.Errorf("the lock ends in %s", ttl)
	}
}

func TestTheJanitorScansUntilItIsStopped(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.janitor.interval = 200 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.janitor.Run(ctx) })
	for range 3 {
		f.put("pending", "missing")
		f.await("it is gone", func() bool { return f.gone("missing") })
	}
	stop()
	running.Wait()
}

func TestTheLogShowsTheBeginningOfAMessageOnly(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.plant("pending", "long", "\x00beginning\n"+strings.Repeat("\xffx", 500)+"the end")
	f.plant("pending", "labels", f.message(strings.Repeat("y", 1000), "z"))
	f.scan()
	if !f.logged("level=error") || !f.logged("task_id=long") || !f.logged(".beginning.") || f.logged("the end") ||
		f.logged(strings.Repeat(".x", 110)) || f.logged(strings.Repeat("y", 201)) {
		t.Error("got the log above")
	}
	f.checkRepairs(map[Repair]int{{unreadable, quarantined}: 1, {mislabelled, relabelled}: 1})
}

func TestTheFirstTaskOfANewQueueIsNoSignOfALoss(t *testing.T) {
	t.Parallel()
	f := setup(t)
	rdb := redis.NewClient(&redis.Options{Addr: f.rdb.Options().Addr})
	t.Cleanup(func() { _ = rdb.Close() })
	// The producer's first task comes between the janitor's two commands.
	rdb.AddHook(&afterFirstCommand{do: func() { f.enqueue("first") }})
	f.janitor.Redis = rdb
	if err := f.janitor.Register(t.Context(), testQueue); err != nil {
		t.Fatal(err)
	}
	if !f.contains("pending", "first") {
		t.Fatal("the task wasn't enqueued meanwhile: the test tested nothing")
	}
	f.checkRepairs(nil)
}

// afterFirstCommand does something once, between a client's first command and the next.
type afterFirstCommand struct {
	once sync.Once
	do   func()
}

func (*afterFirstCommand) DialHook(next redis.DialHook) redis.DialHook { return next }

func (h *afterFirstCommand) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		if strings.HasPrefix(cmd.Name(), "eval") && err == nil || cmd.Name() == "sadd" { // not what sets up the connection
			h.once.Do(h.do)
		}
		return err
	}
}

func (*afterFirstCommand) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
