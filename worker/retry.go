package worker

import (
	"context"
	"errors"
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

// retrier retries, after a start or a reload, what an operator may just have fixed. That is
// webhooks that were gone, and apps that are failing or blocked.
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

	observing  sync.Mutex
	observedAt time.Time
	observed   map[string]ledger.Work // what a pass read since observedAt of all apps of this worker
}

// observe takes the work that a pass of the maintenance read since a time of all apps of this
// worker. So a start needn't read it twice.
func (r *retrier) observe(since time.Time, works []ledger.Work) {
	r.observing.Lock()
	defer r.observing.Unlock()
	r.observedAt, r.observed = since, make(map[string]ledger.Work, len(works))
	for _, w := range works {
		r.observed[w.App] = w
	}
}

// works returns the work of the pending apps, as it was at some time since the start or reload.
func (r *retrier) works(ctx context.Context) (works []ledger.Work, err error) {
	r.observing.Lock()
	observed, at := r.observed, r.observedAt
	r.observed = nil
	r.observing.Unlock()
	var unread []string
	for app, since := range r.pending {
		if w, ok := observed[app]; ok && !at.Before(since) {
			works = append(works, w)
		} else {
			unread = append(unread, app)
		}
	}
	slices.Sort(unread)
	read, err := r.ledger.Work(ctx, unread...)
	return append(works, read...), err
}

// retryApps waits for retryDelay, switches webhooks on if asked, and retries apps. since is when the
// start or reload was. After an error the next maintenance continues.
func (r *retrier) retryApps(ctx context.Context, since time.Time, apps []string, webhooks bool) error {
	if len(apps) == 0 {
		return nil
	}
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
	var switchErr error
	if r.webhooks {
		switchErr = r.sender.SwitchOn(ctx, r.registry.Load().Endpoints)
		r.webhooks = switchErr != nil
	}
	if err := errors.Join(switchErr, r.retryWaiting(ctx)); err != nil {
		return err
	}
	clear(r.pending)
	return nil
}

// retryWaiting retries each pending app that is failing, unless another worker has done so
// since the start or reload. It also ends dry runs of release 0.1.0.
func (r *retrier) retryWaiting(ctx context.Context) error {
	works, err := r.works(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, w := range works {
		if w.Failing && !w.Paused {
			locked, err := r.ledger.TryLockRetry(ctx, w.App, time.Since(r.pending[w.App]))
			if err == nil && locked {
				err = r.syncNow(ctx, w)
			}
			errs = append(errs, err)
		}
		if w.OldDryRun {
			errs = append(errs, r.dryRuns.endOld(ctx, w.App))
		}
	}
	return errors.Join(errs...)
}

// syncNow runs an app's sync task without its delay, or enqueues one if there is none.
func (r *retrier) syncNow(ctx context.Context, app ledger.Work) error {
	id := tasks.Sync{AppID: app.App, Wake: app.Wake}.ID()
	state, err := r.states.get(ctx, tasks.QueueLists, id)
	switch {
	case err != nil:
		return err
	case state.delayed():
		err = r.inspector.RunTask(tasks.QueueLists, id)
		if again, stateErr := r.states.get(ctx, tasks.QueueLists, id); err != nil && stateErr == nil && !again.delayed() {
			return nil // asynq has just handed it out
		}
		return err
	case state.waiting(), state.active():
		return nil
	}
	_, err = r.enqueuer.RenewWake(ctx, app.App, app.Wake)
	return err
}
