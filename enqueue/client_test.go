package enqueue

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2/server"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
)

func TestARequestBecomesOneTask(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	client, mini, rdb := setup(t)
	mini.SetTime(clock)

	receipts, err := client.Enqueue(ctx,
		Request{AppID: "app1", Domain: " München.de. ", WWW: tasks.WWWMainOnly, SiteID: 7},
		Request{AppID: "app2", Domain: "*.example.com", Import: true, Attempts: 20},
		Request{AppID: "app1", Domain: "old.example.com", Remove: true, By: "anna"},
	)
	if err != nil {
		t.Fatal(err)
	}
	want := []Receipt{
		{AppID: "app1", Domain: "xn--mnchen-3ya.de", Seq: clockMicros, TaskID: "change:app1:xn--mnchen-3ya.de:1772366400123457"},
		{AppID: "app2", Domain: "*.example.com", Seq: clockMicros, TaskID: "change:app2:*.example.com:1772366400123457"},
		{AppID: "app1", Domain: "old.example.com", Seq: clockMicros + 1, TaskID: "change:app1:old.example.com:1772366400123458"},
	}
	if diff := cmp.Diff(want, receipts); diff != "" {
		t.Errorf("receipts (-want +got):\n%s", diff)
	}

	info := func(r Receipt, taskType, payload string) *asynq.TaskInfo {
		return &asynq.TaskInfo{
			ID: r.TaskID, Queue: "domains", Type: taskType, Payload: []byte(payload), State: asynq.TaskStatePending,
			MaxRetry: 100, Timeout: 30 * time.Second, Retention: time.Hour,
		}
	}
	wantTasks := map[string]*asynq.TaskInfo{
		want[0].TaskID: info(want[0], "domain:add", `{"app_id":"app1","domain":"xn--mnchen-3ya.de","seq":1772366400123457,"www":"main_only","site_id":7,"requested_at":"2026-03-01T12:00:00.123457Z","v":1}`),
		want[1].TaskID: info(want[1], "domain:add", `{"app_id":"app2","domain":"*.example.com","seq":1772366400123457,"requested_at":"2026-03-01T12:00:00.123457Z","adopt":true,"attempts":20,"v":1}`),
		want[2].TaskID: info(want[2], "domain:remove", `{"app_id":"app1","domain":"old.example.com","seq":1772366400123458,"requested_at":"2026-03-01T12:00:00.123457Z","by":"anna","v":1}`),
	}
	if diff := cmp.Diff(wantTasks, queued(t, rdb), cmpopts.IgnoreFields(asynq.TaskInfo{}, "NextProcessAt")); diff != "" {
		t.Errorf("tasks (-want +got):\n%s", diff)
	}
	for id, task := range queued(t, rdb) {
		if _, err := tasks.Decode[tasks.Change](task.Payload); err != nil {
			t.Errorf("the worker refuses %s: %v", id, err)
		}
	}
}

func TestOneInvalidRequestRejectsTheWholeCall(t *testing.T) {
	t.Parallel()
	client, mini, _ := setup(t)
	receipts, err := client.Enqueue(context.Background(),
		Request{AppID: "app1", Domain: "example.com"},
		Request{AppID: "app1", Domain: "https://example.com"},
		Request{AppID: "app 1", Domain: "example.com"},
		Request{AppID: "app1", Domain: "example.com", WWW: "sometimes"},
		Request{AppID: "app1", Domain: "example.com", Import: true, Remove: true},
		Request{AppID: "app1", Domain: "example.com", Attempts: 21},
		Request{AppID: "app1", Domain: "example.com", Attempts: -1},
		Request{AppID: "app1", Domain: "example.com", Attempts: 7, Remove: true},
	)
	want := `nothing was enqueued: invalid request:
request 2 of 8: domain "https://example.com" is refused: it has a scheme; leave out everything up to :// (did you mean example.com?)
request 3 of 8: app_id is "app 1"; it takes 1 to 64 letters, digits, _ or -
request 4 of 8: www is "sometimes"; it takes always, main_only or never
request 5 of 8: adopt is set in a removal; only an addition takes it
request 6 of 8: attempts is 21; it takes a whole number from 1 to 20
request 7 of 8: attempts is -1; it takes a whole number from 1 to 20
request 8 of 8: attempts is 7 in a removal; only an addition takes it`
	if err == nil || !errors.Is(err, ErrInvalid) || errors.Is(err, ErrUnavailable) {
		t.Fatalf("got %v; want an ErrInvalid", err)
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("error (-want +got):\n%s", diff)
	}
	var refused *tasks.HostnameError
	if !errors.As(err, &refused) || refused.Code != "scheme" {
		t.Errorf("%v should hold the HostnameError", err)
	}
	if receipts != nil || len(mini.Keys()) != 0 {
		t.Errorf("there are receipts %v and keys %v; want none", receipts, mini.Keys())
	}
}

