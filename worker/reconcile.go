package worker

import (
	"context"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

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

// reconciler detects drift in each app's list every hour. The recoverer enqueues its tasks, and
// asynq accepts one for each hour: the id is made from app and hour.
type reconciler struct {
	mode     Reconcile
	ledger   *ledger.Ledger
	registry *registry.Registry
	syncer   *listsync.Syncer
	enqueuer followup.Enqueuer
	metrics  *metrics.Worker
	log      *logrus.Entry
}

// appHour returns an app's current hour, counted from 1970. Each app's hours begin at
// different minutes and seconds, so a thousand apps don't reconcile at the same time.
func appHour(app string, now time.Time) int64 { return hourOffset(app, now) / 3600 }

func hourOffset(app string, now time.Time) int64 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(app)) // never fails
	return now.Unix() + int64(h.Sum32()%3600)
}

// nextHour returns when an app's next hour begins.
func nextHour(app string, now time.Time) time.Time {
	begin := now.Truncate(time.Second)
	return begin.Add(time.Hour - time.Duration(hourOffset(app, now)%3600)*time.Second)
}

// firstOfHour reports whether a visit is the first one since an app's hour began: it was planned for
// then, or earlier.
func firstOfHour(app string, planned, now time.Time) bool {
	return !planned.IsZero() && !planned.After(nextHour(app, now).Add(-time.Hour))
}

// due reports whether an app's reconciliation of this hour is due. planned is when its visit was
// planned for.
func (r *reconciler) due(w ledger.Work, planned, now time.Time) bool {
	return r.mode != ReconcileOff && needsReconciliation(w) && firstOfHour(w.App, planned, now)
}

// needsReconciliation reports whether no sync reads an app's list anyway. An app that is paused or
// unknown to the ledger has none.
func needsReconciliation(w ledger.Work) bool { return w.Known() && !w.Awake && !w.Paused }

// reconcile compares an app's list with the ledger. If they differ, or the list can't be read, it
// wakes the app: its sync repairs that, or records the failure. It needs no lease, since it
// writes nothing. A sync at the same time can make it wake the app for nothing.
func (r *reconciler) reconcile(ctx context.Context, app string) error {
	works, err := r.ledger.Work(ctx, app)
	if err != nil || !needsReconciliation(works[0]) {
		return err
	}
	plan, err := r.drift(ctx, app)
	if r.mode == Report || errors.Is(err, listsync.ErrYield) {
		return r.report(ctx, app, plan, err)
	}
	switch {
	case err != nil:
		taskLog(ctx, r.log, app).WithError(err).Debug("the list couldn't be compared with the ledger; a sync tries it")
	case plan.InStep():
		return r.ledger.RecordComparison(ctx, app, len(plan.List))
	}
	return r.enqueuer.Wake(ctx, app)
}

// report logs and counts drift, and repairs none.
func (r *reconciler) report(ctx context.Context, app string, plan listsync.Result, err error) error {
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
	if err := r.syncer.API.Ready(ctx, app, false); err != nil {
		return listsync.Result{}, err
	}
	return r.syncer.Drift(ctx, app)
}
