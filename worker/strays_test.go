package worker

import (
	"context"
	"fmt"
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

// Each of the first tests shows what plain asynq does, and then what it does once
// the watch has looked.

func TestAnUndecodableMessageDoesNotStopRecovery(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.enqueue("good")
	y.dead("good")
	const bad = `{"type":"app:sync"}`
	y.plant("pending", "bad", bad)
	handled, stop := y.serve(nil)
	y.await("asynq took it", func() bool { return y.lists(listActive, "bad") && y.lists(listLease, "bad") })
	y.handedOut(handled, "good") // the first recovery came before it
	y.await("it is done", func() bool { return y.gone("good") })
	stop()

	y.leaseEnds("bad", time.Now().Add(-time.Hour))
	y.enqueue("next")
	y.dead("next")
	_, stop = y.serve(nil)
	y.await("plain asynq gives the recovery up", func() bool { return y.log.has("could not list lease expired tasks") })
	stop()
	if !y.lists(listActive, "next") {
		t.Error("the dead worker's task was recovered")
	}
	if _, err := y.inspector.ListActiveTasks(yardQueue); err == nil {
		t.Error("the inspector lists the active tasks")
	}

	y.look()
	y.counted(map[string]float64{"unreadable quarantined": 1})
	if !y.gone("bad") {
		t.Error("something of it is left in the queue")
	}
	want := []Quarantined{{Queue: yardQueue, List: listActive, Task: "bad", Size: len(bad), Raw: []byte(bad)}}
	got := y.quarantine()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Quarantined{}, "ID", "At", "Why")); diff != "" {
		t.Fatalf("in quarantine (-want +got):\n%s", diff)
	}
	if !strings.Contains(got[0].Why, "decode") || time.Since(got[0].At).Abs() > time.Minute || got[0].ID == "" {
		t.Errorf("got %+v", got[0])
	}
	if _, err := y.inspector.ListActiveTasks(yardQueue); err != nil {
		t.Error(err)
	}
	handled, _ = y.serve(nil)
	y.handedOut(handled, "next")
	y.await("it is done", func() bool { return y.gone("next") })
}

func TestAMessageThatCannotBeDecodedIsFoundWhereverItLies(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	for _, list := range strayLists() { // one that has but a lease stops the recovery, too
		y.plant(list, "bad-"+list, "\xff"+list)
	}
	y.look()
	y.counted(map[string]float64{"unreadable quarantined": float64(len(strayLists()))})
	kept := map[string]string{}
	for _, q := range y.quarantine() {
		kept[q.List] = string(q.Raw)
	}
	for _, list := range strayLists() {
		if kept[list] != "\xff"+list || !y.gone("bad-"+list) {
			t.Errorf("%s: %q is kept, gone from the queue: %v", list, kept[list], y.gone("bad-"+list))
		}
	}
}

func TestAMessageThatAsynqHandsOutDuringTheLookLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.plant(listActive, "bad", "\xffbad")
	y.list(listLease, "bad")
	// The active ones were looked at before it was one of them.
	if err := y.watch.list(t.Context(), yardQueue, listLease, 0); err != nil {
		t.Fatal(err)
	}
	y.counted(map[string]float64{"unreadable quarantined": 1})
	if !y.gone("bad") {
		t.Error("something of it is left in the queue")
	}
	if _, err := y.inspector.GetQueueInfo(yardQueue); err != nil {
		t.Errorf("the queue can't be inspected: %v", err)
	}
}

func TestAMessageWithoutItsIDOrQueueIsDoneAtLastOnceTheWatchHasLooked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, id, queue string }{
		{"no id", "", yardQueue}, {"no queue", "task", ""}, {"neither", "", ""}, {"another's", "other", tasks.QueueSSL},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
			y.plant("pending", "task", y.message(c.id, c.queue))
			handled, stop := y.serve(nil)
			y.handedOut(handled, c.id)
			y.await("plain asynq can't put it away", func() bool { return y.log.has("NOT FOUND") })
			stop()
			if !y.lists(listActive, "task") {
				t.Fatal("it isn't active any more")
			}

			y.look()
			y.counted(map[string]float64{"mislabelled relabelled": 1})
			if len(y.quarantine()) != 0 {
				t.Errorf("in quarantine: %+v", y.quarantine())
			}
			y.leaseEnds("task", time.Now().Add(-time.Hour))
			handled, _ = y.serve(nil)
			y.handedOut(handled, "task")
			y.await("it is done", func() bool { return y.gone("task") })
		})
	}
}

