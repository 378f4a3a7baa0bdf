package queuepoll

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker/message"
)

// never is an interval between polls that is longer than any test.
const never = time.Hour

// fixture is a worker with one queue on a real Redis. Its handler records each task's type.
type fixture struct {
	t      *testing.T
	rdb    redis.UniversalClient // not the worker's
	sent   *recorder             // of the worker
	log    *harness.Log
	handle func(*asynq.Task) error // nil for success
	stop   func()
	// handleCtx gets the context of each task; nil for nothing.
	handleCtx func(context.Context)

	mu      sync.Mutex
	handled []string
	refused []string // id and length
}

// refuse takes what the janitor would put away.
func (f *fixture) refuse(_ context.Context, queue, id string, length int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.refused = append(f.refused, fmt.Sprintf("%s %.20s %d", queue, id, length))
	return nil
}

// setup starts a worker whose client open returns. Each call opens a client of its own.
func setup(t *testing.T, interval time.Duration, open func() redis.UniversalClient, handle func(*asynq.Task) error) *fixture {
	t.Helper()
	f := &fixture{t: t, rdb: open(), sent: &recorder{}, log: &harness.Log{Also: t.Output()}, handle: handle}
	rdb := open()
	rdb.AddHook(f.sent)
	t.Cleanup(func() { _, _ = f.rdb.Close(), rdb.Close() })
	log := logrus.New()
	log.SetOutput(f.log)
	stopping := make(chan struct{})
	poller, err := New(Config{Redis: rdb, Stopping: stopping, Log: logrus.NewEntry(log), Refused: f.refuse,
		Limits: map[string]message.Limits{tasks.QueueLists: {Timeout: time.Minute, MaxRetry: 25, Retention: 24 * time.Hour, Keep: time.Hour}}})
	if err != nil {
		t.Fatal(err)
	}
	poller.interval = interval
	server := asynq.NewServerFromRedisClient(poller.Client(), asynq.Config{Queues: map[string]int{tasks.QueueLists: 1}, Concurrency: 4,
		TaskCheckInterval: time.Millisecond, DelayedTaskCheckInterval: 10 * time.Millisecond, LogLevel: asynq.FatalLevel,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return time.Second }})
	if err := server.Start(asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		f.mu.Lock()
		f.handled = append(f.handled, task.Type())
		handleCtx := f.handleCtx
		f.mu.Unlock()
		if handleCtx != nil {
			handleCtx(ctx)
		}
		if f.handle != nil {
			return f.handle(task)
		}
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { poller.Run(ctx) })
	f.stop = sync.OnceFunc(func() {
		cancel()
		close(stopping)
		server.Shutdown()
		running.Wait()
	})
	t.Cleanup(f.stop)
	return f
}

// await waits until a task was handled n times.
func (f *fixture) await(kind string, n int) {
	f.t.Helper()
	harness.AwaitTrue(f.t, kind+" is handled", func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		seen := 0
		for _, handled := range f.handled {
			if handled == kind {
				seen++
			}
		}
		return seen >= n
	})
}

// awaitWait waits until the server waits for a notification, to which the worker listens.
func (f *fixture) awaitWait() {
	f.t.Helper()
	harness.AwaitTrue(f.t, "the worker listens", func() bool {
		return f.sent.count("dequeue") > 0 && f.sent.count("poll") > 1 // the second is that of the subscription
	})
}

// enqueue enqueues a task by the client of asynq on rdb.
func (f *fixture) enqueue(rdb redis.UniversalClient, kind string, opts ...asynq.Option) {
	f.t.Helper()
	if _, err := asynq.NewClientFromRedisClient(rdb).Enqueue(asynq.NewTask(kind, nil), append(opts, asynq.Queue(tasks.QueueLists))...); err != nil {
		f.t.Fatal(err)
	}
}

// recorder counts the scripts that a worker sends, by what they do to its queue.
type recorder struct {
	mu     sync.Mutex
	counts map[string]int
}

func (r *recorder) count(script string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.counts[script]
}

func (r *recorder) record(cmds ...redis.Cmder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.counts == nil {
		r.counts = map[string]int{}
	}
	for _, cmd := range cmds {
		args := cmd.Args()
		if !strings.HasPrefix(cmd.Name(), "eval") || len(args) < 4 || !strings.HasPrefix(args[3].(string), "asynq:{"+tasks.QueueLists+"}:") {
			continue
		}
		_, first := parseKey(args[3].(string))
		switch keys := args[2]; {
		case first == kindPending && keys == 4:
			r.counts["dequeue"]++
		case first == kindPending && keys == 3:
			r.counts["poll"]++
		case first == kindScheduled, first == kindRetry:
			r.counts["forward"]++
		}
	}
}

func (r *recorder) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r *recorder) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		r.record(cmd)
		return next(ctx, cmd)
	}
}

func (r *recorder) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		r.record(cmds...)
		return next(ctx, cmds)
	}
}

// onServer opens clients of a server.
func onServer(addr string) func() redis.UniversalClient {
	return func() redis.UniversalClient { return redis.NewClient(&redis.Options{Addr: addr}) }
}

func TestAnIdleQueueCostsOnePollPerInterval(t *testing.T) {
	t.Parallel()
	f := setup(t, 5*time.Millisecond, onServer(redistest.New(t).Addr), nil)
	harness.AwaitTrue(t, "there were 50 polls", func() bool { return f.sent.count("poll") >= 50 })
	if got := f.sent.count("dequeue"); got > 2 { // the first without the script
		t.Errorf("it asked %d times for a task", got)
	}
	if got := f.sent.count("forward"); got > 0 {
		t.Errorf("it asked %d times for delayed tasks", got)
	}
}

