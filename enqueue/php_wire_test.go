package enqueue

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"google.golang.org/protobuf/encoding/protowire"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
)

// phpRequest is a request to PHP's client.
type phpRequest struct {
	Domain string    `json:"domain"`
	Remove bool      `json:"remove"`
	WWW    tasks.WWW `json:"www,omitempty"`
	SiteID int64     `json:"site_id,omitempty"`
	Adopt  bool      `json:"adopt,omitempty"`

	Attempts int  `json:"attempts,omitempty"`
	Verify   bool `json:"verify,omitempty"`
}

// phpReceipt is a Receipt in PHP's json_encode.
type phpReceipt struct {
	AppID, Domain, TaskID string
	Seq                   int64
}

// randomRequests returns requests for valid names, in all scripts and spellings.
func randomRequests(random *rand.Rand, n int) []phpRequest {
	var reqs []phpRequest
	for _, name := range randomNames(random, 20*n) {
		if _, err := tasks.ParseDomain(name); err != nil || mixedPunycode.MatchString(name) {
			continue
		}
		req := phpRequest{Domain: name, Remove: random.IntN(3) == 0}
		req.WWW = []tasks.WWW{"", tasks.WWWAlways, tasks.WWWMainOnly, tasks.WWWNever}[random.IntN(4)]
		if random.IntN(2) == 0 {
			req.SiteID = random.Int64N(1 << random.IntN(62))
		}
		req.Adopt = !req.Remove && random.IntN(3) == 0
		if !req.Remove {
			req.Attempts = random.IntN(tasks.MaxAttempts + 1)
			req.Verify = random.IntN(3) == 0
		}
		if reqs = append(reqs, req); len(reqs) == n {
			break
		}
	}
	return reqs
}

