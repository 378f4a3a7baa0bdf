package enqueue

import (
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// It belongs to go-redis, and ends within a second after its client is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// setup returns a client on its own Redis in this process.
func setup(t testing.TB) (*Client, *miniredis.Miniredis, *redis.Client) {
	t.Helper()
	mini := miniredis.RunT(t)
	rdb := connect(t, "redis://"+mini.Addr())
	return New(rdb), mini, rdb
}

// connect returns a client that doesn't retry, so that tests of an outage are fast.
func connect(t testing.TB, url string) *redis.Client {
	t.Helper()
	opt, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal(err)
	}
	opt.MaxRetries, opt.DialerRetries = -1, 1
	rdb := redis.NewClient(opt)
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// onBoth runs a test against miniredis and against a real Redis, whose Lua and clock may
// differ.
func onBoth(t *testing.T, test func(t *testing.T, url string)) {
	t.Parallel()
	t.Run("miniredis", func(t *testing.T) {
		t.Parallel()
		test(t, "redis://"+miniredis.RunT(t).Addr())
	})
	t.Run("a real Redis", func(t *testing.T) {
		t.Parallel()
		test(t, redistest.Start(t))
	})
}

// queued returns the pending tasks, by id.
func queued(t testing.TB, rdb redis.UniversalClient) map[string]*asynq.TaskInfo {
	t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(rdb)
	all := map[string]*asynq.TaskInfo{}
	for page := 1; ; page++ {
		infos, err := inspector.ListPendingTasks(tasks.QueueDomains, asynq.PageSize(1000), asynq.Page(page))
		if err != nil {
			t.Fatal(err)
		}
		if len(infos) == 0 {
			return all
		}
		for _, info := range infos {
			all[info.ID] = info
		}
	}
}

// clock is a time whose microseconds Lua's %.14g would round.
var clock = time.Date(2026, 3, 1, 12, 0, 0, 123457000, time.UTC)

const clockMicros = 1772366400123457
