package worker

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
)

// yard is a real Redis with asynq's queues in it, and the watch over them.
type yard struct {
	t         *testing.T
	rdb       *redis.Client
	client    *asynq.Client
	inspector *asynq.Inspector
	watch     *strayWatch
	log       *lines
}

// yardQueue is the queue that these tests use where it doesn't matter which.
const yardQueue = tasks.QueueLists

func newYard(t *testing.T) *yard {
	t.Helper()
	opt, err := redis.ParseURL(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(opt)
	t.Cleanup(func() { _ = rdb.Close() })
	y := &yard{t: t, rdb: rdb, client: asynq.NewClientFromRedisClient(rdb), inspector: asynq.NewInspectorFromRedisClient(rdb), log: &lines{}}
	y.watch = y.another()
	return y
}

// another is the watch of one more worker.
func (y *yard) another() *strayWatch {
	y.t.Helper()
	log := logrus.New()
	log.SetOutput(io.MultiWriter(y.t.Output(), y.log))
	w, err := newStrayWatch(y.rdb, logrus.NewEntry(log), NewMetrics(prometheus.NewRegistry()), func(context.Context) bool { return false })
	if err != nil {
		y.t.Fatal(err)
	}
	return w
}

// look has the watch look at everything once.
func (y *yard) look() {
	y.t.Helper()
	if err := y.watch.all(y.t.Context()); err != nil {
		y.t.Fatal(err)
	}
}

// counted checks how often the watch did what; every other count must be zero.
func (y *yard) counted(want map[string]float64) {
	y.t.Helper()
	for _, find := range strayFinds() {
		if n := testutil.ToFloat64(y.watch.metrics.strays.WithLabelValues(find[:]...)); n != want[find[0]+" "+find[1]] {
			y.t.Errorf("%v were %s and are %s, want %v", n, find[0], find[1], want[find[0]+" "+find[1]])
		}
	}
}

func (y *yard) enqueue(id string, opts ...asynq.Option) {
	y.t.Helper()
	opts = append([]asynq.Option{asynq.Queue(yardQueue), asynq.TaskID(id), asynq.MaxRetry(3), asynq.Timeout(time.Minute)}, opts...)
	if _, err := y.client.EnqueueContext(y.t.Context(), asynq.NewTask("kind", []byte("payload of "+id)), opts...); err != nil {
		y.t.Fatal(err)
	}
}

// plant puts a message that asynq's client would never make into a queue's list.
func (y *yard) plant(list, id, msg string) {
	y.t.Helper()
	ctx := y.t.Context()
	y.rdb.HSet(ctx, asynqKey(yardQueue, "t:"+id), "msg", msg, "state", list)
	y.list(list, id)
}

// list puts an id into a list.
func (y *yard) list(list, id string) {
	y.t.Helper()
	ctx := y.t.Context()
	y.rdb.SAdd(ctx, "asynq:queues", yardQueue)
	var err error
	if isList(list) {
		err = y.rdb.LPush(ctx, asynqKey(yardQueue, list), id).Err()
	} else {
		// Far off, so that asynq leaves it where it is.
		err = y.rdb.ZAdd(ctx, asynqKey(yardQueue, list), redis.Z{Score: float64(time.Now().Add(time.Hour).Unix()), Member: id}).Err()
	}
	if err != nil {
		y.t.Fatal(err)
	}
}

// dead makes the task that would be handed out next one whose worker died an hour ago.
func (y *yard) dead(id string) {
	y.t.Helper()
	ctx := y.t.Context()
	got, err := y.rdb.LMove(ctx, asynqKey(yardQueue, "pending"), asynqKey(yardQueue, listActive), "RIGHT", "LEFT").Result()
	if err != nil || got != id {
		y.t.Fatalf("the next task is %q, %v; want %q", got, err, id)
	}
	y.rdb.HSet(ctx, asynqKey(yardQueue, "t:"+id), "state", "active")
	y.leaseEnds(id, time.Now().Add(-time.Hour))
}

func (y *yard) leaseEnds(id string, at time.Time) {
	y.t.Helper()
	if err := y.rdb.ZAdd(y.t.Context(), asynqKey(yardQueue, listLease), redis.Z{Score: float64(at.Unix()), Member: id}).Err(); err != nil {
		y.t.Fatal(err)
	}
}

// message is one as asynq encodes it, under the labels given.
func (y *yard) message(id, queue string) string {
	y.t.Helper()
	e := y.watch.envelope
	msg, fields := e.kind.New(), e.kind.Descriptor().Fields()
	msg.Set(fields.ByName("type"), protoreflect.ValueOfString("kind"))
	msg.Set(fields.ByName("payload"), protoreflect.ValueOfBytes([]byte("payload")))
	msg.Set(fields.ByName("retry"), protoreflect.ValueOfInt32(3))
	msg.Set(fields.ByName("timeout"), protoreflect.ValueOfInt64(60))
	msg.Set(e.id, protoreflect.ValueOfString(id))
	msg.Set(e.queue, protoreflect.ValueOfString(queue))
	raw, err := proto.Marshal(msg.Interface())
	if err != nil {
		y.t.Fatal(err)
	}
	return string(raw)
}

// serve runs a plain asynq server, which recovers dead workers' tasks at its start,
// until stop. What it hands out is told on the channel.
func (y *yard) serve(handle func(context.Context, *asynq.Task) error) (handled chan string, stop func()) {
	y.t.Helper()
	handled = make(chan string, 100)
	server := asynq.NewServerFromRedisClient(y.rdb, asynq.Config{
		Concurrency: 4, Queues: map[string]int{yardQueue: 1}, TaskCheckInterval: 10 * time.Millisecond, DelayedTaskCheckInterval: 50 * time.Millisecond,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return 0 },
		Logger:         &teller{y.log}, LogLevel: asynq.WarnLevel,
	})
	err := server.Start(asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		id, _ := asynq.GetTaskID(ctx)
		handled <- id
		if handle != nil {
			return handle(ctx, task)
		}
		return nil
	}))
	if err != nil {
		y.t.Fatal(err)
	}
	stop = sync.OnceFunc(server.Shutdown)
	y.t.Cleanup(stop)
	return handled, stop
}

