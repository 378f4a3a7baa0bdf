package worker

import (
	"context"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// Operator is what a person does to apps by hand. It needs Redis only, no worker
// and no key.
type Operator struct {
	ledger *ledger.Ledger
	follow follow
}

// NewOperator returns an Operator on rdb, which stays the caller's to close.
func NewOperator(rdb redis.UniversalClient) Operator {
	return Operator{ledger: ledger.New(rdb), follow: follow{client: asynq.NewClientFromRedisClient(rdb)}}
}

// Pause has an app's changes wait until [Operator.Resume]; by is who wishes it.
func (o Operator) Pause(ctx context.Context, app, by string) error {
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