// asynq's Inspector and server read what PHP wrote, and the bytes equal those that
// asynq's client writes for the same task.
func TestPHPWritesWhatAsynqWouldWrite(t *testing.T) {
	t.Parallel()
	php := requirePHP(t)
	url := redistest.Start(t)
	rdb := connect(t, url)
	reqs := randomRequests(rand.New(rand.NewPCG(3, 4)), 300)
	if len(reqs) != 300 {
		t.Fatalf("only %d requests", len(reqs))
	}
	began := time.Now().Add(-time.Second)
	var receipts []phpReceipt
	php.run(t, reqs, &receipts, "enqueue.php", url, "app1")
	if len(receipts) != len(reqs) {
		t.Fatalf("%d requests gave %d receipts", len(reqs), len(receipts))
	}

	wantKeys := map[string]bool{"asynq:queues": true, "asynq:{domains}:pending": true, "pilotsync:{app1}:seq": true}
	infos := queued(t, rdb)
	asynqRedis := connect(t, redistest.Start(t)) // asynq's client writes the same tasks there
	client := asynq.NewClientFromRedisClient(asynqRedis)
	last := int64(0)
	for i, r := range receipts {
		if r.Seq <= last {
			t.Errorf("%d came after %d", r.Seq, last)
		}
		last = r.Seq
		info := infos[r.TaskID]
		if info == nil {
			t.Fatalf("request %+v: no task %s", reqs[i], r.TaskID)
		}
		key := "asynq:{domains}:t:" + r.TaskID
		wantKeys[key] = true

		// The payload and the id must equal those of package tasks.
		got, err := tasks.Decode[tasks.Change](info.Payload)
		if err != nil {
			t.Fatalf("the worker refuses %s: %v", info.Payload, err)
		}
		domain, _ := tasks.ParseDomain(reqs[i].Domain)
		want := tasks.Change{AppID: "app1", Domain: domain, Seq: r.Seq, WWW: reqs[i].WWW, SiteID: reqs[i].SiteID, Import: reqs[i].Adopt, Attempts: reqs[i].Attempts, Verify: reqs[i].Verify, RequestedAt: got.RequestedAt}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("payload of %+v (-want +got):\n%s", reqs[i], diff)
		}
		if got.RequestedAt.Before(began) || got.RequestedAt.After(time.Now().Add(time.Second)) {
			t.Errorf("requested at %s", got.RequestedAt)
		}
		payload := withMicroseconds(want)
		if diff := cmp.Diff(string(payload), string(info.Payload)); diff != "" {
			t.Errorf("payload in bytes (-want +got):\n%s", diff)
		}
		taskType := tasks.TypeDomainAdd
		if reqs[i].Remove {
			taskType = tasks.TypeDomainRemove
		}
		wantInfo := &asynq.TaskInfo{ID: want.ID(), Queue: "domains", Type: taskType, Payload: info.Payload, State: asynq.TaskStatePending,
			MaxRetry: MaxRetry, Timeout: Timeout, Retention: Retention, NextProcessAt: info.NextProcessAt}
		if diff := cmp.Diff(wantInfo, info); diff != "" {
			t.Errorf("task (-want +got):\n%s", diff)
		}

		// The message and the hash must equal those of asynq's client.
		if _, err := client.EnqueueContext(t.Context(), asynq.NewTask(taskType, payload), asynq.Queue("domains"), asynq.TaskID(want.ID()),
			asynq.MaxRetry(MaxRetry), asynq.Timeout(Timeout), asynq.Retention(Retention)); err != nil {
			t.Fatal(err)
		}
		fromPHP, fromAsynq := rdb.HGetAll(t.Context(), key).Val(), asynqRedis.HGetAll(t.Context(), key).Val()
		if diff := cmp.Diff(protoFields(t, fromAsynq["msg"]), protoFields(t, fromPHP["msg"])); diff != "" {
			t.Errorf("message of %s (-asynq +PHP):\n%s", r.TaskID, diff)
		}
		if fromPHP["msg"] != fromAsynq["msg"] {
			t.Errorf("message of %s: the bytes differ:\n%x\n%x", r.TaskID, fromAsynq["msg"], fromPHP["msg"])
		}
		since, err := strconv.ParseInt(fromPHP["pending_since"], 10, 64)
		if at := time.Unix(0, since); err != nil || !at.Equal(got.RequestedAt) {
			t.Errorf("pending since %s, %v; requested at %s", at, err, got.RequestedAt)
		}
		for _, m := range []map[string]string{fromPHP, fromAsynq} {
			delete(m, "msg")
			delete(m, "pending_since")
		}
		if diff := cmp.Diff(fromAsynq, fromPHP); diff != "" {
			t.Errorf("hash of %s (-asynq +PHP):\n%s", r.TaskID, diff)
		}
	}
	keys := map[string]bool{}
	for _, key := range rdb.Keys(t.Context(), "*").Val() {
		keys[key] = true
	}
	if diff := cmp.Diff(wantKeys, keys); diff != "" {
		t.Errorf("keys (-want +got):\n%s", diff)
	}
	for _, key := range []string{"asynq:{domains}:pending", "asynq:queues"} {
		if diff := cmp.Diff(dump(t, asynqRedis, key), dump(t, rdb, key)); diff != "" {
			t.Errorf("%s (-asynq +PHP):\n%s", key, diff)
		}
	}
	checkAllProcessed(t, rdb, receipts)
}

// withMicroseconds encodes a change with all six digits of its time's microseconds.
func withMicroseconds(c tasks.Change) []byte {
	short, long := c.RequestedAt.Format(time.RFC3339Nano), c.RequestedAt.Format("2006-01-02T15:04:05.000000Z")
	return []byte(strings.Replace(string(tasks.Encode(c)), short, long, 1))
}

// checkAllProcessed has asynq's server complete every task.
func checkAllProcessed(t *testing.T, rdb redis.UniversalClient, receipts []phpReceipt) {
	t.Helper()
	var mu sync.Mutex
	taken, done := map[string]bool{}, make(chan struct{})
	server := asynq.NewServerFromRedisClient(rdb, asynq.Config{Queues: map[string]int{"domains": 1}, LogLevel: asynq.FatalLevel})
	err := server.Start(asynq.HandlerFunc(func(ctx context.Context, task *asynq.Task) error {
		id, _ := asynq.GetTaskID(ctx)
		limit, ok := ctx.Deadline()
		if !ok || time.Until(limit) > Timeout {
			t.Errorf("%s may take until %s", id, limit)
		}
		if _, err := tasks.Decode[tasks.Change](task.Payload()); err != nil {
			t.Errorf("%s: %v", id, err)
		}
		mu.Lock()
		defer mu.Unlock()
		if taken[id] = true; len(taken) == len(receipts) {
			close(done)
		}
		return nil
	}))
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-done:
	case <-time.After(time.Minute):
		mu.Lock()
		t.Errorf("asynq's server took %d of %d tasks", len(taken), len(receipts))
		mu.Unlock()
	}
	server.Shutdown()
	info, err := asynq.NewInspectorFromRedisClient(rdb).GetQueueInfo("domains")
	if err != nil || info.Completed != len(receipts) || info.Pending+info.Active+info.Retry+info.Archived != 0 {
		t.Errorf("the queue in the end: %+v, %v", info, err)
	}
}

