package worker

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// sync handles app:sync. It ends well only when nothing is pending, or when
// another sync of the app is at it; else asynq hands it out again later, without
// end and without counting failures.
func (w *Worker) sync(ctx context.Context, t *asynq.Task) error {
	s, err := tasks.Decode[tasks.Sync](t.Payload())
	if err != nil {
		return unread(err)
	}
	if _, err := w.roster.account(s.AppID); err != nil {
		w.metrics.coolOffs.WithLabelValues(coolUnserved).Inc()
		return w.unserved(ctx, s, err)
	}
	if s.Hour != 0 {
		return w.lookAgain(ctx, s)
	}
	if w.dryRun {
		return w.preview(ctx, s)
	}
	began := time.Now()
	report, err := w.syncer.Sync(ctx, s.AppID)
	w.metrics.synced(time.Since(began), err)
	w.tellNow(ctx, s.AppID)
	log := w.taskLog(ctx, s.AppID).WithFields(logrus.Fields{"reads": report.Reads, "writes": report.Writes,
		"added": len(report.Added), "removed": len(report.Removed), "settled": report.Settled})
	switch {
	case err == nil && report.Writes == 0 && report.Settled == 0:
		log.Debug("list in step: nothing to do") // as each hour
		return nil
	case err == nil:
		log.Info("list in step")
		return nil
	}
	return w.unfinished(ctx, s, err)
}

// unfinished is the end of a sync, or of a dry run, that returned an error. It returns
// nil where nothing is left to do for this task.
func (w *Worker) unfinished(ctx context.Context, s tasks.Sync, err error) error {
	id := s.AppID
	var notTaken *listsync.NotAcquired
	switch {
	case errors.As(err, &notTaken) && (notTaken.Idle || notTaken.Busy || notTaken.Paused):
		w.taskLog(ctx, id).Debug("nothing to do: " + notTaken.Error())
		return nil
	case errors.Is(err, listsync.ErrLeaseLost):
		w.taskLog(ctx, id).Warn("the list is looked at again: " + err.Error())
		return w.again(ctx, id, err)
	}
	app, lookErr := w.ledger.App(ctx, id)
	if lookErr != nil {
		return fmt.Errorf("%w (and then: %w)", err, lookErr)
	}
	if w.superseded(s, app.Wake) {
		w.taskLog(ctx, id).Debug("left to the sync of a later wake: " + err.Error())
		return nil
	}
	return &later{after: syncPause(err, app.Fails, rand.Float64()), err: err}
}

// again asks for one more sync of an app whose lease was lost: this one's writes
// may have crossed the next holder's. Where one may land yet, the sweep asks for
// it, after that.
func (w *Worker) again(ctx context.Context, app string, cause error) error {
	var call *listsync.CallError
	if errors.As(cause, &call) && call.Verdict == listsync.Unknown {
		now, err := w.ledger.Now(ctx)
		if err == nil {
			err = w.ledger.SetWakeAt(ctx, app, now.Add(listsync.LandingLimit))
		}
		if err != nil {
			return fmt.Errorf("%w (and then: %w)", cause, err)
		}
		return nil
	}
	wake, err := w.ledger.Wake(ctx, app)
	if err == nil {
		err = w.follow.Sync(ctx, tasks.Sync{AppID: app, Wake: wake})
	}
	if err != nil {
		return fmt.Errorf("%w (and then: %w)", cause, err)
	}
	return nil
}

// superseded reports whether the task of a later wake waits. It retries the sync
// then, and the one of s ends: two would count each failure twice, and the backoff
// would grow with their number.
func (w *Worker) superseded(s tasks.Sync, wake int64) bool {
	if s.Wake >= wake {
		return false
	}
	later, err := w.sweeper.taskState(tasks.QueueLists, tasks.Sync{AppID: s.AppID, Wake: wake}.ID())
	return err == nil && later.waits()
}

// unserved leaves a change for an app that no account of this worker owns
// pending. Another live worker may own it, and get the task within seconds. If none
// does, the domain's state says so, and the sync is retried with the usual backoff
// until the app is added to a configuration.
func (w *Worker) unserved(ctx context.Context, s tasks.Sync, err error) error {
	if elsewhere := w.leftToAnother(ctx, s.AppID); elsewhere != nil {
		return elsewhere
	}
	state, lookErr := w.ledger.App(ctx, s.AppID)
	switch {
	case lookErr != nil:
		return fmt.Errorf("%w (and then: %w)", err, lookErr)
	case s.Hour != 0, w.superseded(s, state.Wake):
		return nil // the hourly look has nothing to look at
	}
	if !state.Leased {
		if noteErr := w.ledger.RecordFailure(ctx, s.AppID, listsync.Failure{Reason: err.Error(), Blocked: true, Since: time.Now()}); noteErr != nil {
			return fmt.Errorf("%w (and then: %w)", err, noteErr)
		}
	}
	return &later{after: syncPause(err, state.Fails+1, rand.Float64()), err: err}
}
