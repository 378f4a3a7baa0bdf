package enqueue

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue/functions"
	"pilotsync/tasks"
	"pilotsync/test/redistest"
)

// changes.lua writes number and time into the message; the bytes must equal those of asynq's
// client, on any day.
func TestMessagesEqualThoseOfAsynqsClient(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	times := []time.Time{clock, time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC), time.Date(2100, 3, 1, 0, 0, 0, 1000, time.UTC)}
	for range 200 {
		times = append(times, time.UnixMicro(1_000_000_000_000_000+random.Int64N(5_000_000_000_000_000)).UTC())
	}
	for _, at := range times {
		client, mini, rdb := setup(t)
		mini.SetTime(at)
		req := Request{AppID: "app1", Domain: "shop.example.com", SiteID: 7, By: `"seq":1 "requested_at":"`}
		receipts, err := client.Enqueue(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		got := rdb.HGet(t.Context(), "asynq:{domains}:t:"+receipts[0].TaskID, "msg").Val()
		want := tasks.Change{AppID: "app1", Domain: req.Domain, Seq: at.UnixMicro(), RequestedAt: at, SiteID: 7, By: req.By}
		mini.FlushAll()
		if _, err := asynq.NewClientFromRedisClient(rdb).Enqueue(asynq.NewTask(tasks.TypeDomainAdd, withMicroseconds(want)), asynq.Queue(tasks.QueueDomains),
			asynq.TaskID(want.ID()), asynq.MaxRetry(MaxRetry), asynq.Timeout(Timeout), asynq.Retention(Retention)); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(rdb.HGet(t.Context(), "asynq:{domains}:t:"+want.ID(), "msg").Val(), got); diff != "" {
			t.Fatalf("at %s (-asynq +pilotsync):\n%s", at, diff)
		}
	}
}

// apart is a Redis that refuses keys in different slots, as a proxy in front of several servers
// does.
type apart struct{}

func (apart) DialHook(next redis.DialHook) redis.DialHook { return next }
func (apart) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}
func (apart) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if args := cmd.Args(); cmd.Name() == "evalsha" && args[2] == 2 {
			cmd.SetErr(crossSlot{})
			return crossSlot{}
		}
		return next(ctx, cmd)
	}
}

type crossSlot struct{}

func (crossSlot) Error() string { return "CROSSSLOT Keys in request don't hash to the same slot" }
func (crossSlot) RedisError()   {}

// Old producers, new ones, and those whose Redis keeps the keys apart share the numbers, also while
// these are ahead of the clock.
func TestAllProducersShareTheOrderNumbers(t *testing.T) {
	onBoth(t, func(t *testing.T, url string) {
		rdb := connect(t, url)
		split := connect(t, url)
		split.AddHook(apart{})
		if err := rdb.Set(t.Context(), seqKey("app1"), time.Now().Add(time.Hour).UnixMicro(), 0).Err(); err != nil {
			t.Fatal(err)
		}
		together, separate := New(rdb), New(split)
		last := int64(0)
		for n := range 30 {
			req := Request{AppID: "app1", Domain: fmt.Sprintf("shop%d.example.com", n)}
			var seq int64
			switch n % 3 {
			case 0: // a producer of an earlier release
				blocks, err := reserveNumbers(t.Context(), rdb, functions.NewRunner(rdb), tasks.QueueDomains, map[string]int{"app1": 1})
				if err != nil {
					t.Fatal(err)
				}
				seq = blocks["app1"].next
			default:
				receipts, err := map[int]*Client{1: together, 2: separate}[n%3].Enqueue(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				seq = receipts[0].Seq
			}
			if seq <= last {
				t.Fatalf("%d came after %d", seq, last)
			}
			last = seq
		}
		for id, task := range queued(t, rdb) {
			if c, err := tasks.Decode[tasks.Change](task.Payload); err != nil || c.ID() != id {
				t.Errorf("%s: %+v, %v", id, c, err)
			}
		}
		if !separate.apart.Load() || together.apart.Load() {
			t.Error("the clients don't know how Redis keeps the keys")
		}
	})
}

func TestAChangeIsEnqueuedOnACluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.NewCluster(t, 3, redistest.Security{})
	rdb := redis.NewClusterClient(&redis.ClusterOptions{Addrs: []string{cluster.Nodes[0].Addr}})
	t.Cleanup(func() { _ = rdb.Close() })
	client := New(rdb)
	for n := range 3 {
		var reqs []Request
		for app := range 5 {
			reqs = append(reqs, Request{AppID: fmt.Sprintf("app%d", app), Domain: fmt.Sprintf("shop%d.example.com", n)})
		}
		receipts, err := client.Enqueue(t.Context(), reqs...)
		if err != nil {
			t.Fatal(err)
		}
		tasksByID := queued(t, rdb)
		for _, r := range receipts {
			if tasksByID[r.TaskID] == nil {
				t.Errorf("no task %s", r.TaskID)
			}
		}
	}
}

// asynqmon shows only registered queues. A worker may have set the app's number before.
func TestEachChangeRegistersItsQueue(t *testing.T) {
	t.Parallel()
	client, mini, rdb := setup(t)
	for _, seq := range []string{"", "1775995583882398"} {
		mini.FlushAll()
		if seq != "" {
			setNumbers(t, rdb, seq, seq)
		}
		if _, err := client.Enqueue(t.Context(), Request{AppID: "app1", Domain: "shop.example.com"}); err != nil {
			t.Fatal(err)
		}
		if infos, err := asynq.NewInspectorFromRedisClient(rdb).ListPendingTasks(tasks.QueueDomains); err != nil || len(infos) != 1 {
			t.Errorf("with the last number %q: %d tasks, %v", seq, len(infos), err)
		}
	}
}

// An ACL file of an earlier release doesn't allow the notification.
func TestWithoutTheRightToNotifyAChangeIsEnqueued(t *testing.T) {
	t.Parallel()
	url := redistest.Start(t)
	admin := connect(t, url)
	if err := admin.Do(t.Context(), "ACL", "SETUSER", "php", "on", ">secret", "allkeys", "resetchannels", "+@all", "-publish").Err(); err != nil {
		t.Fatal(err)
	}
	opt := admin.Options()
	rdb := redis.NewClient(&redis.Options{Addr: opt.Addr, Username: "php", Password: "secret"})
	t.Cleanup(func() { _ = rdb.Close() })
	receipts, err := New(rdb).Enqueue(t.Context(), Request{AppID: "app1", Domain: "shop.example.com"})
	if err != nil || queued(t, admin)[receipts[0].TaskID] == nil {
		t.Errorf("%+v, %v", receipts, err)
	}
	if _, err := New(rdb).Verify(t.Context(), "ada", Target{AppID: "app1", Domain: "shop.example.com"}); err != nil && !errors.Is(err, ErrInvalid) {
		t.Error(err)
	}
}

func TestAChangeNotifiesTheWorkers(t *testing.T) {
	t.Parallel()
	rdb := connect(t, redistest.Start(t))
	subscription := rdb.Subscribe(t.Context(), tasks.QueuedChannel)
	t.Cleanup(func() { _ = subscription.Close() })
	if _, err := subscription.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := New(rdb).Enqueue(t.Context(), batch(100, "app1")...); err != nil {
		t.Fatal(err)
	}
	if m, err := subscription.ReceiveMessage(t.Context()); err != nil || m.Payload != tasks.QueueDomains {
		t.Errorf("notified of %v, %v", m, err)
	}
}