// protoFields decodes a message: field number and type → value.
func protoFields(t *testing.T, msg string) map[string]string {
	t.Helper()
	all, b := map[string]string{}, []byte(msg)
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			t.Fatalf("%x: %v", msg, protowire.ParseError(n))
		}
		b = b[n:]
		var value string
		switch kind {
		case protowire.BytesType:
			var v []byte
			v, n = protowire.ConsumeBytes(b)
			value = string(v)
		case protowire.VarintType:
			var v uint64
			v, n = protowire.ConsumeVarint(b)
			value = fmt.Sprint(v)
		default:
			t.Fatalf("field %d has type %d", number, kind)
		}
		if n < 0 {
			t.Fatalf("%x: %v", msg, protowire.ParseError(n))
		}
		b = b[n:]
		all[fmt.Sprintf("%d (type %d)", number, kind)] = value
	}
	return all
}

func dump(t *testing.T, rdb redis.UniversalClient, key string) []string {
	t.Helper()
	var all []string
	var err error
	if rdb.Type(t.Context(), key).Val() == "set" {
		all, err = rdb.SMembers(t.Context(), key).Result()
	} else {
		all, err = rdb.LRange(t.Context(), key, 0, -1).Result()
	}
	if err != nil || len(all) == 0 {
		t.Fatalf("%s: %v, %v", key, all, err)
	}
	return all
}

func TestPHPsScriptsEqualGosAndAsynqs(t *testing.T) {
	t.Parallel()
	php := requirePHP(t)
	var got struct{ Seq, Changes, Enqueue string }
	php.run(t, nil, &got, "scripts.php")
	if diff := cmp.Diff(source(t, "seq.lua"), got.Seq); diff != "" {
		t.Errorf("order numbers (-seq.lua +PHP):\n%s", diff)
	}
	if diff := cmp.Diff(source(t, "changes.lua"), got.Changes); diff != "" {
		t.Errorf("changes (-changes.lua +PHP):\n%s", diff)
	}
	if diff := cmp.Diff(source(t, "asynq.lua"), got.Enqueue); diff != "" {
		t.Errorf("the task (-asynq's +PHP's):\n%s", diff)
	}
}

// source is a script of package functions.
func source(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("functions", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestPHPAndGoShareTheOrderNumbers(t *testing.T) {
	t.Parallel()
	php := requirePHP(t)
	url := redistest.Start(t)
	client := New(connect(t, url))
	last := int64(0)
	for i := range 3 {
		fromGo, err := client.Enqueue(t.Context(), Request{AppID: "app1", Domain: "example.com"})
		if err != nil {
			t.Fatal(err)
		}
		var fromPHP []phpReceipt
		php.run(t, []phpRequest{{Domain: "example.com", Remove: true}, {Domain: "example.com"}}, &fromPHP, "enqueue.php", url, "app1")
		for _, seq := range []int64{fromGo[0].Seq, fromPHP[0].Seq, fromPHP[1].Seq} {
			if seq <= last {
				t.Errorf("round %d: %d came after %d", i, seq, last)
			}
			last = seq
		}
	}
	// If the last number is ahead of Redis's clock, PHP's numbers continue from it, too.
	rdb := connect(t, url)
	ahead := time.Now().Add(time.Hour).UnixMicro()
	if err := rdb.Set(t.Context(), seqKey("app1"), ahead, 0).Err(); err != nil {
		t.Fatal(err)
	}
	var fromPHP []phpReceipt
	php.run(t, []phpRequest{{Domain: "a.example.com"}, {Domain: "b.example.com"}}, &fromPHP, "enqueue.php", url, "app1")
	if fromPHP[0].Seq != ahead+1 || fromPHP[1].Seq != ahead+2 {
		t.Errorf("numbers %d and %d after %d", fromPHP[0].Seq, fromPHP[1].Seq, ahead)
	}
	if raw := rdb.Get(t.Context(), seqKey("app1")).Val(); raw != fmt.Sprint(ahead+2) {
		t.Errorf("Redis holds %s", raw)
	}
}
