package janitor

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/message"
)

func TestALargeMessageIsFoundInEveryList(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for _, list := range scannedLists() {
		f.plant(list, "large-"+list, f.message("large-"+list, testQueue)+strings.Repeat("x", message.MaxSize))
		f.plant(list, "good-"+list, f.message("good-"+list, testQueue))
		if list == listActive {
			f.leaseEnds("good-active", time.Now().Add(time.Minute))
		}
	}
	f.scan()
	f.checkRepairs(map[Repair]int{{oversized, quarantined}: len(scannedLists()), {unlisted, returned}: 1}) // that with but a lease
	for _, list := range scannedLists() {
		if list == listLease {
			continue
		}
		if !f.gone("large-"+list) || !f.contains(list, "good-"+list) {
			t.Errorf("%s: the large one is there still, or the good one gone", list)
		}
	}
}

func TestALongIDIsRemovedFromEveryList(t *testing.T) {
	t.Parallel()
	f := setup(t)
	long := strings.Repeat("x", message.MaxID) + "\xff"
	for _, list := range scannedLists() {
		f.plant(list, list+long, f.message("any", testQueue))
		f.plant(list, list+long[:message.MaxID-len(list)], f.message(list+long[:message.MaxID-len(list)], testQueue))
	}
	f.leaseEnds(listActive+long[:message.MaxID-len(listActive)], time.Now().Add(time.Minute))
	f.scan()
	f.checkRepairs(map[Repair]int{{oversized, quarantined}: len(scannedLists()), {unlisted, returned}: 1}) // that with but a lease
	for _, q := range f.quarantine() {
		if want := fmt.Sprintf("its id has %d bytes", len(q.List)+len(long)); !strings.HasPrefix(q.Why, want) || len(q.Task) > message.MaxID {
			t.Errorf("%s of %d bytes: %s", q.List, len(q.Task), q.Why)
		}
	}
	for _, list := range scannedLists() {
		if list == listLease {
			continue
		}
		if !f.gone(list+long) || !f.contains(list, list+long[:message.MaxID-len(list)]) {
			t.Errorf("%s: the long id is there still, or the one of the greatest length is gone", list)
		}
	}
}

func TestAKeyOfTheWrongTypeNoLongerStopsAQueue(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	keys := append(sharedKeys(), queueKeys(testQueue, time.Now())...)
	for _, k := range keys {
		if k.kind == "list" {
			f.rdb.HSet(ctx, k.key, "not", "a list")
		} else {
			f.rdb.RPush(ctx, k.key, "not what it should be")
		}
	}
	text := asynqKey(tasks.QueueSSL, "processed") // of the right type, but no number
	f.rdb.Set(ctx, text, "many", 0)
	if _, err := f.inspector.Queues(); err == nil {
		t.Error("the inspector gets along with it")
	}
	f.scan()
	f.checkRepairs(map[Repair]int{{wrongType, quarantined}: len(keys) + 1})
	kept := map[string][]byte{}
	for _, q := range f.quarantine() {
		kept[q.Task] = q.Raw
	}
	for _, k := range append(keys, typedKey{text, kindNumber}) {
		if k.key != queuesKey && f.rdb.Exists(ctx, k.key).Val() != 0 {
			t.Errorf("%s is there still", k.key)
		}
		if err := f.rdb.Restore(ctx, "again:"+k.key, 0, string(kept[k.key])).Err(); err != nil {
			t.Errorf("%s can't be restored from the quarantine: %v", k.key, err)
		}
	}
	if queues, err := f.inspector.Queues(); err != nil || len(queues) != len(tasks.Queues()) {
		t.Errorf("asynq knows the queues %q, %v", queues, err)
	}
	f.enqueue("next")
	handled, _ := f.serve(nil)
	f.awaitTask(handled, "next")
	f.await("it is done, and counted", func() bool {
		info, err := f.inspector.GetQueueInfo(testQueue)
		return err == nil && info.Processed == 1 && f.gone("next")
	})
}

func TestALargeKeyOfTheWrongTypeIsNotLoaded(t *testing.T) {
	t.Parallel()
	f := setup(t)
	noise := make([]byte, rawLimit+1) // Redis can't compress it
	_, _ = rand.Read(noise)
	f.rdb.Set(t.Context(), asynqKey(testQueue, "retry"), noise, 0)
	f.scan()
	for _, q := range f.quarantine() {
		if q.Task == asynqKey(testQueue, "retry") && (len(q.Raw) != 0 || q.Size < rawLimit) {
			t.Errorf("%d bytes of it are kept; its size is %d", len(q.Raw), q.Size)
		}
	}
	f.checkRepairs(map[Repair]int{{wrongType, quarantined}: 1})
}

