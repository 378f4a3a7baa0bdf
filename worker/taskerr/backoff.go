package taskerr

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
	"pilotsync/worker/message"
)

const (
	// MaxBackoff is the longest backoff, and that of a blocked app.
	MaxBackoff = 5 * time.Minute
	// Soon is the shortest delay of a task, since asynq counts in whole seconds.
	Soon = time.Second
	// Rounding is by how much asynq may shorten a delay, since it rounds down. It is added
	// to delays that must not be shorter.
	Rounding = time.Second
)

// RetryDelay is asynq's RetryDelayFunc. A [NotReadyError] takes precedence over the delay of an
// error that wraps it. An error without a delay is usually one of Redis, so the task is retried
// soon. If it lasts, the delays grow with the time since the first retry.
func RetryDelay(failures int, err error, t *asynq.Task) time.Duration {
	var retry *RetryAfterError
	var notReady *NotReadyError
	var wait *WaitError
	retried := message.RetriedFor(t.Headers(), time.Now())
	switch {
	case errors.As(err, &notReady):
		return wholeSecond(notReady.Wait, time.Now())
	case errors.As(err, &retry):
		return retry.After
	case errors.As(err, &wait):
		return wait.delay(retried) + rand.N(time.Second)
	}
	return max(exponential(min(failures, 8)), min(retried/8, MaxBackoff)) + rand.N(time.Second)
}

// SyncBackoff returns the delay before an app's next sync after the given number of failures
// in a row: 1 s, doubled up to 5 min. Up to a tenth is added, so apps that failed together
// don't retry together. A delay that ServerPilot asked for takes precedence, and the delay of
// a task for a newer worker doesn't grow. jitter is in [0, 1).
func SyncBackoff(err error, fails int, jitter float64) time.Duration {
	var notAcquired *listsync.NotAcquired
	var call *listsync.CallError
	var delay time.Duration
	switch {
	case errors.As(err, &notAcquired):
		return notAcquired.Wait
	case errors.Is(err, listsync.ErrYield):
		return 0
	case errors.As(err, &call) && call.RetryAfter > 0:
		delay = call.RetryAfter + Rounding
	case errors.As(err, &call) && call.Kind == listsync.Blocked:
		delay = MaxBackoff
	case errors.Is(err, tasks.ErrNewer): // the next worker may know the format
		delay = newerDelay
	default:
		delay = exponential(max(fails, 1) - 1)
	}
	return delay + time.Duration(jitter*float64(delay)/10)
}

// wholeSecond makes a delay end with a second of the clock, and not earlier. asynq rounds down,
// and a task that comes too early would be handed out again at once.
func wholeSecond(delay time.Duration, now time.Time) time.Duration {
	end := now.Add(delay)
	if whole := end.Truncate(time.Second); whole.Before(end) {
		end = whole.Add(time.Second)
	}
	return end.Sub(now)
}

// exponential is 1 s, doubled n times, [MaxBackoff] at most.
func exponential(n int) time.Duration { return min(time.Second<<min(n, 16), MaxBackoff) }
