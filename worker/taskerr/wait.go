package taskerr

import (
	"errors"
	"fmt"
	"time"

	"pilotsync/worker/message"
)

// Delays of tasks that wait for another worker.
const (
	newerDelay = 5 * time.Second
	// maxWaitDelay is the longest delay.
	maxWaitDelay = 15 * time.Minute
	// maxWait is after how long a task is archived that no worker could do: an upgrade of all
	// workers takes less.
	maxWait = 7 * 24 * time.Hour
)

// WaitError is the error of a task that waits for another worker: one of a newer release, or one
// that serves the task's app. asynq hands the task out again after delays that grow with the time
// that it has waited, without counting a failure.
type WaitError struct {
	First time.Duration // the first delay
	// GiveUp: after a week asynq archives the task.
	GiveUp bool
	Err    error
}

func (e *WaitError) Error() string { return e.Err.Error() }
func (e *WaitError) Unwrap() error { return e.Err }

// delay returns the next delay of a task that has been retried for a time. It is an eighth of that,
// so a task waits little longer than it takes until there is a worker for it.
func (e *WaitError) delay(retried time.Duration) time.Duration {
	return max(min(max(retried/8, e.First), maxWaitDelay), Soon)
}

// WaitForWorker returns a [WaitError] whose task is never archived.
func WaitForWorker(first time.Duration, err error) error { return &WaitError{First: first, Err: err} }

// GiveUp returns an error of a task with the given headers. It is a [Permanent] one if the task has
// waited for too long.
func GiveUp(err error, headers map[string]string) error {
	var wait *WaitError
	if !errors.As(err, &wait) || !wait.GiveUp {
		return err
	}
	if retried := message.RetriedFor(headers, time.Now()); retried >= maxWait {
		return Permanent(fmt.Errorf("given up after %s: %w", retried.Round(time.Minute), err))
	}
	return err
}
