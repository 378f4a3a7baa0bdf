// Package followup enqueues the tasks that follow from others. Their ids are made from app,
// domain and number, so enqueueing a task twice is harmless.
package followup

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/message"
	"pilotsync/worker/queuepoll"
)

// Limits of the follow-up tasks. Only bad payloads and panics count against maxRetry (see
// taskerr.IsFailure). A task that makes a handler panic ends in the archive, where a person
// sees it. Timeouts are a last resort beyond the handlers' own limits.
const (
	maxRetry      = 10
	syncTimeout   = listsync.Budget + time.Minute
	verifyTimeout = 2 * time.Minute
	eventTimeout  = time.Minute
)

const (
	// eventRetention is how long a delivered event can be listed and replayed.
	eventRetention = 24 * time.Hour
	// reconcileRetention keeps the id of an hour's task taken until after the hour.
	reconcileRetention = 2 * time.Hour
	// parallel is how many follow-up tasks of one sync are enqueued in parallel: enough that
	// a burst doesn't wait for each round trip.
	parallel = 8
)

// Limits returns the limits of the tasks on the queues of follow-up tasks.
func Limits() map[string]message.Limits {
	return map[string]message.Limits{
		tasks.QueueLists:  {Timeout: syncTimeout, MaxRetry: maxRetry, Retention: reconcileRetention},
		tasks.QueueSSL:    {Timeout: verifyTimeout, MaxRetry: maxRetry},
		tasks.QueueEvents: {Timeout: eventTimeout, MaxRetry: maxRetry, Retention: eventRetention},
	}
}

// Enqueuer enqueues follow-up tasks; not after the context has ended.
type Enqueuer struct {
	client *asynq.Client
	ledger *ledger.Ledger
}

var _ listsync.Enqueuer = Enqueuer{}

// New returns an Enqueuer on rdb, which the caller must close. It notifies the workers of each task.
func New(rdb redis.UniversalClient) Enqueuer {
	return Enqueuer{client: asynq.NewClientFromRedisClient(queuepoll.For(rdb)), ledger: ledger.New(rdb)}
}

// Wake marks an app as awake in the ledger and enqueues its sync.
func (e Enqueuer) Wake(ctx context.Context, app string) error {
	wake, err := e.ledger.Wake(ctx, app)
	if err != nil {
		return err
	}
	return e.Sync(ctx, tasks.Sync{AppID: app, Wake: wake})
}

// RenewWake does the same if the app's wake is still the given one, and reports whether it
// was. The sync gets a new task id, since a dead worker's task may have the old one.
func (e Enqueuer) RenewWake(ctx context.Context, app string, wake int64) (bool, error) {
	next, ok, err := e.ledger.RenewWake(ctx, app, wake)
	if err != nil || !ok {
		return false, err
	}
	return true, e.Sync(ctx, tasks.Sync{AppID: app, Wake: next})
}

// Sync enqueues an app's sync.
func (e Enqueuer) Sync(ctx context.Context, s tasks.Sync) error {
	return e.enqueue(ctx, tasks.TypeAppSync, s.ID(), tasks.Encode(s),
		asynq.Queue(tasks.QueueLists), asynq.Timeout(syncTimeout))
}

// Reconcile enqueues an app's reconciliation of one hour. Its id stays taken until after
// the hour.
func (e Enqueuer) Reconcile(ctx context.Context, s tasks.Sync) error {
	return e.enqueue(ctx, tasks.TypeAppSync, s.ID(), tasks.Encode(s),
		asynq.Queue(tasks.QueueLists), asynq.Timeout(syncTimeout), asynq.Retention(reconcileRetention))
}

// Verify implements [listsync.Enqueuer]: it enqueues the attempts that follow the
// records' last ones.
func (e Enqueuer) Verify(ctx context.Context, app string, records ...listsync.Record) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for _, r := range records {
		v := NextAttempt(app, r)
		group.Go(func() error { return e.attempt(ctx, v, v.ID()) })
	}
	return group.Wait()
}

// VerifyAgain enqueues an attempt whose task was lost. It makes a new id from now, since a
// dead worker's task may have the old one. If both run, the second finds the attempt made.
func (e Enqueuer) VerifyAgain(ctx context.Context, v tasks.Verify, now time.Time) error {
	return e.attempt(ctx, v, AgainID(v, now))
}

// AgainID returns the id of the task that [Enqueuer.VerifyAgain] enqueued at a time.
func AgainID(v tasks.Verify, at time.Time) string {
	return fmt.Sprintf("%s:again:%d", v.ID(), at.Unix())
}

// attempt enqueues an attempt. asynq rounds down to whole seconds, so the time is rounded up:
// the attempt never comes early.
func (e Enqueuer) attempt(ctx context.Context, v tasks.Verify, id string) error {
	return e.enqueue(ctx, tasks.TypeSSLVerify, id, tasks.Encode(v),
		asynq.Queue(tasks.QueueSSL), asynq.Timeout(verifyTimeout), asynq.ProcessAt(v.DueAt.Add(time.Second-1).Truncate(time.Second)))
}

// Recheck enqueues a recheck that is due.
func (e Enqueuer) Recheck(ctx context.Context, v tasks.Verify) error {
	return e.enqueue(ctx, tasks.TypeSSLVerify, v.ID(), tasks.Encode(v), asynq.Queue(tasks.QueueSSL), asynq.Timeout(verifyTimeout))
}

// Event enqueues an event's delivery.
func (e Enqueuer) Event(ctx context.Context, event tasks.Event) error {
	return e.enqueue(ctx, tasks.TypeEventDeliver, event.ID(), tasks.Encode(event),
		asynq.Queue(tasks.QueueEvents), asynq.Timeout(eventTimeout), asynq.Retention(eventRetention))
}

func (e Enqueuer) enqueue(ctx context.Context, kind, id string, payload []byte, opts ...asynq.Option) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	opts = append(opts, asynq.TaskID(id), asynq.MaxRetry(maxRetry))
	_, err := e.client.EnqueueContext(ctx, asynq.NewTask(kind, payload), opts...)
	if err != nil && !errors.Is(err, asynq.ErrTaskIDConflict) {
		return fmt.Errorf("enqueue %s: %w", id, err)
	}
	return nil
}

// NextRecheck is the recheck of a record with a RecheckAt.
func NextRecheck(app string, r listsync.Record) tasks.Verify {
	return tasks.Verify{AppID: app, Domain: r.Domain, Seq: r.CheckSeq, Attempt: 1, DueAt: *r.RecheckAt, Recheck: true, Unanswered: r.DNS.Unanswered()}
}

// NextAttempt is the verification that follows a record with a NextAttemptAt.
func NextAttempt(app string, r listsync.Record) tasks.Verify {
	return tasks.Verify{AppID: app, Domain: r.Domain, Seq: r.CheckSeq, Attempt: r.Attempt + 1, DueAt: *r.NextAttemptAt, Unanswered: r.DNS.Unanswered()}
}
