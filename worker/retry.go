package worker

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
	"pilotsync/worker/registry"
	"pilotsync/worker/webhook"
)

// retryDelay is how long a worker waits before it retries apps. So of several workers that
// start or reload together, the first one retries an app for all.
const retryDelay = 2 * time.Second

// retrier retries, after a start or a reload, what an operator may just have fixed: webhooks
// that were gone, and apps that are failing or blocked.
type retrier struct {
	ledger    *ledger.Ledger
	registry  *registry.Registry
	sender    *webhook.Sender
	dryRuns   *dryRunEnder
	enqueuer  followup.Enqueuer
	inspector *asynq.Inspector
	states    taskStates

	mu       sync.Mutex
	pending  map[string]time.Time // apps to retry, by the time of the start or reload
	webhooks bool                 // webhooks must still be switched on
}

// retryApps waits for retryDelay, switches webhooks on if asked, and retries apps. After an
// error the next maintenance continues.
func (r *retrier) retryApps(ctx context.Context, apps []string, webhooks bool) error {
	if len(apps) == 0 {
		return nil
	}
	since := time.Now()
	delay := time.NewTimer(retryDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	r.mu.Lock()
	for _, app := range apps {
		r.pending[app] = since
	}
	r.webhooks = r.webhooks || webhooks
	r.mu.Unlock()
	return r.retryPending(ctx)
}

// retryPending retries the pending apps, if there are any.
func (r *retrier) retryPending(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.pending) == 0 {
		return nil
	}
	apps := slices.Sorted(maps.Keys(r.pending))
	var switchErr error
	if r.webhooks {
		switchErr = r.sender.SwitchOn(ctx, r.registry.Load().Endpoints)
		r.webhooks = switchErr != nil
	}
	if err := errors.Join(switchErr, r.retryFailing(ctx), r.dryRuns.endOld(ctx, apps)); err != nil {
		return err
	}
	clear(r.pending)
	return nil
}

// retryFailing retries each pending app that is failing, unless another worker has done so
// since the start or reload.
func (r *retrier) retryFailing(ctx context.Context) error {
	var errs []error
	for id, since := range r.pending {
		app, err := r.ledger.App(ctx, id)
		if err != nil || app.Failure == nil || app.Paused != "" {
			errs = append(errs, err)
			continue
		}
		locked, err := r.ledger.TryLockRetry(ctx, id, time.Since(since))
		if err == nil && locked {
			err = r.syncNow(ctx, app)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// syncNow runs an app's sync task without its delay, or enqueues one if there is none.
func (r *retrier) syncNow(ctx context.Context, app ledger.App) error {
	id := tasks.Sync{AppID: app.ID, Wake: app.Wake}.ID()
	state, err := r.states.get(tasks.QueueLists, id)
	switch {
	case err != nil:
		return err
	case state.delayed():
		err = r.inspector.RunTask(tasks.QueueLists, id)
		if again, stateErr := r.states.get(tasks.QueueLists, id); err != nil && stateErr == nil && !again.delayed() {
			return nil // asynq has just handed it out
		}
		return err
	case state.waiting(), state.active():
		return nil
	}
	_, err = r.enqueuer.RenewWake(ctx, app.ID, app.Wake)
	return err
}
