package worker

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/metrics"
	"pilotsync/worker/registry"
	"pilotsync/worker/taskerr"
)

// Reconcile is what the hourly reconciliation does about drift.
type Reconcile string

const (
	Repair       Reconcile = "repair" // a sync repairs it
	Report       Reconcile = "report" // the log and a metric say what a sync would change
	ReconcileOff Reconcile = "off"    // drift isn't detected
)

// reconciler detects drift in each app's list every hour.
type reconciler struct {
	mode     Reconcile
	ledger   *ledger.Ledger
	registry *registry.Registry
	syncer   *listsync.Syncer
	enqueuer followup.Enqueuer
	metrics  *metrics.Worker
	log      *logrus.Entry

	mu    sync.Mutex
	hours map[string]int64 // by app: the hour of the last enqueued task
}

// appHour returns an app's current hour, counted from 1970. Each app's hours begin at
// different minutes and seconds, so a thousand apps don't reconcile at the same time.
func appHour(app string, now time.Time) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(app)) // never fails
	return (now.Unix() + int64(h.Sum32()%3600)) / 3600
}

// schedule enqueues the reconciliation of each app of this worker whose hour has begun. All
// workers of an app do that, and asynq accepts the first: the task's id is made from app and
// hour.
func (r *reconciler) schedule(ctx context.Context) error {
	if r.mode == ReconcileOff {
		return nil
	}
	now, err := r.ledger.Now(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var errs []error
	for _, app := range r.registry.Load().Apps {
		hour := appHour(app, now)
		if r.hours[app] == hour {
			continue
		}
		if err := r.enqueuer.Reconcile(ctx, tasks.Sync{AppID: app, Hour: hour}); err != nil {
			errs = append(errs, err)
			continue
		}
		r.hours[app] = hour
	}
	return errors.Join(errs...)
}

// reconcile wakes an app; its sync repairs drift, usually with nothing pending. An app that
// is awake, paused or unknown to the ledger needs no reconciliation.
func (r *reconciler) reconcile(ctx context.Context, app string) error {
	state, err := r.ledger.App(ctx, app)
	if err != nil || state.Awake || state.Paused != "" || state.Wake == 0 {
		return err
	}
	if r.mode != Report {
		return r.enqueuer.Wake(ctx, app)
	}
	plan, err := r.drift(ctx, app)
	if err != nil {
		return taskerr.RetryAfter(taskerr.SyncBackoff(err, 1, rand.Float64()), err)
	}
	names := len(plan.Added) + len(plan.Removed)
	r.metrics.Drift(app, names)
	if names > 0 {
		taskLog(ctx, r.log, app).Warnf("the list differs from the ledger, and stays so (PILOTSYNC_RECONCILE=report): missing [%s], too many [%s]",
			strings.Join(plan.Added, ", "), strings.Join(plan.Removed, ", "))
	}
	return nil
}

// drift returns the plan that a sync of an app would carry out now, and changes nothing.
func (r *reconciler) drift(ctx context.Context, app string) (listsync.Result, error) {
	if _, err := r.registry.Client(app); err != nil {
		return listsync.Result{}, err
	}
	if err := r.syncer.API.Ready(ctx, app); err != nil {
		return listsync.Result{}, err
	}
	return r.syncer.Drift(ctx, app)
}
