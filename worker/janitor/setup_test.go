package janitor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
)

// fixture is a real Redis with asynq's queues, and a janitor.
type fixture struct {
	t         *testing.T
	rdb       *redis.Client
	client    *asynq.Client
	inspector *asynq.Inspector
	janitor   *Janitor
	log       *harness.Log

	mu      sync.Mutex
	repairs map[Repair]int
}

// testQueue is the queue of tests with one queue.
const testQueue = tasks.QueueLists

func setup(t *testing.T) *fixture {
	t.Helper()
	opt, err := redis.ParseURL(redistest.Start(t))
	if err != nil {
		t.Fatal(err)
	}
	rdb := redis.NewClient(opt)
	t.Cleanup(func() { _ = rdb.Close() })
	f := &fixture{t: t, rdb: rdb, client: asynq.NewClientFromRedisClient(rdb), inspector: asynq.NewInspectorFromRedisClient(rdb), log: &harness.Log{}, repairs: map[Repair]int{}}
	f.janitor = f.another()
	return f
}

// another returns the janitor of another worker.
func (f *fixture) another() *Janitor {
	f.t.Helper()
	log := logrus.New()
	log.SetOutput(io.MultiWriter(f.t.Output(), f.log))
	j, err := New(Config{Redis: f.rdb, Log: logrus.NewEntry(log), Count: f.count, Down: func(context.Context) bool { return false }})
	if err != nil {
		f.t.Fatal(err)
	}
	return j
}

func (f *fixture) count(r Repair) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.repairs[r]++
}

