package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// follow enqueues the tasks that follow from others. Their ids are made from
// what they are about, so that enqueueing one twice is harmless.
type follow struct{ client *asynq.Client }

var _ listsync.Enqueuer = follow{}

// Limits of the follow-up tasks. Failures that count against maxRetry are only
// those of our own code (see isFailure); it is bounded so that a task that makes
// a handler panic ends in the archive, where a person sees it. Timeouts are a
// last resort beyond the limits that the handlers keep themselves.
const (
	maxRetry      = 10
	syncTimeout   = listsync.Budget + time.Minute
	verifyTimeout = 2 * time.Minute
	eventTimeout  = time.Minute
)

// Sync enqueues an app's sync.
func (f follow) Sync(ctx context.Context, s tasks.Sync) error {
	return f.enqueue(ctx, tasks.TypeAppSync, s.ID(), tasks.Encode(s),
		asynq.Queue(tasks.QueueLists), asynq.Timeout(syncTimeout))
}

// together is how many follow-up tasks of one sync are on their way to Redis at
// once: enough that a burst doesn't wait for the way there and back of each.
const together = 8

// Verify implements [listsync.Follower]: it enqueues the attempts that follow the
// records' last ones.
func (f follow) Verify(ctx context.Context, app string, records ...listsync.Record) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(together)
	for _, r := range records {
		v := nextAttempt(app, r)
		group.Go(func() error { return f.verify(ctx, v, v.ID()) })
	}
	return group.Wait()
}

// verify enqueues an attempt under an id of the caller's. asynq counts in whole
// seconds and rounds down; rounded up, the attempt never comes early.
func (f follow) verify(ctx context.Context, v tasks.Verify, id string) error {
	return f.enqueue(ctx, tasks.TypeSSLVerify, id, tasks.Encode(v),
		asynq.Queue(tasks.QueueSSL), asynq.Timeout(verifyTimeout), asynq.ProcessAt(v.DueAt.Add(time.Second-1).Truncate(time.Second)))
}

// nextAttempt is the verification that is to follow a record with a NextAt.
func nextAttempt(app string, r listsync.Record) tasks.Verify {
	return tasks.Verify{AppID: app, Domain: r.Domain, Seq: r.CheckSeq, Attempt: r.Attempt + 1, DueAt: *r.NextAttemptAt}
}

func (f follow) enqueue(ctx context.Context, kind, id string, payload []byte, opts ...asynq.Option) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	opts = append(opts, asynq.TaskID(id), asynq.MaxRetry(maxRetry))
	_, err := f.client.EnqueueContext(ctx, asynq.NewTask(kind, payload), opts...)
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return fmt.Errorf("enqueue %s: %w", id, err)
	}
	return nil
}