func TestEnqueueingNothingNeedsNoRedis(t *testing.T) {
	t.Parallel()
	client, mini, _ := setup(t)
	mini.Close()
	if receipts, err := client.Enqueue(context.Background()); receipts != nil || err != nil {
		t.Errorf("got %v, %v", receipts, err)
	}
}

// batch returns n requests for each app, interleaved; some domains occur twice.
func batch(n int, apps ...string) []Request {
	var reqs []Request
	for i := range n {
		for _, app := range apps {
			reqs = append(reqs, Request{AppID: app, Domain: fmt.Sprintf("d%d.example.com", i%(n*9/10+1)), Remove: i%3 == 0})
		}
	}
	return reqs
}

func TestABigBatchIsEnqueuedCompletelyAndInOrder(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		rdb := connect(t, url)
		reqs := batch(500, "app1", "app2", "app3", "app4") // 2,000
		receipts, err := New(rdb).Enqueue(context.Background(), reqs...)
		if err != nil {
			t.Fatal(err)
		}
		tasksByID := queued(t, rdb)
		if len(tasksByID) != len(reqs) || len(receipts) != len(reqs) {
			t.Fatalf("%d requests gave %d receipts and %d tasks", len(reqs), len(receipts), len(tasksByID))
		}
		last := map[string]int64{}
		for i, r := range receipts {
			if before, ok := last[r.AppID]; ok && r.Seq <= before {
				t.Errorf("request %d has number %d after %d", i, r.Seq, before)
			}
			last[r.AppID] = r.Seq
			task := tasksByID[r.TaskID]
			if task == nil {
				t.Fatalf("request %d: no task %s", i, r.TaskID)
			}
			got, err := tasks.Decode[tasks.Change](task.Payload)
			if err != nil {
				t.Fatal(err)
			}
			if (task.Type == tasks.TypeDomainRemove) != reqs[i].Remove || got.Domain != reqs[i].Domain || got.AppID != reqs[i].AppID || got.Seq != r.Seq {
				t.Fatalf("request %d, %+v, became %s %+v", i, reqs[i], task.Type, got)
			}
		}
	})
}

