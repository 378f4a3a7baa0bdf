package worker

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// later is an error after which asynq hands the task out again, after a pause
// of our choosing, without counting a failure.
type later struct {
	after time.Duration
	err   error
}

func (l *later) Error() string { return l.err.Error() }
func (l *later) Unwrap() error { return l.err }

// never is an error after which asynq archives the task at once: no retry can mend it.
func never(err error) error { return fmt.Errorf("%w: %w", err, asynq.SkipRetry) }

// unread is the end of a task whose payload can't be read. One of a newer program
// waits for a worker that knows its form: in the midst of an upgrade there is one.
func unread(err error) error {
	if errors.Is(err, tasks.ErrNewer) {
		return &later{after: newerPause, err: err}
	}
	return never(err)
}

// isFailure tells asynq which errors count against a task's retry limit: only
// those that lie in the task or in our own code. An outage, however long, and a
// worker that died use nothing up.
func isFailure(err error) bool {
	return errors.Is(err, tasks.ErrPayload) || errors.Is(err, asynq.SkipRetry) || asynq.IsPanicError(err)
}

// retryDelay is asynq's RetryDelayFunc. What doesn't say how long to wait is
// mostly Redis in trouble: it is tried again soon.
func retryDelay(retried int, err error, _ *asynq.Task) time.Duration {
	var l *later
	if errors.As(err, &l) {
		return l.after
	}
	return min(time.Second<<min(retried, 8), syncPauseMax) + rand.N(time.Second)
}

const (
	syncPauseMax = 5 * time.Minute // also the pause of what a person has to mend
	newerPause   = 5 * time.Second // of what waits for a worker that knows a later form
	soon         = time.Second     // for what may go on at once; less is lost on asynq, which counts in seconds
	rounding     = time.Second     // what asynq may take off a pause, since it rounds down: added where a pause must not be shorter
)

// syncPause is the pause before an app's next sync after the fails-th trouble in
// a row: 1 s doubling to 5 min, up to a tenth more so that apps that failed
// together don't come back together. What ServerPilot asked for counts first, and
// what waits for a newer worker doesn't wait for longer and longer.
// jitter is in [0, 1).
func syncPause(err error, fails int, jitter float64) time.Duration {
	var notTaken *listsync.NotAcquired
	var call *listsync.CallError
	var pause time.Duration
	switch {
	case errors.As(err, &notTaken):
		return notTaken.Wait
	case errors.Is(err, listsync.ErrYield):
		return 0
	case errors.As(err, &call) && call.RetryAfter > 0:
		pause = call.RetryAfter + rounding
	case errors.As(err, &call) && call.Verdict == listsync.Blocked:
		pause = syncPauseMax
	case errors.Is(err, tasks.ErrNewer): // it doesn't grow: the next worker that is handed it may know the form
		pause = newerPause
	default:
		pause = min(time.Second<<min(max(fails, 1)-1, 16), syncPauseMax)
	}
	return pause + time.Duration(jitter*float64(pause)/10)
}
