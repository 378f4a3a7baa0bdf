// Package taskerr has the errors by which a task's handler tells asynq what to do with the
// task. asynq hands it out again after a delay, or archives it.
package taskerr

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
)

// RetryAfterError is an error after which asynq hands the task out again after a given delay,
// without counting a failure.
type RetryAfterError struct {
	After time.Duration
	Err   error
}

// RetryAfter returns a [RetryAfterError].
func RetryAfter(after time.Duration, err error) error {
	return &RetryAfterError{After: after, Err: err}
}

func (e *RetryAfterError) Error() string { return e.Err.Error() }
func (e *RetryAfterError) Unwrap() error { return e.Err }

// NotReadyError is the error of a task whose turn hasn't come: asynq hands it out again then,
// without counting a failure. It is no trouble, and thousands of tasks may wait so.
type NotReadyError struct {
	Wait time.Duration
	Err  error // what the task waits for
}

// NotReady returns a [NotReadyError].
func NotReady(wait time.Duration, err error) error { return &NotReadyError{Wait: wait, Err: err} }

func (e *NotReadyError) Error() string {
	return fmt.Sprintf("%v; its turn comes in %s", e.Err, e.Wait.Round(time.Millisecond))
}
func (e *NotReadyError) Unwrap() error { return e.Err }

// RetryIn returns Wait, as [listsync.API] wants it.
func (e *NotReadyError) RetryIn() time.Duration { return e.Wait }

// Await calls get until its error isn't a [NotReadyError]. After each it waits for the turn. If ctx
// ends before, the error wraps those of get and ctx.
func Await[T any](ctx context.Context, get func() (T, error)) (T, error) {
	for {
		got, err := get()
		var notReady *NotReadyError
		if !errors.As(err, &notReady) {
			return got, err
		}
		timer := time.NewTimer(notReady.Wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return got, fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
}

// Permanent returns an error after which asynq archives the task without a retry.
func Permanent(err error) error { return fmt.Errorf("%w: %w", err, asynq.SkipRetry) }

// Undecodable returns the error for a task whose payload can't be decoded. One of a newer
// release waits for a worker that knows its format; during an upgrade there is one. After a week
// it is archived.
func Undecodable(err error) error {
	if errors.Is(err, tasks.ErrNewer) {
		return &WaitError{First: newerDelay, GiveUp: true, Err: err}
	}
	return Permanent(err)
}

// IsFailure tells asynq which errors count against a task's retry limit: only those
// whose cause is the task or the handler's code. Outages and dead workers don't count.
func IsFailure(err error) bool {
	return errors.Is(err, tasks.ErrPayload) || errors.Is(err, asynq.SkipRetry) || asynq.IsPanicError(err)
}