func TestAnActiveTaskWithoutALeaseIsHandedOutAgain(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	for _, id := range []string{"stuck", "witness"} {
		y.enqueue(id)
		y.dead(id)
	}
	y.rdb.ZRem(t.Context(), asynqKey(yardQueue, listLease), "stuck")
	handled, stop := y.serve(nil)
	y.handedOut(handled, "witness")
	y.await("the witness is done", func() bool { return y.gone("witness") })
	stop()
	if !y.lists(listActive, "stuck") {
		t.Fatal("plain asynq recovered it")
	}

	y.watch.lease = -time.Minute // as when the lease that it gets, and asynq's patience, are over
	y.look()
	y.counted(map[string]float64{"unleased leased": 1})
	handled, _ = y.serve(nil)
	y.handedOut(handled, "stuck")
	y.await("it is done", func() bool { return y.gone("stuck") })
}

func TestATaskThatRunsWithoutALeaseIsPutAwayOnceTheWatchHasLooked(t *testing.T) {
	t.Parallel()
	for _, watched := range []bool{false, true} {
		t.Run(fmt.Sprint("watched ", watched), func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
			y.enqueue("task")
			finish := make(chan struct{})
			let := sync.OnceFunc(func() { close(finish) })
			t.Cleanup(let) // before the server is stopped
			handled, _ := y.serve(func(context.Context, *asynq.Task) error { <-finish; return nil })
			t.Cleanup(let)
			y.handedOut(handled, "task")
			y.rdb.ZRem(t.Context(), asynqKey(yardQueue, listLease), "task")
			if watched {
				before := time.Now().Unix()
				y.look()
				after := time.Now().Unix()
				y.counted(map[string]float64{"unleased leased": 1})
				until := y.rdb.ZScore(t.Context(), asynqKey(yardQueue, listLease), "task").Val()
				if from := int64(until) - 30; from < before || from > after {
					t.Errorf("it got a lease until %d; asynq's are 30 s, from %d to %d", int64(until), before, after)
				}
			}
			let()
			if watched {
				y.await("it is done", func() bool { return y.gone("task") })
			} else {
				y.await("plain asynq can't put it away", func() bool { return y.log.has("NOT FOUND") })
			}
		})
	}
}

func TestAnIDWithoutATaskIsRepairedForTheInspector(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	for _, list := range strayLists() {
		if list == listLease { // asynq passes over it there
			continue
		}
		y.plant(list, "good-"+list, y.message("good-"+list, yardQueue))
		if list == listActive {
			y.leaseEnds("good-active", time.Now().Add(time.Minute))
		}
		y.list(list, "hollow-"+list)
		if _, err := y.inspector.GetQueueInfo(yardQueue); err == nil {
			t.Errorf("%s: the inspector gets along with it", list)
		}

		y.look()
		if _, err := y.inspector.GetQueueInfo(yardQueue); err != nil {
			t.Errorf("%s: %v", list, err)
		}
		if !y.gone("hollow-"+list) || !y.lists(list, "good-"+list) {
			t.Errorf("%s: the id is there still, or the good one gone", list)
		}
	}
	// asynq leaves a hash with nothing but a state where it hands such an id out.
	y.list(listActive, "handed-out")
	y.leaseEnds("handed-out", time.Now())
	y.rdb.HSet(t.Context(), asynqKey(yardQueue, "t:handed-out"), "state", "active")
	y.look()
	if !y.gone("handed-out") {
		t.Error("something is left of the one that was handed out")
	}
	y.counted(map[string]float64{"hollow removed": 7})
	if len(y.quarantine()) != 0 {
		t.Error("there were no bytes to be kept")
	}
}

