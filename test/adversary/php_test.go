//go:build adversary

package adversary

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/enqueue/functions"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// requireRefused fails the test for each command that Redis doesn't deny its user php.
func (f *fixture) requireRefused(commands ...[]string) {
	f.t.Helper()
	php := f.as("php")
	for _, command := range commands {
		args := make([]any, len(command))
		for i, word := range command {
			args[i] = word
		}
		err := php.Do(f.t.Context(), args...).Err()
		if err == nil || !strings.Contains(err.Error(), "NOPERM") && !strings.Contains(err.Error(), "The user executing the script can't") &&
			!strings.Contains(err.Error(), "ACL failure in script") {
			f.t.Errorf("%.200q is answered %v", command, err)
		}
	}
}

// change is the payload of a change that no client made.
func change(domain, seq string) []byte {
	return fmt.Appendf(nil, `{"app_id":"app1","domain":%q,"seq":%s,"requested_at":"2026-03-01T12:00:00Z"}`, domain, seq)
}

// One endless loop that writes stops Redis for all, until it is shut down.
func TestPHPRunsNoLuaOfItsOwn(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	f.worker()
	const loop, key = "while true do redis.call('SET', KEYS[1], '1') end", "pilotsync:{app1}:seq"
	known, err := f.as("worker").ScriptLoad(t.Context(), loop).Result()
	if err != nil {
		t.Fatal(err)
	}
	library := func(name string) string {
		return fmt.Sprintf("#!lua name=%s\nredis.register_function('%[1]s', function(KEYS) %s end)", name, loop)
	}
	f.requireRefused(
		[]string{"EVAL", loop, "1", key}, []string{"EVAL", "return 1", "0"}, []string{"EVAL_RO", loop, "1", key}, []string{"EVALSHA", known, "1", key}, []string{"EVALSHA_RO", known, "1", key},
		[]string{"SCRIPT", "LOAD", loop}, []string{"SCRIPT", "FLUSH"}, []string{"SCRIPT", "KILL"}, []string{"SCRIPT", "DEBUG", "YES"},
		[]string{"FUNCTION", "LOAD", library("mine")}, []string{"FUNCTION", "LOAD", "REPLACE", library(functions.Changes().Function())}, []string{"FUNCTION", "RESTORE", "x"},
		[]string{"FUNCTION", "DELETE", functions.Changes().Function()}, []string{"FUNCTION", "FLUSH"}, []string{"FUNCTION", "KILL"}, []string{"FUNCTION", "DUMP"},
	)
	// What the functions loop over is bounded, whatever they are called with.
	for _, count := range []string{"1e300", "inf", "-1e300", "nan", strconv.Itoa(1 << 53)} {
		_ = f.as("php").Do(t.Context(), "FCALL", functions.Seq().Function(), 1, key, count).Err()
	}
	args := []any{"FCALL", functions.Changes().Function(), 2, "asynq:{domains}:pending", key, "domains", "pilotsync:queued", "", "", ""}
	for range 101 {
		args = append(args, "x", "a", "b", "c", "d")
	}
	if err := f.as("php").Do(t.Context(), args...).Err(); err == nil || !strings.Contains(err.Error(), "at most 100") {
		t.Errorf("101 changes at a time are answered %v", err)
	}
	f.requireService()
}

// A right on a command and a right on a key are one right, not two.
func TestPHPOverwritesNoKeyOfAnotherKind(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	// Another customer's change waits.
	if _, err := enqueue.New(f.as("php")).Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "waiting.example.com"}); err != nil {
		t.Fatal(err)
	}
	keys := []string{"asynq:queues", "asynq:servers", "pilotsync:apps", "pilotsync:ledger", "pilotsync:workers", "pilotsync:{agenda}:visits", "pilotsync:{agenda}:domains"}
	for _, queue := range tasks.Queues() {
		for _, name := range []string{"pending", "active", "lease", "scheduled", "retry", "archived", "completed", "paused"} {
			keys = append(keys, "asynq:{"+queue+"}:"+name)
		}
	}
	for _, name := range []string{"domains", "pending", "sync", "seqs", "newest", "superseded", "outbox", "index", "due", "watch"} {
		keys = append(keys, "pilotsync:{app1}:"+name)
	}
	for _, key := range keys {
		f.requireRefused([]string{"SET", key, "x"}, []string{"DEL", key}, []string{"UNLINK", key}, []string{"EXPIRE", key, "1"}, []string{"RENAME", key, "x"}, []string{"APPEND", key, "x"},
			[]string{"RESTORE", key, "0", "x", "REPLACE"}, []string{"FCALL", functions.Task().Function(), "2", key, key, "m", "x", "1"})
	}
	for _, command := range []string{"FLUSHALL", "FLUSHDB", "SWAPDB 0 1", "SHUTDOWN NOSAVE", "CLIENT PAUSE 100000", "CONFIG SET maxmemory 1", "ACL SETUSER php allcommands",
		"REPLICAOF 127.0.0.1 1", "CLIENT KILL TYPE normal", "LPOP asynq:{domains}:pending", "LTRIM asynq:{domains}:pending 1 0", "LRANGE asynq:{domains}:pending 0 -1"} {
		f.requireRefused(strings.Fields(command))
	}
	f.worker()
	harness.AwaitTrue(t, "the change that waited is done", func() bool { return slices.Contains(f.sim.List("app1"), "waiting.example.com") })
	f.requireService()
}

