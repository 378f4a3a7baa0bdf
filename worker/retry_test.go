package worker

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

func TestSyncPause(t *testing.T) {
	t.Parallel()
	again := &listsync.CallError{Verdict: listsync.Transient, Err: errors.New("500")}
	for _, tt := range []struct {
		name   string
		err    error
		fails  int
		jitter float64
		want   time.Duration
	}{
		{"the first trouble waits a second", again, 1, 0, time.Second},
		{"each further trouble doubles the pause", again, 4, 0, 8 * time.Second},
		{"up to five minutes", again, 12, 0, 5 * time.Minute},
		{"however many there were", again, 1 << 30, 0, 5 * time.Minute},
		{"a tenth more at most", again, 1, 1, 1100 * time.Millisecond},
		{"what ServerPilot asked for counts first, and asynq's rounding takes nothing off it", &listsync.CallError{RetryAfter: 42 * time.Second, Err: errors.New("429")}, 1, 0, 43 * time.Second},
		{"what a person has to mend is tried every five minutes", &listsync.CallError{Verdict: listsync.Blocked, Err: errors.New("402")}, 1, 0, 5 * time.Minute},
		{"a write in flight is waited for exactly", &listsync.NotAcquired{Wait: 17 * time.Second}, 3, 1, 17 * time.Second},
		{"what was handed back goes on at once", fmt.Errorf("stop: %w", listsync.ErrYield), 3, 0, 0},
		{"Redis in trouble is like any other", errors.New("i/o timeout"), 2, 0, 2 * time.Second},
		{"of a later form, however long nobody knows it", fmt.Errorf("read: %w", tasks.ErrNewer), 9, 0, newerPause},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := syncPause(tt.err, tt.fails, tt.jitter); got != tt.want {
				t.Errorf("syncPause = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestOnlyFaultsOfTheTaskOrOurCodeCountAsFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"an outage doesn't", &later{after: time.Second, err: errors.New("500")}, false},
		{"a worker that died doesn't", asynq.ErrLeaseExpired, false},
		{"Redis in trouble doesn't", errors.New("connection refused"), false},
		{"a bad payload does", never(fmt.Errorf("%w: seq", tasks.ErrPayload)), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := isFailure(tt.err); got != tt.want {
				t.Errorf("isFailure = %v, want %v", got, tt.want)
			}
		})
	}
}

func TestPausesBetweenVerificationsNeverDecrease(t *testing.T) {
	t.Parallel()
	delays := []time.Duration{time.Minute, 2 * time.Minute, 2 * time.Minute, 8 * time.Minute}
	spread := map[time.Duration]bool{}
	for i := range 200 {
		r := listsync.Record{Domain: fmt.Sprintf("shop%d.example.com", i), CheckSeq: int64(i)}
		last := time.Duration(0)
		for attempt, delay := range delays {
			pause := checkPause(delays, attempt+1, r)
			if pause < delay || pause > delay+delay/10 {
				t.Fatalf("attempt %d of %s pauses %s, want %s and at most a tenth more", attempt+1, r.Domain, pause, delay)
			}
			if pause < last {
				t.Fatalf("attempt %d of %s pauses %s, less than the one before (%s)", attempt+1, r.Domain, pause, last)
			}
			last = pause
		}
		spread[checkPause(delays, 1, r).Truncate(time.Second)] = true
	}
	if len(spread) < 5 {
		t.Errorf("200 domains come due in only %d different seconds", len(spread))
	}
}