// handedOut waits until a server of [yard.serve] hands out a task.
func (y *yard) handedOut(handled chan string, want string) {
	y.t.Helper()
	select {
	case id := <-handled:
		if id != want {
			y.t.Fatalf("task %q was handed out, want %q", id, want)
		}
	case <-time.After(time.Minute):
		y.t.Fatalf("task %q was not handed out", want)
	}
}

func (y *yard) await(what string, ok func() bool) {
	y.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !ok() {
		select {
		case <-late:
			y.t.Fatalf("%s: not within a minute", what)
		case <-tick.C:
		}
	}
}

// gone reports whether nothing of a task is left.
func (y *yard) gone(id string) bool {
	y.t.Helper()
	ctx := y.t.Context()
	if y.rdb.Exists(ctx, asynqKey(yardQueue, "t:"+id)).Val() != 0 {
		return false
	}
	for _, list := range strayLists() {
		if y.lists(list, id) {
			return false
		}
	}
	return true
}

func (y *yard) lists(list, id string) bool {
	y.t.Helper()
	var err error
	if isList(list) {
		err = y.rdb.LPos(y.t.Context(), asynqKey(yardQueue, list), id, redis.LPosArgs{}).Err()
	} else {
		err = y.rdb.ZScore(y.t.Context(), asynqKey(yardQueue, list), id).Err()
	}
	if err != nil && err != redis.Nil {
		y.t.Fatal(err)
	}
	return err == nil
}

func (y *yard) quarantine() []Quarantined {
	y.t.Helper()
	all, total, err := NewStrays(y.rdb).Quarantine(y.t.Context(), QuarantineLimit)
	if err != nil || total != len(all) {
		y.t.Fatalf("%d of %d, %v", len(all), total, err)
	}
	return all
}

// lines is what was logged.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) has(piece string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), piece)
}

// teller is an asynq.Logger.
type teller struct{ io.Writer }

func (l *teller) Debug(...any)      {}
func (l *teller) Info(...any)       {}
func (l *teller) Warn(args ...any)  { fmt.Fprintln(l, args...) }
func (l *teller) Error(args ...any) { fmt.Fprintln(l, args...) }
func (l *teller) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
