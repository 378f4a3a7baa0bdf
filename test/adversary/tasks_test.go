//go:build adversary

package adversary

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/encoding/protowire"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker/janitor"
	"pilotsync/worker/ledger"
)

// The attacks of this file put something on a queue. What users.acl refuses to php comes with the
// rights of admin: an ACL file of an earlier release, or another program, lets it in.

// plant puts a task on a queue in the order of its commands, without a script.
func plant(ctx context.Context, p redis.Cmdable, queue, id string, msg any) {
	p.HSet(ctx, "asynq:{"+queue+"}:t:"+id, "msg", msg, "state", "pending", "pending_since", time.Now().UnixNano())
	p.LPush(ctx, "asynq:{"+queue+"}:pending", id)
}

// waiting is how many tasks of a queue are pending, active or to be retried.
func (f *fixture) waiting(queue string) (n int64) {
	prefix := "asynq:{" + queue + "}:"
	ctx := f.t.Context()
	return f.admin.LLen(ctx, prefix+"pending").Val() + f.admin.LLen(ctx, prefix+"active").Val() + f.admin.ZCard(ctx, prefix+"retry").Val()
}

// awaitQuarantined waits until the quarantine has n messages for a reason.
func (f *fixture) awaitQuarantined(why string, n int) {
	f.t.Helper()
	quarantine := janitor.NewQuarantine(f.as("worker"))
	harness.AwaitTrue(f.t, fmt.Sprintf("%d are in quarantine: %s", n, why), func() bool {
		all, _, err := quarantine.List(f.t.Context(), janitor.QuarantineLimit)
		if err != nil {
			f.t.Fatal(err)
		}
		found := 0
		for _, q := range all {
			if strings.Contains(q.Why, why) {
				found++
			}
		}
		return found >= n
	})
}

// Each worker that took such a task was killed by its limit, one after the other.
func TestALargeMessageKillsNoWorker(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{}, "--proto-max-bulk-len", "512mb", "--maxmemory-clients", "0") // as earlier releases shipped it
	ctx := t.Context()
	opt := f.admin.Options()
	opt.ReadTimeout, opt.WriteTimeout = harness.Limit, harness.Limit
	slow := redis.NewClient(opt)
	t.Cleanup(func() { _ = slow.Close() })
	// Four messages of 200 MB would fill Redis. A worker of before died of one with 64 MB, too.
	large := strings.Repeat("x", 200<<20)
	for _, task := range []struct {
		queue, list, id string
		size            int
	}{
		{tasks.QueueDomains, "pending", "change:app1:large.example.com:1", len(large)},
		{tasks.QueueLists, "pending", "sync:app1:1", 64 << 20},
		{tasks.QueueSSL, "retry", "later", 64 << 20},
		{tasks.QueueDomains, "active", "dead", 64 << 20},
	} {
		prefix := "asynq:{" + task.queue + "}:"
		if err := slow.HSet(ctx, prefix+"t:"+task.id, "msg", large[:task.size], "state", task.list).Err(); err != nil {
			t.Fatal(err)
		}
		if task.list == "retry" {
			f.admin.ZAdd(ctx, prefix+"retry", redis.Z{Score: float64(time.Now().Unix()), Member: task.id})
		} else {
			f.admin.LPush(ctx, prefix+task.list, task.id)
		}
	}
	f.admin.ZAdd(ctx, "asynq:{domains}:lease", redis.Z{Score: 1, Member: "dead"})
	f.worker()
	f.worker()
	f.requireService()
	f.awaitQuarantined("its message has 209715200 bytes", 1)
	f.awaitQuarantined("its message has 67108864 bytes", 3)
	for _, args := range [][]string{{"events"}, {"quarantine"}, {"status"}, {"apps"}, {"apps", "forget", "invented", "--yes"}, {"doctor"}} {
		if code, output := f.run(nil, args...); code < 0 {
			t.Errorf("pilotsync %s was killed:\n%s", strings.Join(args, " "), output)
		}
	}
	f.requireService()
}

