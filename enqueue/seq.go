package enqueue

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue/functions"
)

var seqScript, changesScript, taskScript = functions.Seq(), functions.Changes(), functions.Task()

// seqKey holds the last order number of an app. The braces keep it in the Cluster slot of
// the app's other keys.
func seqKey(appID string) string { return "pilotsync:{" + appID + "}:seq" }

// seqBlock is a block of consecutive order numbers of one app.
type seqBlock struct {
	next int64     // the first unused number
	at   time.Time // Redis's time of the reservation, UTC, in whole microseconds
}

// take returns the block's next number.
func (b *seqBlock) take() int64 {
	b.next++
	return b.next - 1
}

// reserveNumbers registers a queue and reserves counts[app] order numbers for each app. It
// takes one round trip, which is most of what a request costs.
//
// It registers the queue in each call, under asynq's key. asynq's client does that only
// once: after a FLUSHALL, Inspector and asynqmon wouldn't see the queue of a client that
// was created before.
//
// Numbers only rise, and each is given out once. The exception is a Redis that loses its data
// while its clock is set back.
func reserveNumbers(ctx context.Context, rdb redis.UniversalClient, scripts *functions.Runner, queue string, counts map[string]int) (map[string]*seqBlock, error) {
	var registered *redis.IntCmd
	replies := make(map[string]*redis.Cmd, len(counts))
	cmds, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		registered = p.SAdd(ctx, "asynq:queues", queue)
		for app, n := range counts {
			replies[app] = scripts.Queue(ctx, p, seqScript, []string{seqKey(app)}, n)
		}
		return nil
	})
	// A failed command has its own error. If the connection couldn't be set up, as with a
	// wrong password, the commands have none.
	if err != nil && !slices.ContainsFunc(cmds, func(c redis.Cmder) bool { return c.Err() != nil }) {
		return nil, fmt.Errorf("taking order numbers for %d apps: %w", len(counts), classify(ctx, err))
	}
	if err := registered.Err(); err != nil {
		return nil, fmt.Errorf("registering the queue %s: %w", queue, classify(ctx, err))
	}
	blocks := make(map[string]*seqBlock, len(counts))
	for app, n := range counts {
		reply, err := scripts.Result(ctx, replies[app], seqScript, []string{seqKey(app)}, n).Int64Slice()
		if err == nil && len(reply) != 3 {
			err = fmt.Errorf("the answer is %v", reply)
		}
		if err != nil {
			return nil, fmt.Errorf("taking %d order numbers for app %s: %w", n, app, classify(ctx, err))
		}
		blocks[app] = &seqBlock{next: reply[0], at: time.Unix(reply[1], reply[2]*1000).UTC()}
	}
	return blocks, nil
}