func TestANotifiedTaskIsTakenWithoutAPoll(t *testing.T) {
	t.Parallel()
	f := setup(t, never, onServer(redistest.New(t).Addr), nil)
	f.awaitWait()
	for n := range 20 {
		f.enqueue(For(f.rdb), "t")
		f.await("t", n+1)
	}
	if got := f.sent.count("poll"); got > 4 { // two at the start, each perhaps twice
		t.Errorf("it polled %d times", got)
	}
}

// Another program's client doesn't notify; and a notification may be lost.
func TestATaskWithoutANotificationIsFoundByPolling(t *testing.T) {
	t.Parallel()
	f := setup(t, 20*time.Millisecond, onServer(redistest.New(t).Addr), nil)
	f.awaitWait()
	for n := range 5 {
		f.enqueue(f.rdb, "t")
		f.await("t", n+1)
	}
}

func TestABrokenSubscriptionIsRenewedAndMissedTasksAreFound(t *testing.T) {
	t.Parallel()
	f := setup(t, never, onServer(redistest.New(t).Addr), nil)
	f.awaitWait()
	for n := range 3 {
		f.enqueue(f.rdb, "missed")
		if err := f.rdb.Do(t.Context(), "CLIENT", "KILL", "TYPE", "pubsub").Err(); err != nil {
			t.Fatal(err)
		}
		f.await("missed", n+1)
		f.enqueue(For(f.rdb), "notified")
		f.await("notified", n+1)
	}
}

func TestAWorkerForwardsWhatItDelayedWithoutAPoll(t *testing.T) {
	t.Parallel()
	failed := false
	f := setup(t, never, onServer(redistest.New(t).Addr), func(*asynq.Task) error {
		if failed {
			return nil
		}
		failed = true
		return errors.New("once")
	})
	f.awaitWait()
	f.enqueue(For(f.rdb), "t")
	f.await("t", 2)
	if got := f.sent.count("forward"); got > 2 { // the first without the script
		t.Errorf("it asked %d times for delayed tasks", got)
	}
}

func TestWhatAnotherProcessDelayedIsFoundByPolling(t *testing.T) {
	t.Parallel()
	f := setup(t, 20*time.Millisecond, onServer(redistest.New(t).Addr), nil)
	f.enqueue(f.rdb, "t", asynq.ProcessIn(time.Second))
	f.await("t", 1)
}

// A producer of an earlier release asks for a day.
func TestFinishedTasksAreKeptAsLongAsTheWorkerSays(t *testing.T) {
	t.Parallel()
	f := setup(t, never, onServer(redistest.New(t).Addr), nil)
	f.awaitWait()
	for _, asked := range []time.Duration{24 * time.Hour, time.Minute} {
		began := time.Now()
		f.enqueue(For(f.rdb), "t", asynq.Retention(asked), asynq.TaskID(asked.String()))
		harness.AwaitTrue(t, "the task is finished", func() bool {
			score, err := f.rdb.ZScore(t.Context(), "asynq:{lists}:completed", asked.String()).Result()
			until := time.Unix(int64(score), 0)
			if err == nil && (until.Before(began.Add(time.Hour-time.Second)) || until.After(time.Now().Add(time.Hour))) {
				t.Errorf("a task that asked for %s is kept until %s", asked, until)
			}
			return err == nil
		})
	}
}

// With polls an hour apart a server that didn't end its waits would hang.
func TestAWaitingServerStops(t *testing.T) {
	t.Parallel()
	f := setup(t, never, onServer(redistest.New(t).Addr), nil)
	f.awaitWait()
	f.stop()
	f.enqueue(For(f.rdb), "t")
	if pending, err := f.rdb.LLen(t.Context(), "asynq:{lists}:pending").Result(); err != nil || pending != 1 {
		t.Errorf("%d tasks are pending, %v: a stopped server took one", pending, err)
	}
}

func TestNotificationsReachAWorkerOnACluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.NewCluster(t, 3, redistest.Security{})
	addrs := make([]string, len(cluster.Nodes))
	for i, n := range cluster.Nodes {
		addrs[i] = n.Addr
	}
	f := setup(t, never, func() redis.UniversalClient { return redis.NewClusterClient(&redis.ClusterOptions{Addrs: addrs}) }, nil)
	f.awaitWait()
	for n := range 10 {
		f.enqueue(For(f.rdb), "t")
		f.await("t", n+1)
	}
}

// An ACL file of an earlier release lacks the channel.
func TestWithoutTheChannelTasksAreFoundByPolling(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	admin := redis.NewClient(&redis.Options{Addr: server.Addr})
	t.Cleanup(func() { _ = admin.Close() })
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "worker", "on", ">secret", "allkeys", "resetchannels", "&asynq:*", "+@all").Err(); err != nil {
		t.Fatal(err)
	}
	f := setup(t, 20*time.Millisecond, func() redis.UniversalClient {
		return redis.NewClient(&redis.Options{Addr: server.Addr, Username: "worker", Password: "secret"})
	}, nil)
	for n := range 3 {
		f.enqueue(For(f.rdb), "t")
		f.await("t", n+1)
	}
	harness.AwaitTrue(t, "the refusal is logged", func() bool {
		return strings.Contains(f.log.String(), "refuses the subscription to "+tasks.QueuedChannel)
	})
}
