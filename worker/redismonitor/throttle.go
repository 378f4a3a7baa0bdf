package redismonitor

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// throttleDelay is how long asynq is kept from asking for a task again after Redis
// refused.
const throttleDelay = 250 * time.Millisecond

// Throttled is the Redis client of asynq's servers. After an error asynq asks for the
// next task at once. Where Redis refuses, as with a changed password or full memory,
// go-redis doesn't wait either, and four servers would take a whole core, and half of
// one of Redis's.
type Throttled struct {
	redis.UniversalClient
	Stopping <-chan struct{} // closed when the worker stops: then it doesn't wait
}

// EvalSha waits after an error of asynq's script that takes a task off a queue, whose
// first key is the list of those that are ready. No other script has that first.
func (t Throttled) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	cmd := t.UniversalClient.EvalSha(ctx, sha, keys, args...)
	err := cmd.Err()
	if err == nil || errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "NOSCRIPT") || len(keys) == 0 || !strings.HasSuffix(keys[0], ":pending") {
		return cmd
	}
	delay := time.NewTimer(throttleDelay)
	defer delay.Stop()
	select {
	case <-delay.C:
	case <-t.Stopping:
	case <-ctx.Done():
	}
	return cmd
}