func TestAnExistingTaskCountsAsEnqueued(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	client, mini, rdb := setup(t)
	mini.SetTime(clock)
	req := Request{AppID: "app1", Domain: "example.com"}
	first, err := client.Enqueue(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	mini.Del(seqKey("app1")) // with the clock stopped, this gives the same number again
	second, err := client.Enqueue(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("receipts (-first +second):\n%s", diff)
	}
	if n := len(queued(t, rdb)); n != 1 {
		t.Errorf("%d tasks, want 1", n)
	}
}

func TestEnqueueRegistersTheQueueAgainAfterAFlush(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		ctx := context.Background()
		rdb := connect(t, url)
		client := New(rdb)
		for range 2 {
			if _, err := client.Enqueue(ctx, Request{AppID: "app1", Domain: "example.com"}); err != nil {
				t.Fatal(err)
			}
			queues, err := asynq.NewInspectorFromRedisClient(rdb).Queues()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{tasks.QueueDomains}, queues); diff != "" {
				t.Errorf("queues (-want +got):\n%s", diff)
			}
			if err := rdb.FlushAll(ctx).Err(); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// failTasks calls fail for the connection of the nth script with tasks, from 1, if which(n).
func failTasks(which func(n int64) bool, fail func(*server.Peer)) server.Hook {
	var seen atomic.Int64
	return func(peer *server.Peer, cmd string, args ...string) bool {
		isTask := strings.HasPrefix(cmd, "EVAL") && slices.ContainsFunc(args, func(a string) bool { return a == "asynq:{domains}:pending" })
		if !isTask || !which(seen.Add(1)) {
			return false
		}
		fail(peer)
		return true
	}
}

// loadScripts loads the scripts into Redis, so that it has them from then on.
func loadScripts(t *testing.T, client *Client) {
	t.Helper()
	if _, err := client.Enqueue(context.Background(), Request{AppID: "other", Domain: "example.com"}); err != nil {
		t.Fatal(err)
	}
}

func TestReceiptsShowWhatWasEnqueuedBeforeAFailure(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		fail        func(*server.Peer)
		unavailable bool
		cause       string
	}{
		{"Redis refuses", func(p *server.Peer) { p.WriteError("OOM command not allowed") }, false, "OOM command not allowed"},
		{"Redis loads its data", func(p *server.Peer) { p.WriteError("LOADING Redis is loading the dataset in memory") }, true, "LOADING"},
		{"the connection breaks", func(p *server.Peer) { p.Close() }, true, "domain:"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			ctx := context.Background()
			client, mini, rdb := setup(t)
			loadScripts(t, client)
			mini.Server().SetPreHook(failTasks(func(n int64) bool { return n > 1 }, c.fail))
			reqs := batch(300, "app1")
			receipts, err := client.Enqueue(ctx, reqs...)
			mini.Server().SetPreHook(nil)

			if err == nil || errors.Is(err, ErrUnavailable) != c.unavailable || errors.Is(err, ErrInvalid) {
				t.Fatalf("got %v; want unavailable %v", err, c.unavailable)
			}
			if text := err.Error(); !strings.HasPrefix(text, "enqueued 100 of 300 changes: ") || !strings.Contains(text, c.cause) {
				t.Errorf("the error reads %q", err)
			}
			there := queued(t, rdb)
			if len(there) != 101 {
				t.Errorf("%d tasks are there, want 100 and the first", len(there))
			}
			sent := 0
			for i, r := range receipts {
				if (r.Seq == 0) != (r.TaskID == "") || r.Domain != reqs[i].Domain {
					t.Errorf("receipt %d is %+v", i, r)
				}
				if r.TaskID == "" {
					continue
				}
				sent++
				if there[r.TaskID] == nil {
					t.Errorf("%s has a receipt but isn't there", r.TaskID)
				}
			}
			if sent != 100 || len(receipts) != 300 {
				t.Errorf("%d of %d receipts have a task id, want 100 of 300", sent, len(receipts))
			}

			again, err := client.Enqueue(ctx, reqs...)
			if err != nil {
				t.Fatal(err)
			}
			if again[0].Seq <= receipts[sent-1].Seq {
				t.Errorf("the second try starts at %d, the first ended at %d", again[0].Seq, receipts[sent-1].Seq)
			}
		})
	}
}

func TestNoTaskIsStartedAfterTheFirstFailure(t *testing.T) {
	t.Parallel()
	client, mini, rdb := setup(t)
	loadScripts(t, client)
	// The second of five scripts fails. Redis would accept all later ones.
	mini.Server().SetPreHook(failTasks(func(n int64) bool { return n == 2 },
		func(p *server.Peer) { p.WriteError("OOM command not allowed") }))
	_, err := client.Enqueue(context.Background(), batch(500, "app1")...)
	mini.Server().SetPreHook(nil)
	if err == nil || !strings.Contains(err.Error(), "OOM") {
		t.Fatalf("got %v; want the first cause", err)
	}
	if there := len(queued(t, rdb)); there != 101 {
		t.Errorf("%d tasks are there; want the first, and 100 from before the failure", there)
	}
}

