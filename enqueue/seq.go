package enqueue

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed seq.lua
var seqSource string

var seqScript = redis.NewScript(seqSource)

// seqKey holds the last order number of an app. The braces keep it in one
// Cluster slot with the app's other keys.
func seqKey(appID string) string { return "pilotsync:{" + appID + "}:seq" }

// takeNumbers takes n order numbers of an app in one step. It returns the first
// of them, the others follow without a gap, and the time of Redis's clock, UTC,
// in whole microseconds.
//
// Numbers only rise, and no two callers get the same one, unless Redis loses
// its memory and its clock is set back at once.
func takeNumbers(ctx context.Context, rdb redis.Scripter, appID string, n int) (first int64, at time.Time, err error) {
	reply, err := seqScript.Run(ctx, rdb, []string{seqKey(appID)}, n).Int64Slice()
	if err != nil {
		return 0, time.Time{}, fmt.Errorf("taking %d order numbers for app %s: %w", n, appID, classify(ctx, err))
	}
	if len(reply) != 3 {
		return 0, time.Time{}, fmt.Errorf("taking %d order numbers for app %s: Redis answered %v", n, appID, reply)
	}
	return reply[0], time.Unix(reply[1], reply[2]*1000).UTC(), nil
}
