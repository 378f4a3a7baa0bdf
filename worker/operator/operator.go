// Package operator has what an operator does to a whole app: pause and resume it, sync it
// now, forget it. It needs Redis, but no worker and no key.
package operator

import (
	"context"
	"errors"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/followup"
	"pilotsync/worker/inspect"
	"pilotsync/worker/ledger"
)

// Operator acts on apps.
type Operator struct {
	ledger    *ledger.Ledger
	enqueuer  followup.Enqueuer
	inspector *asynq.Inspector
}

// New returns an Operator on rdb, which the caller must close.
func New(rdb redis.UniversalClient) Operator {
	return Operator{ledger: ledger.New(rdb), enqueuer: followup.New(rdb), inspector: inspect.New(rdb)}
}

// Sync enqueues a sync of an app that the ledger knows. It processes what is pending and
// repairs drift.
func (o Operator) Sync(ctx context.Context, app string) error {
	state, err := o.ledger.App(ctx, app)
	switch {
	case err != nil:
		return err
	case state.Paused != "":
		return fmt.Errorf("app %s was paused by %s, so it isn't synced; resume it first", app, state.Paused)
	case state.Wake == 0:
		return fmt.Errorf("app %s isn't known: no worker has recorded a change for it yet, so there is nothing to sync", app)
	}
	return o.enqueuer.Wake(ctx, app)
}

// Pause makes an app's changes wait until [Operator.Resume]. by is the
// operator's name and must not be empty. A paused app stays paused under the first name.
func (o Operator) Pause(ctx context.Context, app, by string) error {
	if err := checkOperator("pause", app, by); err != nil {
		return err
	}
	if err := o.ledger.Pause(ctx, app, by); err != nil {
		return err
	}
	return o.ledger.AuditAction(ctx, ledger.AuditEntry{App: app, Action: ledger.AuditPause, By: by})
}

// Resume ends an app's pause and enqueues a sync. It reports whether the app was paused. by is the
// operator's name, as for [Operator.Pause].
func (o Operator) Resume(ctx context.Context, app, by string) (paused bool, err error) {
	if err := checkOperator("resume", app, by); err != nil {
		return false, err
	}
	wake, paused, err := o.ledger.Resume(ctx, app)
	if err != nil || !paused {
		return paused, err
	}
	return true, errors.Join(o.enqueuer.Sync(ctx, tasks.Sync{AppID: app, Wake: wake}),
		o.ledger.AuditAction(ctx, ledger.AuditEntry{App: app, Action: ledger.AuditResume, By: by}))
}

func checkOperator(action, app, by string) error {
	if by == "" {
		return fmt.Errorf("%s app %s: by is empty; it takes the operator's name", action, app)
	}
	if err := tasks.CheckBy(by); err != nil {
		return fmt.Errorf("%s app %s: %w", action, app, err)
	}
	return nil
}
