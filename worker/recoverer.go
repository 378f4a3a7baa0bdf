package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
	"pilotsync/worker/metrics"
)

const (
	// overdueAfter is how long after its due time a verification counts as lost. It is more
	// than asynq needs to hand out a task that is due, and one attempt to be made.
	overdueAfter = time.Minute
	// recheckPage is how many rechecks one run of the recoverer enqueues for an app. The next
	// run enqueues more, so the overdue rechecks of a whole network are spread over time.
	recheckPage = 100
	// recheckLostAfter is how long after it was enqueued a recheck is enqueued again, in case
	// its task was lost.
	recheckLostAfter = 30 * time.Minute
)

// recoverer finds what a dead worker left: active changes, apps with pending changes but
// without a sync, and overdue verifications. asynq also hands out a dead worker's tasks again,
// but only after one to two minutes, and only tasks that were enqueued before the crash. The
// recoverer also enqueues the rechecks that are due.
type recoverer struct {
	ledger    *ledger.Ledger
	enqueuer  followup.Enqueuer
	changes   *changeHandler
	inspector *asynq.Inspector
	states    taskStates
	metrics   *metrics.Worker
	log       *logrus.Entry
}

// turn recovers unless another worker did so in the last 14 s.
func (r *recoverer) turn(ctx context.Context) error {
	// A little less than the interval: otherwise a worker would miss its next turn.
	locked, err := r.ledger.TryLock(ctx, maintenanceInterval-time.Second)
	if err != nil || !locked {
		return err
	}
	return r.recoverAll(ctx)
}

func (r *recoverer) recoverAll(ctx context.Context) error {
	apps, err := r.ledger.Apps(ctx)
	if err != nil {
		return err
	}
	now, err := r.ledger.Now(ctx)
	if err != nil {
		return err
	}
	errs := []error{r.recoverChanges(ctx)}
	for _, app := range apps {
		if err := ctx.Err(); err != nil {
			return err
		}
		errs = append(errs, r.recoverSync(ctx, app, now), r.recoverVerifications(ctx, app, now), r.enqueueRechecks(ctx, app, now))
	}
	return errors.Join(errs...)
}

// recoverChanges records the active changes of dead workers. asynq hands their tasks out
// again later; their handler then finds the changes recorded.
func (r *recoverer) recoverChanges(ctx context.Context) error {
	active, err := r.inspector.ListActiveTasks(tasks.QueueDomains, asynq.PageSize(1000))
	if errors.Is(err, asynq.ErrQueueNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the active changes: %w", err)
	}
	for _, t := range active {
		if !t.IsOrphaned {
			continue
		}
		c, result, err := r.changes.record(ctx, t.Type, t.Payload)
		if errors.Is(err, asynq.SkipRetry) || errors.Is(err, tasks.ErrNewer) {
			continue // when asynq hands it out again, it is archived, or kept for a newer worker
		}
		if err != nil {
			return err
		}
		r.metrics.Recovered(metrics.LostChange)
		r.log.WithFields(changeFields(c.AppID, c.Domain, c.Seq)).WithField("task_id", t.ID).
			Warn("recovered the change of a dead worker: " + result)
	}
	return nil
}

// recoverSync wakes an app whose wake time has come, and one that has pending changes but
// neither a lease nor a task that will acquire it.
func (r *recoverer) recoverSync(ctx context.Context, id string, now time.Time) error {
	app, err := r.ledger.App(ctx, id)
	if err != nil {
		return err
	}
	if app.Paused != "" {
		return nil // resuming it enqueues a sync
	}
	if !app.WakeAt.IsZero() && !now.Before(app.WakeAt) {
		return r.enqueuer.Wake(ctx, id)
	}
	// After a dry run, pending changes have no task until dryRunEnder wakes the app.
	if app.Leased || !app.Awake && (app.Pending == 0 || app.DryRun != nil) {
		return nil
	}
	state, err := r.states.get(tasks.QueueLists, tasks.Sync{AppID: id, Wake: app.Wake}.ID())
	if err != nil || state.waiting() {
		return err
	}
	// The worker of an active task without a lease has died, or is about to acquire the
	// lease: then the new task finds the app busy and ends.
	ok, err := r.enqueuer.RenewWake(ctx, id, app.Wake)
	if err != nil || !ok {
		return err
	}
	r.metrics.Recovered(metrics.LostSync)
	r.log.WithField("app", id).WithField("pending", app.Pending).Warnf("app woken: its sync was lost (task %s)", state)
	return nil
}

// recoverVerifications enqueues overdue verifications again.
func (r *recoverer) recoverVerifications(ctx context.Context, app string, now time.Time) error {
	domains, err := r.ledger.Overdue(ctx, app, now.Add(-overdueAfter))
	if err != nil || len(domains) == 0 {
		return err
	}
	views, err := r.ledger.Domains(ctx, app, domains...)
	if err != nil {
		return err
	}
	for _, view := range views {
		if view.Record.NextAttemptAt == nil {
			continue
		}
		next := followup.NextAttempt(app, view.Record)
		state, err := r.states.get(tasks.QueueSSL, next.ID())
		if err != nil {
			return err
		}
		if !state.waiting() {
			if err := r.enqueuer.VerifyAgain(ctx, next, now); err != nil {
				return err
			}
			r.metrics.Recovered(metrics.LostVerification)
			r.log.WithFields(verifyFields(next, view.Record)).WithField("task_id", next.ID()).
				Warnf("verification enqueued again: attempt %d was lost (task %s)", next.Attempt, state)
		}
		if err := r.ledger.Postpone(ctx, app, view.Domain, now); err != nil {
			return err
		}
	}
	return nil
}

// enqueueRechecks enqueues an app's rechecks that are due.
func (r *recoverer) enqueueRechecks(ctx context.Context, app string, now time.Time) error {
	domains, err := r.ledger.DueRechecks(ctx, app, now, recheckPage)
	if err != nil || len(domains) == 0 {
		return err
	}
	views, err := r.ledger.Domains(ctx, app, domains...)
	if err != nil {
		return err
	}
	for _, view := range views {
		if record := view.Record; record.RecheckAt != nil {
			if err := r.enqueuer.Recheck(ctx, followup.NextRecheck(app, record)); err != nil {
				return err
			}
		}
		if err := r.ledger.PostponeRecheck(ctx, app, view.Domain, now.Add(recheckLostAfter)); err != nil {
			return err
		}
	}
	return nil
}
