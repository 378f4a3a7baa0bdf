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
	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/metrics"
	"pilotsync/worker/registry"
	"pilotsync/worker/share"
	"pilotsync/worker/taskerr"
)

// syncHandler handles app:sync. It succeeds if nothing is left to do for the task. Then nothing
// is pending, the app is paused, or another task or sync does the rest. Otherwise asynq hands
// the task out again later, without a limit.
type syncHandler struct {
	shares     share.Group // by client id
	registry   *registry.Registry
	ledger     *ledger.Ledger
	syncer     *listsync.Syncer
	reconciler *reconciler
	enqueuer   followup.Enqueuer
	outbox     *outbox
	states     taskStates
	metrics    *metrics.Worker
	dryRun     bool
	log        *logrus.Entry
}

func (h *syncHandler) handle(ctx context.Context, t *asynq.Task) error {
	s, err := tasks.Decode[tasks.Sync](t.Payload())
	if err != nil {
		return taskerr.Undecodable(err)
	}
	client, err := h.registry.Client(s.AppID)
	if err != nil {
		h.metrics.Unserved()
		return h.unserved(ctx, s, err)
	}
	// The task leaves its slot to other apps while those of its account are first. Users wait
	// for changes, and not for reconciliations.
	if err := client.MayTrySync(s.AppID, s.Hour == 0); err != nil {
		return err
	}
	leave, err := h.shares.Enter(ctx, client.ID, "", h.registry.Load().OneAccount(), client.Limiter.SyncsLimited)
	if err != nil {
		return err
	}
	defer leave()
	if s.Hour != 0 {
		return h.reconciler.reconcile(ctx, s.AppID)
	}
	if h.dryRun {
		return h.handleDryRun(ctx, s)
	}
	began := time.Now()
	report, err := h.syncer.Sync(ctx, s.AppID)
	h.metrics.Synced(time.Since(began), err)
	h.outbox.flushNow(ctx, s.AppID)
	if err != nil {
		return h.unfinished(ctx, s, err)
	}
	log := taskLog(ctx, h.log, s.AppID).WithFields(logrus.Fields{"reads": report.Reads, "writes": report.Writes,
		"added": len(report.Added), "removed": len(report.Removed), "settled": report.Settled})
	if report.Writes == 0 && report.Settled == 0 {
		log.Debug("list in step: nothing to do") // after most reconciliations
	} else {
		log.Info("list in step")
	}
	return nil
}

// unfinished handles the error of a sync or a dry run. It returns nil if nothing is left to
// do for this task.
func (h *syncHandler) unfinished(ctx context.Context, s tasks.Sync, err error) error {
	log := taskLog(ctx, h.log, s.AppID)
	var notAcquired *listsync.NotAcquired
	switch {
	case errors.As(err, &notAcquired) && (notAcquired.Idle || notAcquired.Busy || notAcquired.Paused):
		log.Debug("nothing to do: " + notAcquired.Error())
		return nil
	case errors.Is(err, listsync.ErrLeaseLost):
		log.Warn("the list is synced again: " + err.Error())
		return h.syncAgain(ctx, s.AppID, err)
	}
	app, appErr := h.ledger.App(ctx, s.AppID)
	if appErr != nil {
		return fmt.Errorf("%w (and then: %w)", err, appErr)
	}
	if h.superseded(ctx, s, app.Wake) {
		log.Debug("left to the sync of a later wake: " + err.Error())
		return nil
	}
	return taskerr.RetryAfter(taskerr.SyncBackoff(err, app.Fails, rand.Float64()), err)
}

// syncAgain wakes an app whose lease was lost, since this sync's writes may overlap with those
// of the next holder. If a write may still take effect, the recoverer wakes the app later.
func (h *syncHandler) syncAgain(ctx context.Context, app string, syncErr error) error {
	var call *listsync.CallError
	var err error
	if errors.As(syncErr, &call) && call.Kind == listsync.WriteUnknown {
		var now time.Time
		if now, err = h.ledger.Now(ctx); err == nil {
			err = h.ledger.SetWakeAt(ctx, app, now.Add(listsync.LandingLimit))
		}
	} else {
		err = h.enqueuer.Wake(ctx, app)
	}
	if err != nil {
		return fmt.Errorf("%w (and then: %w)", syncErr, err)
	}
	return nil
}

// superseded reports whether the task of a later wake is waiting. That task retries the sync,
// and this one ends: two tasks would count each failure twice, so the backoff would grow too
// fast.
func (h *syncHandler) superseded(ctx context.Context, s tasks.Sync, wake int64) bool {
	if s.Wake >= wake {
		return false
	}
	later, err := h.states.get(ctx, tasks.QueueLists, tasks.Sync{AppID: s.AppID, Wake: wake}.ID())
	return err == nil && later.waiting()
}

// unserved handles the sync of an app that this worker doesn't serve. If another live worker
// serves it, that one gets the task within seconds. Otherwise the domains' reasons say so, and
// the sync is retried after growing delays. A worker that starts with the app retries it at once.
func (h *syncHandler) unserved(ctx context.Context, s tasks.Sync, err error) error {
	if elsewhere := h.registry.LeaveToAnother(ctx, s.AppID); elsewhere != nil {
		return elsewhere
	}
	state, stateErr := h.ledger.App(ctx, s.AppID)
	switch {
	case stateErr != nil:
		return fmt.Errorf("%w (and then: %w)", err, stateErr)
	case s.Hour != 0, h.superseded(ctx, s, state.Wake):
		return nil // there is nothing to reconcile
	}
	if !state.Leased {
		failure := listsync.Failure{Reason: err.Error(), Blocked: true, Since: time.Now()}
		if recordErr := h.ledger.RecordFailure(ctx, s.AppID, failure); recordErr != nil {
			return fmt.Errorf("%w (and then: %w)", err, recordErr)
		}
	}
	return taskerr.WaitForWorker(taskerr.SyncBackoff(err, state.Fails+1, rand.Float64()), err)
}