func TestAnUnreachableRedisIsErrUnavailable(t *testing.T) {
	t.Parallel()
	client, mini, _ := setup(t)
	mini.Close()
	receipts, err := client.Enqueue(context.Background(), batch(5, "app1")...)
	if !errors.Is(err, ErrUnavailable) || !strings.HasPrefix(err.Error(), "enqueued 0 of 5 changes: domain:remove of d0.example.com and 4 more to app app1: ") {
		t.Errorf("got %v", err)
	}
	for _, r := range receipts {
		if r.Seq != 0 || r.TaskID != "" {
			t.Errorf("receipt %+v for nothing", r)
		}
	}
}

func TestAWrongPasswordKeepsRedisOwnMessage(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	if err := connect(t, server.URL).ConfigSet(t.Context(), "requirepass", "right").Err(); err != nil {
		t.Fatal(err)
	}
	_, err := New(connect(t, "redis://:wrong@"+server.Addr)).Enqueue(t.Context(), Request{AppID: "app1", Domain: "example.com"})
	if err == nil || errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "WRONGPASS") {
		t.Errorf("got %v; want an error that says WRONGPASS, and isn't %q", err, ErrUnavailable)
	}
}

func TestACanceledCallReturnsContextCanceled(t *testing.T) {
	t.Parallel()
	t.Run("before it starts", func(t *testing.T) {
		t.Parallel()
		client, mini, _ := setup(t)
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		_, err := client.Enqueue(ctx, batch(5, "app1")...)
		if !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) || len(mini.Keys()) != 0 {
			t.Errorf("got %v and keys %v", err, mini.Keys())
		}
	})
	t.Run("midway", func(t *testing.T) {
		t.Parallel()
		client, mini, rdb := setup(t)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		loadScripts(t, client)
		// The second of five scripts succeeds; after it, none runs.
		var seen atomic.Int64
		mini.Server().SetPreHook(func(_ *server.Peer, cmd string, _ ...string) bool {
			if strings.HasPrefix(cmd, "EVAL") && seen.Add(1) == 2 {
				cancel()
			}
			return false
		})
		receipts, err := client.Enqueue(ctx, batch(500, "app1")...)
		mini.Server().SetPreHook(nil)
		if !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnavailable) {
			t.Fatalf("got %v", err)
		}
		there := queued(t, rdb)
		if len(there) < 101 || len(there) > 201 { // the answer to the second may be lost
			t.Errorf("%d tasks are there; it should have stopped after the first 200", len(there))
		}
		for _, r := range receipts {
			if r.TaskID != "" && there[r.TaskID] == nil {
				t.Errorf("%s has a receipt but isn't there", r.TaskID)
			}
		}
	})
}

// inFlight counts concurrent scripts.
type inFlight struct{ now, most atomic.Int64 }

func (f *inFlight) DialHook(next redis.DialHook) redis.DialHook { return next }
func (f *inFlight) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (f *inFlight) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !strings.HasPrefix(cmd.Name(), "eval") {
			return next(ctx, cmd) // go-redis's handshake on a new connection
		}
		now := f.now.Add(1)
		defer f.now.Add(-1)
		for most := f.most.Load(); now > most && !f.most.CompareAndSwap(most, now); most = f.most.Load() {
		}
		return next(ctx, cmd)
	}
}

func TestConcurrentTasksAreLimited(t *testing.T) {
	t.Parallel()
	client, _, rdb := setup(t)
	var flights inFlight
	rdb.AddHook(&flights)
	apps := make([]string, 100)
	for i := range apps {
		apps[i] = fmt.Sprintf("app%d", i)
	}
	if _, err := client.Enqueue(context.Background(), batch(2, apps...)...); err != nil {
		t.Fatal(err)
	}
	if most := flights.most.Load(); most < 2 || most > 16 {
		t.Errorf("%d concurrent scripts; want several, and at most 16", most)
	}
}

func BenchmarkEnqueue10000(b *testing.B) {
	client, _, _ := setup(b)
	reqs := batch(10_000, "app1")
	for b.Loop() {
		if _, err := client.Enqueue(context.Background(), reqs...); err != nil {
			b.Fatal(err)
		}
	}
}