// A forged removal stayed later than each genuine request, and the last number used up all numbers.
func TestForgedOrderNumbersBlockNeitherDomainNorApp(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	ctx, php, counter := t.Context(), f.as("php"), "pilotsync:{app1}:seq"
	php.Set(ctx, counter, strconv.Itoa(1<<53-1), 0)
	worker := f.worker()
	harness.AwaitTrue(t, "the last number is lowered, and counted", func() bool {
		last, err := f.admin.Get(ctx, counter).Int64()
		return err == nil && last < time.Now().Add(time.Hour).UnixMicro() && strings.Contains(worker.metrics(), `pilotsync_sweep_finds_total{kind="raised-number"} 1`)
	})
	f.requireListed("app1")
	const domain = "honest1.example.com"
	forged := map[string]string{}
	for _, seq := range []string{"9007199254740992", "9007199254740991", "9223372036854775807", strconv.FormatInt(time.Now().AddDate(10, 0, 0).UnixMicro(), 10), "1e15", "-1"} {
		id := "change:app1:" + domain + ":" + seq
		forged[id] = seq
		plant(ctx, php, tasks.QueueDomains, id, harness.Message(tasks.TypeDomainRemove, id, tasks.QueueDomains, change(domain, seq), nil))
	}
	for _, id := range slices.Sorted(maps.Keys(forged)) {
		harness.AwaitTrue(t, id+" is archived", func() bool {
			state, err := f.admin.HGet(ctx, "asynq:{domains}:t:"+id, "state").Result()
			if err != nil || state == "completed" {
				t.Fatalf("%s was fulfilled: %q, %v", id, state, err)
			}
			return state == "archived"
		})
	}
	if !slices.Contains(f.sim.List("app1"), domain) {
		t.Error("a forged removal took the domain off the list")
	}
	if metrics := worker.metrics(); !strings.Contains(metrics, `pilotsync_changes_recorded_total{result="unissued"} 3`) {
		t.Error("the refused changes aren't counted: 3 of them have a number that changes may have")
	}
	// The counter may be anything, also while an honest customer gets numbers.
	for _, last := range []string{"9007199254740991", "9e99", "nan", "inf", "-9e99", "x", "0"} {
		php.Set(ctx, counter, last, 0)
		f.requireListed("app1")
	}
	for _, remove := range []bool{true, false} {
		if _, err := enqueue.New(php).Enqueue(ctx, enqueue.Request{AppID: "app1", Domain: domain, Remove: remove}); err != nil {
			t.Fatal(err)
		}
		harness.AwaitTrue(t, fmt.Sprintf("the genuine request is fulfilled (removal %v)", remove), func() bool { return slices.Contains(f.sim.List("app1"), domain) != remove })
	}
	f.requireService()
}