// SET on the list of pending tasks deletes it.
func TestTasksWhoseListWasOverwrittenAreDone(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 5 {
		f.enqueue(fmt.Sprint("task-", i))
	}
	f.rdb.HSet(t.Context(), positionsKey, searchedField, time.Now().Unix()) // no other search is due
	f.rdb.Set(t.Context(), asynqKey(testQueue, "pending"), "x", 0)
	f.scan()
	f.checkRepairs(map[Repair]int{{wrongType, quarantined}: 1, {unlisted, returned}: 5})
	f.serve(nil)
	for i := range 5 {
		f.await("a task is done", func() bool { return f.gone(fmt.Sprint("task-", i)) })
	}
}

func TestATaskInNoListIsPutBack(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	for i := range 30 { // those that really wait
		f.enqueue(fmt.Sprint("waiting-", i))
	}
	old := time.Now().Add(-time.Hour).UnixNano()
	want := map[string]string{}
	for state, list := range map[string]string{"pending": "pending", "active": "pending", "scheduled": "pending", "retry": "pending", "aggregating": "pending",
		"nonsense": "pending", "": "pending", strings.Repeat("x", 1000): "pending", "archived": "archived", "completed": "completed"} {
		id := "lost-" + state[:min(len(state), 20)]
		f.rdb.HSet(ctx, asynqKey(testQueue, "t:"+id), "msg", f.message(id, testQueue), "state", state, "pending_since", old)
		want[id] = list
	}
	f.rdb.HSet(ctx, asynqKey(testQueue, "t:no-time"), "msg", f.message("no-time", testQueue), "state", "pending")
	f.rdb.Set(ctx, asynqKey(testQueue, "t:no-hash"), "x", 0)
	want["no-time"], want["no-hash"] = "pending", "pending"
	// Those whose state is wrong are in a list, so they aren't lost.
	f.plant("retry", "elsewhere", f.message("elsewhere", testQueue))
	f.rdb.HSet(ctx, asynqKey(testQueue, "t:elsewhere"), "state", "pending", "pending_since", old)

	f.scan()
	f.checkRepairs(map[Repair]int{{unlisted, returned}: len(want)})
	for id, list := range want {
		if !f.contains(list, id) {
			t.Errorf("%s isn't in %s", id, list)
		}
	}
	if n := f.rdb.LLen(ctx, asynqKey(testQueue, "pending")).Val(); n != 30+int64(len(want))-2 {
		t.Errorf("%d tasks are pending", n)
	}
	f.rdb.HDel(ctx, positionsKey, searchedField)
	before := f.repairs[Repair{unlisted, returned}]
	f.scan()
	if f.repairs[Repair{unlisted, returned}] != before {
		t.Error("a second search put something back")
	}
}

// A producer may write any hash under a task's key, without putting its id into a list.
func TestWhatIsNoTaskAndInNoListIsPutAway(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	long := strings.Repeat("x", 900_000)
	for id, values := range map[string][]any{
		"undecodable":      {"msg", "x"},
		"with a state":     {"msg", "x", "state", "pending"},
		"archived":         {"msg", "x", "state", "archived"},
		"without messages": {"other", "x"},
		"large":            {"msg", strings.Repeat("x", message.MaxSize+1)},
		long:               {"msg", "x"},
	} {
		if err := f.rdb.HSet(ctx, asynqKey(testQueue, "t:"+id), values...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 { // the first puts them back, the second finds them in a list
		f.scan()
	}
	if left := f.rdb.Keys(ctx, asynqKey(testQueue, "*")).Val(); len(left) > 0 {
		t.Errorf("left: %.200q", left)
	}
	f.checkRepairs(map[Repair]int{{unlisted, returned}: 5, {unreadable, quarantined}: 3, {oversized, quarantined}: 2, {missingMessage, removed}: 1})
	if got := tasksOf(f.quarantine()); len(got) != 5 {
		t.Errorf("in quarantine: %.200q", got)
	}
}

func TestASearchForLostTasksIsSpreadOverPasses(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.janitor.searchPage = 50
	for i := range 500 {
		f.rdb.Set(t.Context(), fmt.Sprint("other:", i), i, 0)
	}
	f.rdb.HSet(t.Context(), asynqKey(testQueue, "t:lost"), "msg", f.message("lost", testQueue), "state", "pending")
	searched := func() int64 {
		n, err := f.rdb.HGet(t.Context(), positionsKey, searchedField).Int64()
		if err != nil {
			return 0
		}
		return n
	}
	passes := 0
	for ; searched() == 0 && passes < 20; passes++ {
		f.scan()
	}
	if passes < 5 || passes >= 20 || !f.contains("pending", "lost") {
		t.Errorf("the search took %d passes; found: %v", passes, f.contains("pending", "lost"))
	}
	f.rdb.HSet(t.Context(), asynqKey(testQueue, "t:later"), "msg", f.message("later", testQueue), "state", "pending")
	for range 20 {
		f.scan()
	}
	if f.contains("pending", "later") {
		t.Error("the next search began at once")
	}
}

func TestWithoutTheRightToScanTheRestIsRepaired(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	if err := f.rdb.Do(ctx, "ACL", "SETUSER", "old", "on", ">secret", "allkeys", "allchannels", "+@all", "-scan").Err(); err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: f.rdb.Options().Addr, Username: "old", Password: "secret"})
	t.Cleanup(func() { _ = rdb.Close() })
	f.janitor.Redis = rdb
	f.plant("pending", "bad", "\xff")
	for range 2 {
		f.scan()
	}
	f.checkRepairs(map[Repair]int{{unreadable, quarantined}: 1})
	if n := strings.Count(f.log.String(), "+scan"); n != 1 {
		t.Errorf("it is said %d times that SCAN is refused", n)
	}
}

