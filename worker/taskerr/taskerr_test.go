package taskerr

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

func TestSyncBackoff(t *testing.T) {
	t.Parallel()
	again := &listsync.CallError{Kind: listsync.Transient, Err: errors.New("500")}
	for _, tt := range []struct {
		name   string
		err    error
		fails  int
		jitter float64
		want   time.Duration
	}{
		{"the first failure waits a second", again, 1, 0, time.Second},
		{"each further failure doubles the delay", again, 4, 0, 8 * time.Second},
		{"up to five minutes", again, 12, 0, 5 * time.Minute},
		{"after any number of failures", again, 1 << 30, 0, 5 * time.Minute},
		{"a tenth more at most", again, 1, 1, 1100 * time.Millisecond},
		{"a delay that ServerPilot asked for takes precedence, whatever asynq rounds off", &listsync.CallError{RetryAfter: 42 * time.Second, Err: errors.New("429")}, 1, 0, 43 * time.Second},
		{"a blocked app is retried every five minutes", &listsync.CallError{Kind: listsync.Blocked, Err: errors.New("402")}, 1, 0, 5 * time.Minute},
		{"a write in flight is awaited exactly", &listsync.NotAcquired{Wait: 17 * time.Second}, 3, 1, 17 * time.Second},
		{"a sync that yielded continues without delay", fmt.Errorf("stop: %w", listsync.ErrYield), 3, 0, 0},
		{"a failure of Redis is like any other", errors.New("i/o timeout"), 2, 0, 2 * time.Second},
		{"the delay of a later format doesn't grow", fmt.Errorf("read: %w", tasks.ErrNewer), 9, 0, newerDelay},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := SyncBackoff(tt.err, tt.fails, tt.jitter); got != tt.want {
				t.Errorf("SyncBackoff = %s, want %s", got, tt.want)
			}
		})
	}
}

func TestATaskThatIsNotReadyComesBackAtItsTurn(t *testing.T) {
	t.Parallel()
	err := NotReady(90*time.Minute, errors.New("the rate limit"))
	before := time.Now()
	for _, err := range []error{err, fmt.Errorf("sync: %w", err), RetryAfter(time.Second, err)} {
		if got := RetryDelay(3, err, asynq.NewTask("t", nil)); got < 90*time.Minute || IsFailure(err) {
			t.Errorf("%v: back after %s, failure %v; want at least 90 min, and no failure", err, got, IsFailure(err))
		}
	}
	for nanos, want := range map[time.Duration]time.Duration{0: 2 * time.Second, 1: 3*time.Second - 1, 999_999_999: 2*time.Second + 1} {
		if got := wholeSecond(2*time.Second, before.Truncate(time.Second).Add(nanos)); got != want {
			t.Errorf("%d ns after the second: back after %s, want %s", nanos, got, want)
		}
	}
}

func TestAwaitTriesAgainAtEachTurn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began, tries := time.Now(), 0
		get := func() (int, error) {
			if tries++; tries < 3 {
				return 0, fmt.Errorf("read: %w", NotReady(time.Minute, errors.New("the rate limit")))
			}
			return tries, errors.New("down")
		}
		if got, err := Await(t.Context(), get); got != 3 || err == nil || err.Error() != "down" || time.Since(began) != 2*time.Minute {
			t.Errorf("got %d, %v after %s; want the third answer after two minutes", got, err, time.Since(began))
		}
	})
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		_, err := Await(ctx, func() (int, error) { return 0, NotReady(time.Hour, errors.New("the rate limit")) })
		var notReady *NotReadyError
		if !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &notReady) || time.Since(began) != time.Second {
			t.Errorf("%v after %s, want both errors after a second", err, time.Since(began))
		}
	})
}

func TestOnlyFaultsOfTheTaskOrItsHandlerCount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		err  error
		want bool
	}{
		{"an outage doesn't", RetryAfter(time.Second, errors.New("500")), false},
		{"a worker that died doesn't", asynq.ErrLeaseExpired, false},
		{"a failure of Redis doesn't", errors.New("connection refused"), false},
		{"a bad payload does", Permanent(fmt.Errorf("%w: seq", tasks.ErrPayload)), true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := IsFailure(tt.err); got != tt.want {
				t.Errorf("IsFailure = %v, want %v", got, tt.want)
			}
		})
	}
}