func TestAQueueThatRedisForgotIsKnownAgainOnceTheWatchHasLooked(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.look()
	y.counted(nil) // a new Redis is no find
	y.enqueue("before")
	y.rdb.FlushAll(t.Context())
	y.enqueue("after")
	if _, err := y.inspector.GetQueueInfo(yardQueue); err == nil {
		t.Error("plain asynq knows it")
	}

	y.look()
	y.counted(map[string]float64{"unregistered registered": 1})
	if info, err := y.inspector.GetQueueInfo(yardQueue); err != nil || info.Pending != 1 {
		t.Errorf("%+v, %v", info, err)
	}
	if queues, err := y.inspector.Queues(); err != nil || len(queues) != 4 {
		t.Errorf("%v, %v", queues, err)
	}
}

func TestWhatIsNoTaskAtAllIsKeptAsRedisCanRestoreIt(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	ctx := t.Context()
	y.rdb.Set(ctx, asynqKey(yardQueue, "t:odd"), "no hash", 0)
	y.list("pending", "odd")
	_, stop := y.serve(nil)
	y.await("plain asynq takes it without a lease", func() bool { return y.lists(listActive, "odd") })
	stop()
	if y.lists(listLease, "odd") {
		t.Error("it has a lease")
	}

	y.look()
	y.counted(map[string]float64{"unreadable quarantined": 1})
	kept := y.quarantine()
	if !y.gone("odd") || len(kept) != 1 {
		t.Fatalf("in quarantine: %+v", kept)
	}
	if err := y.rdb.Restore(ctx, "again", 0, string(kept[0].Raw)).Err(); err != nil || y.rdb.Get(ctx, "again").Val() != "no hash" {
		t.Errorf("%v, %q", err, y.rdb.Get(ctx, "again").Val())
	}
}

func TestTheWatchLeavesWhatIsInOrderAlone(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.enqueue("pending")
	y.enqueue("scheduled", asynq.ProcessIn(time.Hour))
	y.enqueue("running")
	for _, list := range []string{"retry", "archived", "completed"} {
		y.plant(list, list, y.message(list, yardQueue))
	}
	y.rdb.RPop(t.Context(), asynqKey(yardQueue, "pending"))
	y.rdb.LPush(t.Context(), asynqKey(yardQueue, "pending"), "pending")
	y.dead("running")
	dump := func() map[string]string {
		all := map[string]string{}
		for _, key := range y.rdb.Keys(t.Context(), "*").Val() {
			if key != strayPositionsKey && key != "asynq:queues" {
				all[key] = y.rdb.Dump(t.Context(), key).Val()
			}
		}
		return all
	}
	before := dump()
	y.look()
	y.counted(nil)
	if diff := cmp.Diff(before, dump()); diff != "" {
		t.Errorf("the watch changed (-before +after):\n%s", diff)
	}
}

func TestWhatChangedSinceItWasSeenIsLeftAlone(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	ctx, good := t.Context(), y.message("task", yardQueue)
	y.plant(listActive, "task", good)
	y.leaseEnds("task", time.Now().Add(time.Minute))
	y.plant("pending", "moved", "not decodable \xff")
	y.plant("pending", "handed back", y.message("handed back", yardQueue))
	seen := []struct {
		list string
		entry
	}{
		{listActive, entry{id: "task", raw: []byte("not decodable \xff")}},
		{listActive, entry{id: "task", raw: []byte(y.message("", ""))}},
		{listActive, entry{id: "task", hollow: true}},
		{listActive, entry{id: "task", foreign: true, raw: []byte("dump")}},
		{listActive, entry{id: "task", raw: []byte(good), unleased: true}},
		{listActive, entry{id: "finished", raw: []byte(y.message("finished", yardQueue)), unleased: true}},
		{listActive, entry{id: "finished", hollow: true}},
		{listActive, entry{id: "handed back", raw: []byte(y.message("handed back", yardQueue)), unleased: true}},
		{listActive, entry{id: "moved", raw: []byte("not decodable \xff")}},
	}
	until := y.rdb.ZScore(ctx, asynqKey(yardQueue, listLease), "task").Val()
	for i, s := range seen {
		if err := y.watch.treat(ctx, yardQueue, s.list, s.entry); err != nil {
			t.Errorf("%d: %v", i, err)
		}
	}
	y.counted(nil)
	if kept := y.quarantine(); len(kept) != 0 {
		t.Errorf("in quarantine: %+v", kept)
	}
	if msg := y.rdb.HGet(ctx, asynqKey(yardQueue, "t:task"), "msg").Val(); msg != good || !y.lists(listActive, "task") ||
		y.rdb.ZScore(ctx, asynqKey(yardQueue, listLease), "task").Val() != until || !y.lists("pending", "moved") || y.lists(listLease, "handed back") {
		t.Error("a task that is in order by now, or lies elsewhere, was touched")
	}
}