func TestLostTasksOfAClusterArePutBack(t *testing.T) {
	t.Parallel()
	f := setup(t)
	cluster := redistest.NewCluster(t, 3, redistest.Security{})
	addrs := make([]string, len(cluster.Nodes))
	for i, n := range cluster.Nodes {
		addrs[i] = n.Addr
	}
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs})
	t.Cleanup(func() { _ = rdb.Close() })
	f.janitor.Redis, f.janitor.quarantine = rdb, NewQuarantine(rdb)
	for _, queue := range tasks.Queues() {
		rdb.HSet(t.Context(), asynqKey(queue, "t:lost"), "msg", f.message("lost", queue), "state", "pending")
		rdb.Set(t.Context(), asynqKey(queue, "retry"), "x", 0)
	}
	f.scan()
	f.checkRepairs(map[Repair]int{{unlisted, returned}: len(tasks.Queues()), {wrongType, quarantined}: len(tasks.Queues())})
	for _, queue := range tasks.Queues() {
		if diff := cmp.Diff([]string{"lost"}, rdb.LRange(t.Context(), asynqKey(queue, "pending"), 0, -1).Val()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", queue, diff)
		}
	}
}

func TestATaskThatAWorkerCannotHaveIsPutAway(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	f.plant(listActive, "large", f.message("large", testQueue)+strings.Repeat("x", message.MaxSize))
	f.plant(listActive, "unreadable", "{}")
	f.put(listActive, "missing")
	f.rdb.RPush(ctx, asynqKey(testQueue, "t:odd"), "no hash")
	f.put(listActive, "odd")
	ids := []string{"large", "unreadable", "missing", "odd"}
	for _, id := range ids {
		f.leaseEnds(id, time.Now().Add(time.Minute))
		if err := f.janitor.PutAway(ctx, testQueue, id, len(id)); err != nil {
			t.Error(err)
		}
		if !f.gone(id) {
			t.Errorf("something of %s is left in the queue", id)
		}
	}
	if err := f.janitor.PutAway(ctx, testQueue, strings.Repeat("x", message.MaxID), 1<<20); err != nil {
		t.Error(err)
	}
	f.checkRepairs(map[Repair]int{{oversized, quarantined}: 2, {unreadable, quarantined}: 2, {missingMessage, removed}: 1})
	if got := tasksOf(f.quarantine()); len(got) != 4 || slices.Contains(got, "missing") {
		t.Errorf("in quarantine: %q", got)
	}
}

func TestNamesOfInventedQueuesAreRemoved(t *testing.T) {
	t.Parallel()
	f := setup(t)
	ctx := t.Context()
	f.enqueue("waiting")
	few := []any{"other", "other two", strings.Repeat("x", 64)}
	odd := []any{strings.Repeat("x", 65), strings.Repeat("x", 900_000), "\x1b[31m", "queue\n", "Schlange\u00fc"}
	f.rdb.SAdd(ctx, queuesKey, slices.Concat(few, odd)...)
	f.scan()
	f.checkRepairs(map[Repair]int{{otherQueue, removed}: len(odd)})
	if got := f.rdb.SCard(ctx, queuesKey).Val(); got != int64(len(few)+len(tasks.Queues())) || !f.rdb.SIsMember(ctx, queuesKey, "other two").Val() {
		t.Errorf("%d names are left", got)
	}

	const invented = 5000
	for i := range invented {
		f.rdb.SAdd(ctx, queuesKey, fmt.Sprint("invented", i))
	}
	f.scan()
	f.checkRepairs(map[Repair]int{{otherQueue, removed}: len(odd) + len(few) + invented - maxOtherNames})
	for _, queue := range tasks.Queues() {
		if !f.rdb.SIsMember(ctx, queuesKey, queue).Val() {
			t.Errorf("%s was removed", queue)
		}
	}
	if got := f.rdb.SCard(ctx, queuesKey).Val(); got != int64(maxOtherNames+len(tasks.Queues())) {
		t.Errorf("%d names are left", got)
	}
	if n := strings.Count(f.log.String(), "aren't pilotsync's"); n > 2 || n == 0 {
		t.Errorf("%d lines are logged", n)
	}
}
