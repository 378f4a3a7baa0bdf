package enqueue

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed seq.lua
var seqSource string

var seqScript = redis.NewScript(seqSource)

// seqKey holds the last order number of an app. The braces keep it in one
// Cluster slot with the app's other keys.
func seqKey(appID string) string { return "pilotsync:{" + appID + "}:seq" }

// block is a run of order numbers of one app, without a gap.
type block struct {
	next int64     // the first that isn't given out yet
	at   time.Time // of Redis's clock when they were taken, UTC, in whole microseconds
}

// take gives out the block's next number.
func (b *block) take() int64 {
	b.next++
	return b.next - 1
}

// begin makes a queue known and takes as many order numbers of each app as counts
// has, all in one round trip: what a request waits for is the way to Redis and back.
//
// asynq's client makes a queue known once in its life. After a FLUSHALL the queue of
// a client that lives on would work, but Inspector and asynqmon wouldn't see it: so
// it is done each time. The key is asynq's.
//
// Numbers only rise, and no two callers get the same one, unless Redis loses its
// memory and its clock is set back at once.
func begin(ctx context.Context, rdb redis.UniversalClient, queue string, counts map[string]int) (map[string]*block, error) {
	var known *redis.IntCmd
	taken := make(map[string]*redis.Cmd, len(counts))
	cmds, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		known = p.SAdd(ctx, "asynq:queues", queue)
		for app, n := range counts {
			taken[app] = seqScript.EvalSha(ctx, p, []string{seqKey(app)}, n)
		}
		return nil
	})
	// Where a command failed it says so itself. Where the connection could not be set up,
	// as with a wrong password, the commands know nothing of it.
	if err != nil && !slices.ContainsFunc(cmds, func(c redis.Cmder) bool { return c.Err() != nil }) {
		return nil, fmt.Errorf("taking order numbers for %d apps: %w", len(counts), classify(ctx, err))
	}
	if err := known.Err(); err != nil {
		return nil, fmt.Errorf("registering the queue %s: %w", queue, classify(ctx, err))
	}
	blocks := make(map[string]*block, len(counts))
	for app, n := range counts {
		cmd := taken[app]
		if redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
			cmd = seqScript.Eval(ctx, rdb, []string{seqKey(app)}, n)
		}
		reply, err := cmd.Int64Slice()
		if err == nil && len(reply) != 3 {
			err = fmt.Errorf("the answer is %v", reply)
		}
		if err != nil {
			return nil, fmt.Errorf("taking %d order numbers for app %s: %w", n, app, classify(ctx, err))
		}
		blocks[app] = &block{next: reply[0], at: time.Unix(reply[1], reply[2]*1000).UTC()}
	}
	return blocks, nil
}
