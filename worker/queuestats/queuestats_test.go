package queuestats_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/worker/queuestats"
)

func newClient(t *testing.T, addr string) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// serve runs an asynq server whose handler fails tasks of the type "fails", until the test ends or
// the returned function is called.
func serve(t *testing.T, rdb *redis.Client, queues map[string]int) (stop func()) {
	t.Helper()
	server := asynq.NewServerFromRedisClient(rdb, asynq.Config{Queues: queues, Concurrency: 3, StrictPriority: true, Logger: quiet{}, TaskCheckInterval: 10 * time.Millisecond})
	if err := server.Start(asynq.HandlerFunc(func(_ context.Context, task *asynq.Task) error {
		if task.Type() == "fails" {
			return fmt.Errorf("it fails: %w", asynq.SkipRetry)
		}
		return nil
	})); err != nil {
		t.Fatal(err)
	}
	stop = sync.OnceFunc(server.Shutdown)
	t.Cleanup(stop)
	return stop
}

type quiet struct{}

func (quiet) Debug(...any)      {}
func (quiet) Info(...any)       {}
func (quiet) Warn(...any)       {}
func (quiet) Error(...any)      {}
func (quiet) Fatal(args ...any) { log.New(io.Discard, "", 0).Fatal(args...) }

func TestTheFiguresAreThoseOfAsynqsInspector(t *testing.T) {
	t.Parallel()
	rdb := newClient(t, redistest.New(t).Addr)
	client, inspector := asynq.NewClientFromRedisClient(rdb), asynq.NewInspectorFromRedisClient(rdb)
	enqueue := func(kind string, options ...asynq.Option) {
		t.Helper()
		if _, err := client.Enqueue(asynq.NewTask(kind, []byte(strings.Repeat("x", 300))), options...); err != nil {
			t.Fatal(err)
		}
	}
	for range 30 {
		enqueue("waits", asynq.Queue("waiting"))
	}
	for range 2 {
		enqueue("later", asynq.Queue("waiting"), asynq.ProcessIn(time.Hour))
	}
	if err := inspector.PauseQueue("waiting"); err != nil {
		t.Fatal(err)
	}
	enqueue("works", asynq.Queue("served"), asynq.Retention(time.Hour))
	enqueue("fails", asynq.Queue("served"))
	stop := serve(t, rdb, map[string]int{"served": 1})
	harness.AwaitTrue(t, "both tasks are processed", func() bool {
		info, err := inspector.GetQueueInfo("served")
		return err == nil && info.ProcessedTotal == 2
	})
	stop()

	names := []string{"served", "waiting"}
	got, err := queuestats.Queues(t.Context(), rdb, true, names...)
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range names {
		info, err := inspector.GetQueueInfo(name)
		if err != nil {
			t.Fatal(err)
		}
		want := queuestats.Queue{Pending: info.Pending, Active: info.Active, Scheduled: info.Scheduled, Retry: info.Retry, Archived: info.Archived, Completed: info.Completed,
			Processed: info.ProcessedTotal, Failed: info.FailedTotal, Paused: info.Paused, Memory: int(info.MemoryUsage)}
		if diff := cmp.Diff(want, got[i], cmpopts.IgnoreFields(queuestats.Queue{}, "Oldest")); diff != "" {
			t.Errorf("queue %s (-want +got):\n%s", name, diff)
		}
		if (got[i].Oldest > 0) != (info.Latency > 0) || got[i].Oldest > info.Latency {
			t.Errorf("queue %s: the oldest task waits for %s, and later for %s", name, got[i].Oldest, info.Latency)
		}
	}
}

func TestAQueueThatCannotBeReadHidesNoOther(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	rdb := newClient(t, server.Addr)
	if err := rdb.Set(t.Context(), "asynq:{broken}:pending", "of another type", 0).Err(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the first call loads the script
		queues, err := queuestats.Queues(t.Context(), rdb, false, "broken", "empty")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(fmt.Sprint(queues[0].Err), "read the queue broken: WRONGTYPE") || queues[1] != (queuestats.Queue{}) {
			t.Errorf("got %+v", queues)
		}
	}
	server.Kill()
	if _, err := queuestats.Queues(t.Context(), rdb, false, "broken", "empty"); err == nil {
		t.Error("no error without Redis")
	}
}

// gets counts the servers that are read.
type gets struct{ n int }

func (g *gets) DialHook(next redis.DialHook) redis.DialHook          { return next }
func (g *gets) ProcessHook(next redis.ProcessHook) redis.ProcessHook { return next }
func (g *gets) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if cmd.Name() == "get" {
				g.n++
			}
		}
		return next(ctx, cmds)
	}
}

func TestServersAreReadAgainAfterAHeartbeat(t *testing.T) {
	t.Parallel()
	rdb := newClient(t, redistest.New(t).Addr)
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	stop := serve(t, rdb, map[string]int{"one": 1, "two": 2})
	counted := newClient(t, rdb.Options().Addr)
	read := &gets{}
	counted.AddHook(read)
	servers := queuestats.NewServers(counted)
	check := func(want int) {
		t.Helper()
		got, err := servers.Read(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		all, err := inspector.Servers()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(all, got, cmpopts.IgnoreFields(asynq.ServerInfo{}, "ActiveWorkers"), cmpopts.EquateEmpty()); diff != "" || len(got) > 1 {
			t.Errorf("(-asynq +got):\n%s", diff)
		}
		if read.n != want {
			t.Errorf("servers were read %d times, want %d", read.n, want)
		}
	}
	var key string
	harness.AwaitTrue(t, "the server is live", func() bool {
		n, err := queuestats.Processes(t.Context(), rdb)
		key = fmt.Sprint(rdb.ZRange(t.Context(), "asynq:servers", 0, -1).Val())
		return err == nil && n == 1
	})
	// From now on the test decides when a heartbeat comes.
	key = strings.Trim(key, "[]")
	info := rdb.Get(t.Context(), key).Val()
	stop()
	heartbeat := func(ends time.Duration) {
		rdb.Set(t.Context(), key, info, 0)
		rdb.ZAdd(t.Context(), "asynq:servers", redis.Z{Member: key, Score: float64(time.Now().Add(ends).Unix())})
	}
	heartbeat(time.Hour)
	check(1)
	check(1)
	heartbeat(2 * time.Hour)
	check(2)
	rdb.ZAdd(t.Context(), "asynq:servers", redis.Z{Member: "asynq:servers:{host:1:gone}", Score: float64(time.Now().Add(time.Hour).Unix())})
	check(3)
	heartbeat(-time.Hour)
	check(3)
}

func TestInventedQueuesAreOnlyCounted(t *testing.T) {
	t.Parallel()
	rdb := newClient(t, redistest.New(t).Addr)
	if names, others, err := queuestats.Names(t.Context(), rdb); len(names) != 0 || others != 0 || err != nil {
		t.Errorf("an empty Redis has %q and %d others, %v", names, others, err)
	}
	rdb.SAdd(t.Context(), "asynq:queues", strings.Repeat("long", 100), "invented", "\x1b[31m", "domains", "ssl")
	names, others, err := queuestats.Names(t.Context(), rdb)
	if diff := cmp.Diff([]string{"domains", "ssl"}, names); diff != "" || others != 3 || err != nil {
		t.Errorf("%d others, %v; names (-want +got):\n%s", others, err, diff)
	}
}
