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
	"pilotsync/worker/applist"
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
		return w.unserved(ctx, s.AppID, err)
	}
	if s.Hour != 0 {
		return w.lookAgain(ctx, s)
	}
	if w.dryRun {
		return w.preview(ctx, s.AppID)
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
	return w.unfinished(ctx, s.AppID, err)
}

// unfinished is the end of a sync, or of a dry run, that returned an error. It returns
// nil where nothing is left to do for this task.
func (w *Worker) unfinished(ctx context.Context, id string, err error) error {
	var notTaken *applist.NotTaken
	switch {
	case errors.As(err, &notTaken) && (notTaken.Idle || notTaken.Busy || notTaken.Paused):
		w.taskLog(ctx, id).Debug("nothing to do: " + notTaken.Error())
		return nil
	case errors.Is(err, applist.ErrLost):
		w.taskLog(ctx, id).Warn("the list is looked at again: " + err.Error())
		return w.again(ctx, id, err)
	}
	app, lookErr := w.ledger.App(ctx, id)
	if lookErr != nil {
		return fmt.Errorf("%w (and then: %w)", err, lookErr)
	}
	return &later{after: syncPause(err, app.Fails, rand.Float64()), err: err}
}

// again asks for one more sync of an app whose lease was lost: this one's writes
// may have crossed the next holder's. Where one may land yet, the sweep asks for
// it, after that.
func (w *Worker) again(ctx context.Context, app string, cause error) error {
	var call *applist.CallError
	if errors.As(cause, &call) && call.Verdict == applist.Unknown {
		now, err := w.ledger.Now(ctx)
		if err == nil {
			err = w.ledger.LookAt(ctx, app, now.Add(applist.LandingLimit))
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

// unserved leaves a change for an app that no account of this worker owns
// pending, and says so where the domain's state is read. Another worker may own
// it, or the app may be added to the configuration.
func (w *Worker) unserved(ctx context.Context, app string, err error) error {
	state, lookErr := w.ledger.App(ctx, app)
	if lookErr != nil {
		return fmt.Errorf("%w (and then: %w)", err, lookErr)
	}
	if !state.Leased {
		if noteErr := w.ledger.NoteTrouble(ctx, app, applist.Trouble{Reason: err.Error(), Blocked: true, Since: time.Now()}); noteErr != nil {
			return fmt.Errorf("%w (and then: %w)", err, noteErr)
		}
	}
	// Short pauses, unlike those of an app that fails: a worker that owns it may be
	// the next to get the task.
	return &later{after: min(syncPause(err, state.Fails+1, rand.Float64()), time.Minute), err: err}
}
