package worker

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// Reconcile is what is done, each hour, about a list that isn't as the ledger has it.
type Reconcile string

const (
	Repair    Reconcile = "repair" // a sync makes it so
	Report    Reconcile = "report" // the log and a metric say what a sync would change
	DontLook  Reconcile = "off"
	hourlyFor           = 2 * time.Hour // how long an hour's task keeps its id taken
)

// turnHour is the hour, counted from 1970, that an app's turn is in at now. Each
// app's hours begin at minutes and seconds of its own, so that a thousand apps
// don't all come at once.
func turnHour(app string, now time.Time) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(app)) // never fails
	return (now.Unix() + int64(h.Sum32()%3600)) / 3600
}

// hourly enqueues the look at each app of this worker whose turn has come. All
// workers of an app do it, and asynq takes the first: the task's id is made from
// app and hour.
func (s sweeper) hourly(ctx context.Context) error {
	if s.reconcile == DontLook {
		return nil
	}
	now, err := s.ledger.Now(ctx)
	if err != nil {
		return err
	}
	var all []error
	for _, app := range s.roster.look().apps {
		hour := turnHour(app, now)
		if s.hours[app] == hour {
			continue
		}
		if err := s.follow.Hourly(ctx, tasks.Sync{AppID: app, Hour: hour}); err != nil {
			all = append(all, err)
			continue
		}
		s.hours[app] = hour
	}
	return errors.Join(all...)
}

// Hourly enqueues an app's look of one hour. Its id stays taken until after the hour.
func (f follow) Hourly(ctx context.Context, s tasks.Sync) error {
	return f.enqueue(ctx, tasks.TypeAppSync, s.ID(), tasks.Encode(s),
		asynq.Queue(tasks.QueueLists), asynq.Timeout(time.Minute), asynq.Retention(hourlyFor))
}

// lookAgain is the hourly look at an app: it asks for an ordinary sync, which plans
// with whatever is pending, mostly nothing. An app that wants a sync anyway, that is
// paused, or that the ledger has never heard of needs none.
func (w *Worker) lookAgain(ctx context.Context, s tasks.Sync) error {
	app, err := w.ledger.App(ctx, s.AppID)
	if err != nil || app.Awake || app.Paused != "" || app.Wake == 0 {
		return err
	}
	if w.reconcile != Report {
		wake, err := w.ledger.Wake(ctx, s.AppID)
		if err != nil {
			return err
		}
		return w.follow.Sync(ctx, tasks.Sync{AppID: s.AppID, Wake: wake})
	}
	plan, err := w.Drift(ctx, s.AppID)
	if err != nil {
		return &later{after: syncPause(err, 1, rand.Float64()), err: err}
	}
	w.metrics.drift.WithLabelValues(s.AppID).Set(float64(len(plan.Added) + len(plan.Removed)))
	if len(plan.Added)+len(plan.Removed) > 0 {
		w.taskLog(ctx, s.AppID).Warnf("the list isn't as it should be, and is left so (PILOTSYNC_RECONCILE=report): missing [%s], too many [%s]",
			strings.Join(plan.Added, ", "), strings.Join(plan.Removed, ", "))
	}
	return nil
}

// Drift returns the plan that a sync of an app would carry out now, and changes
// nothing. The worker needn't run.
func (w *Worker) Drift(ctx context.Context, app string) (listsync.Result, error) {
	if _, err := w.roster.account(app); err != nil {
		return listsync.Result{}, err
	}
	if err := w.syncer.API.Ready(ctx, app); err != nil {
		return listsync.Result{}, err
	}
	return w.syncer.Drift(ctx, app)
}