func TestRedisTakesNoLargeValueFromPHP(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	f.worker()
	php, large := f.as("php"), strings.Repeat("x", 200<<20)
	for _, size := range []int{2 << 20, len(large)} {
		if err := php.HSet(t.Context(), "asynq:{domains}:t:change:app1:large.example.com:1", "msg", large[:size]).Err(); err == nil {
			t.Errorf("Redis took a message of %d bytes", size)
		}
	}
	f.requireService()
}

// SET on a list deleted it, and stopped its queue.
func TestKeysOfTheWrongTypeStopNoQueueForLong(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	ctx := t.Context()
	client := enqueue.New(f.as("php"))
	if _, err := client.Enqueue(ctx, enqueue.Request{AppID: "app1", Domain: "waiting.example.com"}); err != nil {
		t.Fatal(err)
	}
	keys := []string{"asynq:queues", "asynq:servers", "asynq:workers"}
	for _, queue := range tasks.Queues() {
		for _, name := range []string{"pending", "active", "lease", "scheduled", "retry", "archived", "completed", "processed", "failed", "processed:" + time.Now().UTC().Format(time.DateOnly)} {
			keys = append(keys, "asynq:{"+queue+"}:"+name)
		}
	}
	for _, key := range keys {
		f.admin.Set(ctx, key, "x", 0)
	}
	worker := f.worker()
	harness.AwaitTrue(t, "the change is done whose list was deleted", func() bool { return slices.Contains(f.sim.List("app1"), "waiting.example.com") })
	f.awaitQuarantined("asynq needs a", len(keys))
	f.requireService()
	harness.AwaitTrue(t, "the queues are seen again", func() bool {
		return strings.Contains(worker.metrics(), `asynq_queue_size{queue="domains"}`) && strings.Contains(worker.metrics(), "pilotsync_workers 1")
	})
}

