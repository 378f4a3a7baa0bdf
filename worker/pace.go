package worker

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// pause is how long asynq is kept from asking for a task again after Redis refused.
const pause = 250 * time.Millisecond

// paced is the Redis client that asynq's servers have. After an error asynq asks for
// the next task at once: where Redis refuses, as with a password that was changed or
// with its memory full, go-redis doesn't wait either, and four servers would take a
// whole core, and half of one of Redis's.
type paced struct {
	redis.UniversalClient
	stopping <-chan struct{} // closed when nobody has to wait any more
}

// EvalSha waits after an error of asynq's script that takes a task off a queue, whose
// first key is the list of those that are ready. No other script has that first.
func (p paced) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	cmd := p.UniversalClient.EvalSha(ctx, sha, keys, args...)
	err := cmd.Err()
	if err == nil || errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "NOSCRIPT") || len(keys) == 0 || !strings.HasSuffix(keys[0], ":pending") {
		return cmd
	}
	over := time.NewTimer(pause)
	defer over.Stop()
	select {
	case <-over.C:
	case <-p.stopping:
	case <-ctx.Done():
	}
	return cmd
}
