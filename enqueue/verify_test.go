package enqueue

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hibiken/asynq"

	"pilotsync/tasks"
)

func TestEachVerificationIsOneTaskWithItsOwnNumber(t *testing.T) {
	t.Parallel()
	client, mini, rdb := setup(t)
	mini.SetTime(clock)
	receipts, err := client.Verify(t.Context(), "anna", Target{"app1", "München.de"}, Target{"app1", "b.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	want := []Receipt{
		{AppID: "app1", Domain: "xn--mnchen-3ya.de", Seq: clockMicros, TaskID: "verify:app1:xn--mnchen-3ya.de:1772366400123457:1"},
		{AppID: "app1", Domain: "b.example.com", Seq: clockMicros + 1, TaskID: "verify:app1:b.example.com:1772366400123458:1"},
	}
	if diff := cmp.Diff(want, receipts); diff != "" {
		t.Errorf("receipts (-want +got):\n%s", diff)
	}
	info, err := asynq.NewInspectorFromRedisClient(rdb).GetTaskInfo(tasks.QueueSSL, want[0].TaskID)
	if err != nil {
		t.Fatal(err)
	}
	v, err := tasks.Decode[tasks.Verify](info.Payload)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(tasks.Verify{AppID: "app1", Domain: "xn--mnchen-3ya.de", Seq: clockMicros, Attempt: 1, DueAt: v.DueAt, By: "anna"}, v); diff != "" {
		t.Errorf("payload (-want +got):\n%s", diff)
	}
	if info.State != asynq.TaskStatePending || info.MaxRetry != VerifyMaxRetry || info.Timeout != VerifyTimeout {
		t.Errorf("the task is %+v", info)
	}
	if ok, err := mini.SIsMember("asynq:queues", tasks.QueueSSL); err != nil || !ok {
		t.Errorf("the queue isn't known to asynq's inspector (%v)", err)
	}
}

func TestAnInvalidVerificationEnqueuesNothing(t *testing.T) {
	t.Parallel()
	client, mini, _ := setup(t)
	_, err := client.Verify(t.Context(), "", Target{"app1", "example.com"}, Target{"app/1", "example.com"}, Target{"app1", "http://x"})
	if !errors.Is(err, ErrInvalid) {
		t.Fatalf("got %v; want an ErrInvalid", err)
	}
	for _, part := range []string{"by is empty", "domain 2 of 3: app_id", "domain 3 of 3:"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q doesn't say %q", err, part)
		}
	}
	if len(mini.Keys()) != 0 {
		t.Errorf("there are keys %v; want none", mini.Keys())
	}
}