func TestATurnLooksAtSoMuchAndTheNextGoesOnFromThere(t *testing.T) {
	t.Parallel()
	for _, list := range []string{"pending", "scheduled"} {
		t.Run(list, func(t *testing.T) {
			t.Parallel()
			y := newYard(t)
			const n = 1000
			_, err := y.rdb.Pipelined(t.Context(), func(p redis.Pipeliner) error {
				for i := range n {
					id := fmt.Sprintf("task-%04d", i)
					p.HSet(t.Context(), asynqKey(yardQueue, "t:"+id), "msg", y.message(id, yardQueue))
					if list == "pending" {
						p.RPush(t.Context(), asynqKey(yardQueue, list), id)
					} else {
						p.ZAdd(t.Context(), asynqKey(yardQueue, list), redis.Z{Score: float64(i), Member: id})
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			y.list(list, "hollow")
			if list == "pending" { // at the far end
				y.rdb.LRem(t.Context(), asynqKey(yardQueue, list), 0, "hollow")
				y.rdb.RPush(t.Context(), asynqKey(yardQueue, list), "hollow")
			}
			y.watch.most, y.watch.page = 300, 50
			ids, next, err := y.watch.ids(t.Context(), asynqKey(yardQueue, list), isList(list), 0)
			// A sorted set gives what is in one of its buckets together.
			if err != nil || next == 0 || len(ids) < 300 || len(ids) > 400 {
				t.Fatalf("one turn has %d ids and goes on at %d, %v", len(ids), next, err)
			}
			turns := 0
			for ; !y.gone("hollow") && turns < 5; turns++ {
				y.watch = y.another() // the turns are different workers'
				y.watch.most, y.watch.page = 300, 50
				y.look()
			}
			if !y.gone("hollow") || list == "pending" && turns != 4 {
				t.Errorf("found after %d turns: %v", turns, y.gone("hollow"))
			}
		})
	}
}

func TestOneWorkerLooksInEachInterval(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	other := y.another()
	for i, w := range []*strayWatch{y.watch, other, y.watch} {
		y.list("pending", "hollow")
		if err := w.turn(t.Context()); err != nil {
			t.Fatal(err)
		}
		if looked := y.gone("hollow"); looked != (i == 0) {
			t.Errorf("turn %d looked: %v", i, looked)
		}
	}
	if ttl := y.rdb.PTTL(t.Context(), strayTurnKey).Val(); ttl <= 0 || ttl >= strayEvery {
		t.Errorf("the turn ends in %s", ttl)
	}
}

func TestTheWatchLooksAgainAndAgainUntilItIsStopped(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.watch.every = 200 * time.Millisecond
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { y.watch.run(ctx) })
	for range 3 {
		y.list("pending", "hollow")
		y.await("it is gone", func() bool { return y.gone("hollow") })
	}
	stop()
	running.Wait()
}

func TestTheLogShowsLittleOfAMessage(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.plant("pending", "long", "\x00beginning\n"+strings.Repeat("\xffx", 500)+"the end")
	y.plant("pending", "labels", y.message(strings.Repeat("y", 1000), "z"))
	y.look()
	if !y.log.has("level=error") || !y.log.has("task_id=long") || !y.log.has(".beginning.") || y.log.has("the end") ||
		y.log.has(strings.Repeat(".x", 110)) || y.log.has(strings.Repeat("y", 201)) {
		t.Error("got the log above")
	}
	y.counted(map[string]float64{"unreadable quarantined": 1, "mislabelled relabelled": 1})
}
