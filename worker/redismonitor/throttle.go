package redismonitor

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// throttleDelay is the delay after Redis refused to hand out a task.
const throttleDelay = 250 * time.Millisecond

// Throttled is the Redis client of asynq's servers. After an error asynq asks for the next
// task without a delay. If Redis refuses, because of a changed password or full memory,
// go-redis doesn't wait either. Then four servers would use a whole core, and half a core of
// Redis.
type Throttled struct {
	redis.UniversalClient
	Stopping <-chan struct{} // closed when the worker stops; ends the delay
}

// EvalSha waits after an error of the script by which asynq takes a task off a queue. Only
// that script's first key is the list of pending tasks.
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
