package taskerr

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

const (
	// MaxBackoff is the longest backoff, and that of an app which is blocked until a
	// person acts.
	MaxBackoff = 5 * time.Minute
	// Soon is the delay of a task that another worker or attempt can take at once.
	// asynq counts in whole seconds.
	Soon = time.Second
	// Rounding is what asynq may take off a delay, since it rounds down. It is added
	// where a delay must not be shorter.
	Rounding = time.Second

	newerDelay = 5 * time.Second // of a task that waits for a worker that knows a later form
)

// RetryDelay is asynq's RetryDelayFunc. An error that names no delay is mostly one of
// Redis: the task is retried soon.
func RetryDelay(retried int, err error, _ *asynq.Task) time.Duration {
	var retry *RetryAfterError
	if errors.As(err, &retry) {
		return retry.After
	}
	return exponential(min(retried, 8)) + rand.N(time.Second)
}

// SyncBackoff is the delay before an app's next sync after the given number of failures
// in a row: 1 s doubling to 5 min, and up to a tenth more, since apps that failed
// together must not retry together. A delay that ServerPilot asked for takes
// precedence, and the delay of a task for a newer worker doesn't grow. jitter is in
// [0, 1).
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
	case errors.As(err, &call) && call.Verdict == listsync.Blocked:
		delay = MaxBackoff
	case errors.Is(err, tasks.ErrNewer): // the next worker that is handed it may know the form
		delay = newerDelay
	default:
		delay = exponential(max(fails, 1) - 1)
	}
	return delay + time.Duration(jitter*float64(delay)/10)
}

// exponential is 1 s, doubled n times, [MaxBackoff] at most.
func exponential(n int) time.Duration { return min(time.Second<<min(n, 16), MaxBackoff) }
