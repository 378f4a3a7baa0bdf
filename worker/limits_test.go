package worker_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker/inspect"
)

// A deadline of 1970 was over before each run: such a task was retried every second for ever.
func TestATaskWithAnEndedDeadlineIsDoneOrArchived(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	cfg := f.config("app1")
	log := &harness.Log{Also: t.Output()}
	cfg.Log.SetOutput(log)
	client := asynq.NewClientFromRedisClient(f.rdb)
	good := []byte(`{"app_id":"app1","domain":"shop.example.com","seq":1772366400123456,"requested_at":"2026-03-01T12:00:00Z","v":1}`)
	const bad = 300
	for i := range bad + 1 {
		payload := good
		if i > 0 {
			payload = fmt.Appendf(nil, `{"app_id":"no app, %d"}`, i)
		}
		opt := asynq.Deadline(time.Unix(1, 0))
		if i%2 == 1 {
			opt = asynq.Timeout(-time.Hour)
		}
		if _, err := client.Enqueue(asynq.NewTask(tasks.TypeDomainAdd, payload), asynq.Queue(tasks.QueueDomains), opt, asynq.MaxRetry(1<<30)); err != nil {
			t.Fatal(err)
		}
	}
	began := time.Now()
	f.start(cfg)
	f.awaitState("app1", "shop.example.com", tasks.Done)
	f.await("the others are archived", func() bool {
		info, err := inspect.New(f.rdb).GetQueueInfo(tasks.QueueDomains)
		return err == nil && info.Archived == bad && info.Retry == 0
	})
	minutes := int(time.Since(began)/time.Minute) + 1 // a busy machine may need several
	if n := strings.Count(log.String(), "archived: bad payload"); n == 0 || n > 100*minutes {
		t.Errorf("%d lines say within %d minutes that a task was archived", n, minutes)
	}
	if n := strings.Count(log.String(), "are left out"); minutes == 1 && n != 1 || n > minutes {
		t.Errorf("%d lines say within %d minutes that others are left out", n, minutes)
	}
}

// The ledger would know of it, and the recoverer enqueue it again.
func TestAVerificationThatNobodyRequestedEndsWithoutAWorker(t *testing.T) {
	t.Parallel()
	f := setup(t, simulator.Options{})
	v := tasks.Verify{AppID: "invented", Domain: "shop.example.com", Seq: 5, Attempt: 1, DueAt: time.Now()}
	for _, recheck := range []bool{false, true} {
		v.Recheck = recheck
		if _, err := asynq.NewClientFromRedisClient(f.rdb).Enqueue(asynq.NewTask(tasks.TypeSSLVerify, tasks.Encode(v)), asynq.Queue(tasks.QueueSSL)); err != nil {
			t.Fatal(err)
		}
	}
	f.start(f.config("app1"))
	f.await("both have ended", func() bool { return len(f.rdb.Keys(t.Context(), "asynq:{ssl}:t:*").Val()) == 0 })
}