// 5,000 of them used two thirds of a core, and wrote 2,900 lines a second.
func TestTasksThatCannotSucceedEndInTheArchive(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	const n = 5000
	worker := f.worker()
	f.requireListed("app1")
	commands := f.commands()
	if _, err := f.as("php").Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for i := range n {
			id := fmt.Sprintf("change:app1:bad%d.example.com:1", i)
			plant(t.Context(), p, tasks.QueueDomains, id, harness.Message(tasks.TypeDomainAdd, id, tasks.QueueDomains, change("no domain", "1"), oddLimits(i)))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	harness.AwaitTrue(t, "all are archived", func() bool {
		return f.waiting(tasks.QueueDomains) == 0 && f.admin.ZCard(t.Context(), "asynq:{domains}:archived").Val() == n
	})
	f.requireCheap(n, commands)
	f.requireService()
	if lines := strings.Count(worker.Written(), "\n"); lines > 500 {
		t.Errorf("the worker logged %d lines", lines)
	}
}

// With a deadline of 1970 or a negative timeout asynq ended each attempt before it began, without
// counting it.
func TestAProducersLimitsAreNotAWorkers(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	const n = 40
	f.worker()
	for i := range n {
		domain, seq := fmt.Sprintf("odd%d.example.com", i), strconv.FormatInt(time.Now().UnixMicro(), 10)
		id := "change:app1:" + domain + ":" + seq
		plant(t.Context(), f.as("php"), tasks.QueueDomains, id, harness.Message(tasks.TypeDomainAdd, id, tasks.QueueDomains, change(domain, seq), oddLimits(i)))
	}
	harness.AwaitTrue(t, "all are listed", func() bool { return len(f.sim.List("app1")) >= 2*n }) // with their www form
	if left := f.waiting(tasks.QueueDomains); left > 0 {
		t.Errorf("%d tasks wait", left)
	}
	f.requireService()
}

// oddLimits are fields of [harness.Message]: a retry limit of a billion, or one below 0, with a
// deadline or a timeout.
func oddLimits(i int) map[protowire.Number]int64 {
	return []map[protowire.Number]int64{{5: 1 << 30, 9: 1}, {5: 1 << 30, 8: -3600}, {5: -1, 8: 1 << 40}, {5: 1 << 31, 9: -1 << 40}}[i%4]
}

// commands is how many commands Redis has executed, with those in scripts.
func (f *fixture) commands() (n int) {
	f.t.Helper()
	for line := range strings.Lines(f.admin.Info(f.t.Context(), "stats").Val()) {
		if _, err := fmt.Sscanf(line, "total_commands_processed:%d", &n); err == nil {
			return n
		}
	}
	f.t.Fatal("Redis doesn't count its commands")
	return 0
}

// requireCheap fails if Redis executed more than 60 commands for each of n tasks since the number
// of its commands was before. A task that is taken once takes some 24, most of them within scripts.
func (f *fixture) requireCheap(n, before int) {
	f.t.Helper()
	if each := float64(f.commands()-before) / float64(n); each > 60 {
		f.t.Errorf("Redis executed %.1f commands for each task", each)
	}
}

// They made 4.3 MB of metrics for ever.
func TestInventedAppsGetNoFiguresOfTheirOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	worker, web := f.worker(), f.web("")
	f.requireService()
	before := len(worker.metrics())
	const n = 3000
	var reqs []enqueue.Request
	for i := range n {
		reqs = append(reqs, enqueue.Request{AppID: fmt.Sprint("invented", i), Domain: "shop.example.com"})
	}
	if _, err := enqueue.New(f.as("php")).Enqueue(t.Context(), reqs...); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	harness.AwaitTrue(t, "each is recorded, or waits on the queue", func() bool {
		return f.admin.LLen(ctx, "asynq:{domains}:pending").Val()+f.admin.LLen(ctx, "asynq:{domains}:active").Val() == 0
	})
	known, waiting := f.admin.SCard(ctx, "pilotsync:apps").Val(), f.admin.ZCard(ctx, "asynq:{domains}:retry").Val()
	if known > ledger.MaxUnserved+100 || known+waiting < n {
		t.Errorf("the ledger has %d apps, and %d changes wait on the queue", known, waiting)
	}
	f.requireService()
	for _, p := range []*served{worker, web} {
		metrics := p.metrics()
		if len(metrics) > 2*before || strings.Contains(metrics, `"invented`) {
			t.Errorf("the metrics of %s have %d bytes, and had %d before", p, len(metrics), before)
		}
		harness.AwaitTrue(t, "the invented apps are counted", func() bool {
			return strings.Contains(p.metrics(), fmt.Sprintf("\npilotsync_unserved_apps %d\n", f.admin.SCard(ctx, "pilotsync:apps").Val()-1))
		})
	}
	for _, path := range []string{"/", "/apps", "/domains"} {
		if page := harness.Page(t, web.page+path); len(page) > 256<<10 {
			t.Errorf("%s has %d bytes", path, len(page))
		}
	}
	if lines := strings.Count(worker.Written(), "\n"); lines > 2*int(known)+1000 {
		t.Errorf("the worker logged %d lines", lines)
	}
}

// A command's values stay in memory until it is complete, whatever user sends them.
func TestUnfinishedCommandsDoNotFillRedis(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	f.worker()
	value := strings.Repeat("x", 1<<20)
	for range 8 {
		conn := f.dial("php")
		if _, err := fmt.Fprint(conn, "*1000\r\n$4\r\nHSET\r\n"); err != nil {
			t.Fatal(err)
		}
		for range 150 {
			if _, err := fmt.Fprintf(conn, "$%d\r\n%s\r\n", len(value), value); err != nil {
				break // Redis closed it
			}
		}
	}
	for line := range strings.Lines(f.admin.Info(t.Context(), "memory").Val()) {
		var used int
		if _, err := fmt.Sscanf(line, "used_memory:%d", &used); err == nil && used > 512<<20 {
			t.Errorf("Redis uses %d bytes", used)
		}
	}
	f.requireService()
}
