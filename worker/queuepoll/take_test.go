package queuepoll

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker/message"
)

const prefix = "asynq:{" + tasks.QueueLists + "}:"

// plant puts an id into a queue's list, with a message.
func (f *fixture) plant(list, id string, score int64, msg string) {
	f.t.Helper()
	ctx := f.t.Context()
	if msg != "" {
		f.rdb.HSet(ctx, prefix+"t:"+id, "msg", msg, "state", list)
	}
	var err error
	if list == kindScheduled || list == kindLease {
		err = f.rdb.ZAdd(ctx, prefix+list, redis.Z{Score: float64(score), Member: id}).Err()
	} else {
		err = f.rdb.LPush(ctx, prefix+list, id).Err()
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// awaitRefused waits until tasks were refused, and returns them sorted.
func (f *fixture) awaitRefused(n int) []string {
	f.t.Helper()
	all := func() []string {
		f.mu.Lock()
		defer f.mu.Unlock()
		return slices.Sorted(slices.Values(f.refused))
	}
	harness.AwaitTrue(f.t, "tasks are refused", func() bool { return len(all()) >= n })
	return all()
}

func TestATaskThatCannotBeLoadedIsRefusedAndTheNextIsTaken(t *testing.T) {
	t.Parallel()
	f := setup(t, never, onServer(redistest.New(t).Addr), nil)
	f.awaitWait()
	long := strings.Repeat("x", message.MaxID+1)
	f.plant(kindPending, "large", 0, strings.Repeat("x", message.MaxSize+1))
	f.plant(kindPending, "json", 0, `{"type":"t"}`)
	f.plant(kindPending, "missing", 0, "")
	f.rdb.Set(t.Context(), prefix+"t:odd", "no hash", 0)
	f.plant(kindPending, "odd", 0, "")
	f.plant(kindPending, long, 0, "any")
	f.enqueue(For(f.rdb), "honest")
	f.await("honest", 1)
	want := []string{"lists json 4", "lists large 5", "lists missing 7", "lists odd 3", "lists xxxxxxxxxxxxxxxxxxxx 513"}
	if diff := cmp.Diff(want, f.awaitRefused(len(want))); diff != "" {
		t.Errorf("refused are (-want +got):\n%s", diff)
	}
	harness.AwaitTrue(t, "the refused tasks alone are active, with a lease", func() bool {
		active := f.rdb.LRange(t.Context(), prefix+kindActive, 0, -1).Val()
		slices.Sort(active)
		return slices.Equal(active, []string{"json", "large", "missing", "odd"}) && f.rdb.ZCard(t.Context(), prefix+kindLease).Val() == 4
	})
	if f.rdb.Exists(t.Context(), prefix+"t:"+long).Val() != 0 {
		t.Error("the one with the long id is there still")
	}
}

func TestATaskThatIsInTheListTwiceRunsOnce(t *testing.T) {
	t.Parallel()
	taken, end := make(chan struct{}, 10), make(chan struct{})
	f := setup(t, 10*time.Millisecond, onServer(redistest.New(t).Addr), func(task *asynq.Task) error {
		taken <- struct{}{}
		if task.Type() == "twice" {
			<-end
		}
		return nil
	})
	f.enqueue(For(f.rdb), "twice", asynq.TaskID("twice"))
	<-taken
	for range 150 { // more than a script looks at
		f.rdb.LPush(t.Context(), prefix+kindPending, "twice")
	}
	harness.AwaitTrue(t, "the others are dropped", func() bool { return f.rdb.LLen(t.Context(), prefix+kindPending).Val() == 0 })
	close(end)
	harness.AwaitTrue(t, "it is done", func() bool { return f.rdb.Exists(t.Context(), prefix+"t:twice").Val() == 0 })
	if n, leased := f.rdb.LLen(t.Context(), prefix+kindActive).Val(), f.rdb.ZCard(t.Context(), prefix+kindLease).Val(); n != 0 || leased != 0 || len(taken) != 0 {
		t.Errorf("%d are active, %d have a lease, and it ran %d times more", n, leased, len(taken))
	}
}

// A deadline of 1970 would end each run before it begins, and asynq would retry it every second.
func TestTheLimitsOfAMessageDoNotApply(t *testing.T) {
	t.Parallel()
	deadlines := make(chan time.Time, 10)
	f := setup(t, never, onServer(redistest.New(t).Addr), nil)
	f.mu.Lock()
	f.handleCtx = func(ctx context.Context) {
		deadline, _ := ctx.Deadline()
		deadlines <- deadline
	}
	f.mu.Unlock()
	f.awaitWait()
	for _, opt := range []asynq.Option{asynq.Deadline(time.Unix(1, 0)), asynq.Timeout(-time.Hour), asynq.Timeout(1 << 62), asynq.MaxRetry(-1)} {
		began := time.Now()
		f.enqueue(For(f.rdb), "t", opt)
		if got := <-deadlines; got.Before(began.Add(50*time.Second)) || got.After(time.Now().Add(time.Minute)) {
			t.Errorf("%v: it may run until %s, which is in %s", opt, got, time.Until(got))
		}
	}
}

func TestForwardingGoesOnAfterAKeyThatIsNoTask(t *testing.T) {
	t.Parallel()
	f := setup(t, 10*time.Millisecond, onServer(redistest.New(t).Addr), nil)
	f.rdb.Set(t.Context(), prefix+"t:odd", "no hash", 0)
	f.plant(kindScheduled, "odd", 1, "")
	f.plant(kindScheduled, "missing", 2, "")
	task, err := asynq.NewClientFromRedisClient(f.rdb).Enqueue(asynq.NewTask("grouped", nil), asynq.Queue(tasks.QueueLists), asynq.ProcessIn(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	f.rdb.HSet(t.Context(), prefix+"t:"+task.ID, "group", "g", "unique_key", "pilotsync:ledger")
	f.await("grouped", 1)
	if diff := cmp.Diff([]string{"lists missing 7", "lists odd 3"}, f.awaitRefused(2)); diff != "" {
		t.Errorf("refused are (-want +got):\n%s", diff)
	}
}

func TestABadMessageHidesNoDeadWorkersTask(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	first := setup(t, never, onServer(server.Addr), func(*asynq.Task) error { return errors.New("later") })
	first.enqueue(For(first.rdb), "honest", asynq.TaskID("honest"))
	first.await("honest", 1)
	first.stop()
	ago := time.Now().Add(-time.Hour).Unix()
	first.plant(kindActive, "large", 0, strings.Repeat("x", message.MaxSize+1))
	first.plant(kindActive, "json", 0, "{}")
	for _, id := range []string{"large", "json", "honest", "not active"} {
		first.plant(kindLease, id, ago, "")
	}
	first.rdb.ZRem(t.Context(), prefix+kindRetry, "honest")
	first.rdb.HSet(t.Context(), prefix+"t:honest", "state", "active")
	first.rdb.LPush(t.Context(), prefix+kindActive, "honest")
	f := setup(t, 10*time.Millisecond, onServer(server.Addr), nil)
	f.await("honest", 1)
	if err := f.rdb.ZScore(t.Context(), prefix+kindLease, "not active").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("the lease of a task that isn't active is there still: %v", err)
	}
}