// A forged number of the next hours is later than a request that was made before. That is shown,
// and requests that are made afterwards have later numbers.
func TestAForgedNumberThatMayHaveBeenIssuedIsSeen(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	ctx, php, worker := t.Context(), f.as("php"), f.worker()
	f.requireListed("app1")
	const domain = "honest1.example.com"
	// A genuine addition gets its number. Before it is on the queue, the forged removal is recorded.
	receipts, err := enqueue.New(php).Enqueue(ctx, enqueue.Request{AppID: "app1", Domain: "other.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	genuine, forged := strconv.FormatInt(receipts[0].Seq+1, 10), strconv.FormatInt(time.Now().Add(time.Hour).UnixMicro(), 10)
	id := "change:app1:" + domain + ":"
	plant(ctx, php, tasks.QueueDomains, id+forged, harness.Message(tasks.TypeDomainRemove, id+forged, tasks.QueueDomains, change(domain, forged), nil))
	harness.AwaitTrue(t, "the forged removal is done", func() bool { return !slices.Contains(f.sim.List("app1"), domain) })
	plant(ctx, php, tasks.QueueDomains, id+genuine, harness.Message(tasks.TypeDomainAdd, id+genuine, tasks.QueueDomains, change(domain, genuine), nil))
	harness.AwaitTrue(t, "status has the superseded request", func() bool {
		_, output := f.run(nil, "status", "--json", "--app=app1", domain)
		return strings.Contains(output, `"superseded"`) && strings.Contains(output, genuine)
	})
	if metrics := worker.metrics(); !strings.Contains(metrics, `pilotsync_changes_recorded_total{result="superseded"} 1`) {
		t.Error("the superseded request isn't counted")
	}
	if _, output := f.run(nil, "logs", "--app=app1", domain); !strings.Contains(output, "a later change of the domain was recorded before it") {
		t.Errorf("the history is %s", output)
	}
	if _, err := enqueue.New(php).Enqueue(ctx, enqueue.Request{AppID: "app1", Domain: domain}); err != nil {
		t.Fatal(err)
	}
	harness.AwaitTrue(t, "the domain is listed again", func() bool { return slices.Contains(f.sim.List("app1"), domain) })
	f.requireService()
}

// A user that may push onto a list may push anything.
func TestIDsWithoutTasksStopNoQueue(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	const n, long = 4000, 100
	worker := f.worker()
	f.requireListed("app1")
	commands := f.commands()
	if _, err := f.as("php").Pipelined(t.Context(), func(p redis.Pipeliner) error {
		for _, queue := range []string{tasks.QueueDomains, tasks.QueueChecks} {
			for i := range n / 2 {
				p.LPush(t.Context(), "asynq:{"+queue+"}:pending", fmt.Sprint("nothing", i), fmt.Sprint("nothing", i)) // twice
			}
			for i := range long / 2 {
				p.LPush(t.Context(), "asynq:{"+queue+"}:pending", strings.Repeat("x", 500_000)+strconv.Itoa(i))
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	harness.AwaitTrue(t, "the ids are gone", func() bool { return f.waiting(tasks.QueueDomains)+f.waiting(tasks.QueueChecks) == 0 })
	f.requireCheap(n, commands)
	f.requireService()
	if lines := strings.Count(worker.Written(), "\n"); lines > 1000 {
		t.Errorf("the worker logged %d lines", lines)
	}
}

// A user that may write a task, and not read the list, may leave it off the list.
func TestTasksInNoListAreDoneOrPutAway(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{})
	ctx, php := t.Context(), f.as("php")
	const n = 20
	for i := range n {
		domain, seq := fmt.Sprintf("unlisted%d.example.com", i), strconv.FormatInt(time.Now().UnixMicro(), 10)
		id := "change:app1:" + domain + ":" + seq
		php.HSet(ctx, "asynq:{domains}:t:"+id, "msg", harness.Message(tasks.TypeDomainAdd, id, tasks.QueueDomains, change(domain, seq), nil), "state", "pending")
		php.HSet(ctx, "asynq:{domains}:t:change:unreadable"+strconv.Itoa(i), "msg", "\xff", "state", "anything")
	}
	f.worker()
	f.awaitQuarantined("asynq can't decode it", n)
	harness.AwaitTrue(t, "all are listed", func() bool { return len(f.sim.List("app1")) >= 2*n }) // with their www form
	f.requireService()
}

// Then people have to see what is wrong.
func TestAFullRedisIsReadAndLosesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{}, "--maxmemory", "24mb")
	ctx, php := t.Context(), f.as("php")
	f.worker()
	web := f.web("")
	f.requireListed("app1")
	var keys []string
	harness.AwaitTrue(t, "Redis is full", func() bool {
		keys = append(keys, fmt.Sprintf("pilotsync:{invented%d}:handover", len(keys)))
		return redis.IsOOMError(php.Set(ctx, keys[len(keys)-1], strings.Repeat("x", 900_000), 0).Err())
	})
	// Otherwise some KB are free at times.
	if err := f.admin.ConfigSet(ctx, "maxmemory", "8mb").Err(); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"page", "worker"} {
		if code, output := f.run([]string{"REDIS_URL=" + f.redis.As(user)}, "status", "--app=app1"); code != 0 || !strings.Contains(output, "honest1.example.com") {
			t.Errorf("status as %s ends with %d: %s", user, code, output)
		}
	}
	for _, path := range []string{"/", "/domains", "/apps/app1", "/domains/app1/honest1.example.com"} {
		if page := harness.Page(t, web.page+path); !strings.Contains(page, "app1") {
			t.Errorf("%s is %.500s", path, page)
		}
	}
	f.admin.Del(ctx, keys...)
	f.admin.ConfigSet(ctx, "maxmemory", "24mb")
	f.requireService()
}
