package queuepoll

import (
	"testing"
	"time"

	"pilotsync/tasks"
)

func TestScriptsAreKnownByTheirKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		keys  []string
		queue string
		kinds string
	}{
		{[]string{"asynq:{lists}:pending", "asynq:{lists}:paused"}, "lists", "pending paused "},
		{[]string{"asynq:{ssl}:t:verify:app1:shop.example.com:1:2", "asynq:{ssl}:scheduled"}, "ssl", "t: scheduled "},
		{[]string{"pilotsync:{app1}:sync"}, "", ""},
		{[]string{"asynq:servers:{host:1:2}"}, "", ""},
		{[]string{"asynq:{lists}:pending", "asynq:{ssl}:pending"}, "", ""},
		{nil, "", ""},
	} {
		queue, kinds := parseKeys(c.keys)
		got := ""
		for _, kind := range kinds {
			got += kind + " "
		}
		if queue != c.queue || got != c.kinds {
			t.Errorf("%q: %q, %q", c.keys, queue, got)
		}
	}
}

func TestTheEarliestOwnTaskIsForwardedFirst(t *testing.T) {
	t.Parallel()
	q := newQueue(tasks.QueueSSL)
	now := time.Unix(1000, 0)
	if got := q.untilDue(now, time.Minute); got != time.Minute {
		t.Errorf("without a delayed task: %s", got)
	}
	for _, until := range []int64{1030, 1010, 1010, 1020} {
		q.delay(kindScheduled, until)
	}
	q.delay(kindRetry, 1005)
	for _, c := range []struct {
		at   int64
		want time.Duration
	}{{1000, 5 * time.Second}, {1005, 5 * time.Second}, {1010, 10 * time.Second}, {1025, 5 * time.Second}, {1030, time.Minute}} {
		now = time.Unix(c.at, 0)
		for _, set := range []string{kindScheduled, kindRetry} {
			if q.isDue(set, now) {
				q.forwarded(set, c.at)
			}
		}
		if got := q.untilDue(now, time.Minute); got != c.want {
			t.Errorf("at %d the next one is due in %s, want %s", c.at, got, c.want)
		}
	}
	q.found(kindRetry)
	if !q.isDue(kindRetry, now) || q.isDue(kindScheduled, now) || q.untilDue(now, time.Minute) > 0 {
		t.Error("what a poll found isn't due")
	}
}

func TestOneWaitIsClaimedOnce(t *testing.T) {
	t.Parallel()
	q := newQueue(tasks.QueueLists)
	if q.mustWait() || q.claim() {
		t.Error("a server waits before its first request")
	}
	q.setIdle(true)
	if !q.mustWait() || !q.claim() || q.claim() {
		t.Error("a wait isn't claimed exactly once")
	}
	q.signal()
	if q.mustWait() {
		t.Error("a signaled server waits")
	}
}
