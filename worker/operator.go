package worker

import (
	"context"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// Operator is what a person does to apps by hand. It needs Redis only, no worker
// and no key.
type Operator struct {
	ledger    *ledger.Ledger
	follow    follow
	inspector *asynq.Inspector
}

// NewOperator returns an Operator on rdb, which stays the caller's to close.
func NewOperator(rdb redis.UniversalClient) Operator {
	return Operator{ledger: ledger.New(rdb), follow: follow{client: asynq.NewClientFromRedisClient(rdb)},
		inspector: asynq.NewInspectorFromRedisClient(rdb)}
}

// Sync asks for a sync of an app that the ledger knows: whatever is pending is dealt
// with, and a list that isn't as the ledger has it is put right.
func (o Operator) Sync(ctx context.Context, app string) error {
	state, err := o.ledger.App(ctx, app)
	switch {
	case err != nil:
		return err
	case state.Paused != "":
		return fmt.Errorf("app %s was paused by %s, so it isn't synced; resume it first", app, state.Paused)
	case state.Wake == 0:
		return fmt.Errorf("app %s isn't known: no worker has taken a change for it yet, so there is nothing to put right", app)
	}
	wake, err := o.ledger.Wake(ctx, app)
	if err != nil {
		return err
	}
	return o.follow.Sync(ctx, tasks.Sync{AppID: app, Wake: wake})
}

// Pause has an app's changes wait until [Operator.Resume]; by is who wishes it, and
// may not be empty. A paused app stays paused by who did it first.
func (o Operator) Pause(ctx context.Context, app, by string) error {
	if by == "" {
		return fmt.Errorf("pause app %s: by is empty; it takes the name of who asks", app)
	}
	if err := tasks.CheckBy(by); err != nil {
		return fmt.Errorf("pause app %s: %w", app, err)
	}
	return o.ledger.Pause(ctx, app, by)
}

// Resume lets an app go on, and reports whether it was paused.
func (o Operator) Resume(ctx context.Context, app string) (paused bool, err error) {
	wake, paused, err := o.ledger.Resume(ctx, app)
	if err != nil || !paused {
		return paused, err
	}
	return true, o.follow.Sync(ctx, tasks.Sync{AppID: app, Wake: wake})
}