// scan lets the janitor scan all queues once.
func (f *fixture) scan() {
	f.t.Helper()
	if err := f.janitor.scanAll(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

// checkRepairs checks the number of each repair since the start.
func (f *fixture) checkRepairs(want map[Repair]int) {
	f.t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if diff := cmp.Diff(want, f.repairs, cmpopts.EquateEmpty()); diff != "" {
		f.t.Errorf("repairs (-want +got):\n%s", diff)
	}
	for r := range f.repairs {
		if !slices.Contains(Repairs(), r) {
			f.t.Errorf("%v isn't among the known repairs", r)
		}
	}
}

func (f *fixture) enqueue(id string, opts ...asynq.Option) {
	f.t.Helper()
	opts = append([]asynq.Option{asynq.Queue(testQueue), asynq.TaskID(id), asynq.MaxRetry(3), asynq.Timeout(time.Minute)}, opts...)
	if _, err := f.client.EnqueueContext(f.t.Context(), asynq.NewTask("kind", []byte("payload of "+id)), opts...); err != nil {
		f.t.Fatal(err)
	}
}

// plant puts a message that asynq's client would never make into a queue's list.
func (f *fixture) plant(list, id, msg string) {
	f.t.Helper()
	ctx := f.t.Context()
	f.rdb.HSet(ctx, asynqKey(testQueue, "t:"+id), "msg", msg, "state", list)
	f.put(list, id)
}

// put puts an id into a list.
func (f *fixture) put(list, id string) {
	f.t.Helper()
	ctx := f.t.Context()
	f.rdb.SAdd(ctx, "asynq:queues", testQueue)
	var err error
	if isList(list) {
		err = f.rdb.LPush(ctx, asynqKey(testQueue, list), id).Err()
	} else {
		// Due in an hour, so asynq doesn't move it.
		err = f.rdb.ZAdd(ctx, asynqKey(testQueue, list), redis.Z{Score: float64(time.Now().Add(time.Hour).Unix()), Member: id}).Err()
	}
	if err != nil {
		f.t.Fatal(err)
	}
}

// abandon makes the next task one whose worker died an hour ago.
func (f *fixture) abandon(id string) {
	f.t.Helper()
	ctx := f.t.Context()
	got, err := f.rdb.LMove(ctx, asynqKey(testQueue, "pending"), asynqKey(testQueue, listActive), "RIGHT", "LEFT").Result()
	if err != nil || got != id {
		f.t.Fatalf("the next task is %q, %v; want %q", got, err, id)
	}
	f.rdb.HSet(ctx, asynqKey(testQueue, "t:"+id), "state", "active")
	f.leaseEnds(id, time.Now().Add(-time.Hour))
}

func (f *fixture) leaseEnds(id string, at time.Time) {
	f.t.Helper()
	if err := f.rdb.ZAdd(f.t.Context(), asynqKey(testQueue, listLease), redis.Z{Score: float64(at.Unix()), Member: id}).Err(); err != nil {
		f.t.Fatal(err)
	}
}

// message returns a message in asynq's encoding, with the given labels.
func (f *fixture) message(id, queue string) string {
	f.t.Helper()
	message, err := protoregistry.GlobalTypes.FindMessageByName("asynq.TaskMessage")
	if err != nil {
		f.t.Fatal(err)
	}
	msg := message.New()
	for name, v := range map[protoreflect.Name]any{"type": "kind", "payload": []byte("payload"), "retry": int32(3), "timeout": int64(60), "id": id, "queue": queue} {
		msg.Set(message.Descriptor().Fields().ByName(name), protoreflect.ValueOf(v))
	}
	raw, err := proto.Marshal(msg.Interface())
	if err != nil {
		f.t.Fatal(err)
	}
	return string(raw)
}

// serve runs a plain asynq server, which recovers dead workers' tasks at its start,
// until stop. The channel gets the ids of the tasks that it hands out.
func (f *fixture) serve(handle func(context.Context, *asynq.Task) error) (handled chan string, stop func()) {
	f.t.Helper()
	handled = make(chan string, 100)
	server := asynq.NewServerFromRedisClient(f.rdb, asynq.Config{
		Concurrency: 4, Queues: map[string]int{testQueue: 1}, TaskCheckInterval: 10 * time.Millisecond, DelayedTaskCheckInterval: 50 * time.Millisecond,
		RetryDelayFunc: func(int, error, *asynq.Task) time.Duration { return 0 },
		Logger:         &asynqLog{f.log}, LogLevel: asynq.WarnLevel,
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
		f.t.Fatal(err)
	}
	stop = sync.OnceFunc(server.Shutdown)
	f.t.Cleanup(stop)
	return handled, stop
}

// awaitTask waits until a server of [fixture.serve] hands out a task.
func (f *fixture) awaitTask(handled chan string, want string) {
	f.t.Helper()
	select {
	case id := <-handled:
		if id != want {
			f.t.Fatalf("task %q was handed out, want %q", id, want)
		}
	case <-time.After(time.Minute):
		f.t.Fatalf("task %q was not handed out", want)
	}
}

func (f *fixture) await(condition string, ok func() bool) {
	f.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !ok() {
		select {
		case <-late:
			f.t.Fatalf("%s: not within a minute", condition)
		case <-tick.C:
		}
	}
}

// gone reports whether nothing of a task is left.
func (f *fixture) gone(id string) bool {
	f.t.Helper()
	ctx := f.t.Context()
	if f.rdb.Exists(ctx, asynqKey(testQueue, "t:"+id)).Val() != 0 {
		return false
	}
	for _, list := range taskLists() {
		if f.contains(list, id) {
			return false
		}
	}
	return true
}

func (f *fixture) contains(list, id string) bool {
	f.t.Helper()
	var err error
	if isList(list) {
		err = f.rdb.LPos(f.t.Context(), asynqKey(testQueue, list), id, redis.LPosArgs{}).Err()
	} else {
		err = f.rdb.ZScore(f.t.Context(), asynqKey(testQueue, list), id).Err()
	}
	if err != nil && !errors.Is(err, redis.Nil) {
		f.t.Fatal(err)
	}
	return err == nil
}

func (f *fixture) quarantine() []Quarantined {
	f.t.Helper()
	all, total, err := NewQuarantine(f.rdb).List(f.t.Context(), QuarantineLimit)
	if err != nil || total != len(all) {
		f.t.Fatalf("%d of %d, %v", len(all), total, err)
	}
	return all
}

// logged reports whether the log has a piece of text.
func (f *fixture) logged(piece string) bool { return strings.Contains(f.log.String(), piece) }

// asynqLog is an asynq.Logger.
type asynqLog struct{ io.Writer }

func (l *asynqLog) Debug(...any)      {}
func (l *asynqLog) Info(...any)       {}
func (l *asynqLog) Warn(args ...any)  { fmt.Fprintln(l, args...) }
func (l *asynqLog) Error(args ...any) { fmt.Fprintln(l, args...) }
func (l *asynqLog) Fatal(args ...any) { panic(fmt.Sprint(args...)) }
