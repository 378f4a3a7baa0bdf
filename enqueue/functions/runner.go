package functions

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// ErrMissing is wrapped by the error of a producer whose user of Redis may run functions only,
// while Redis lacks them. A retry may succeed once a worker has loaded them.
var ErrMissing = errors.New("the functions of this release of pilotsync are missing in Redis, and its user may not run scripts: start a worker of this release or a later one, which loads them")

// Runner runs scripts: as functions, or as scripts where Redis has no functions. It is safe for
// concurrent use.
type Runner struct {
	rdb redis.UniversalClient
	// scripts: Redis has no functions, and takes scripts.
	scripts atomic.Bool
}

// NewRunner returns a Runner on rdb.
func NewRunner(rdb redis.UniversalClient) *Runner { return &Runner{rdb: rdb} }

// Run runs a script.
func (r *Runner) Run(ctx context.Context, s Script, keys []string, args ...any) *redis.Cmd {
	if r.scripts.Load() {
		cmd := s.Run(ctx, r.rdb, keys, args...)
		if !denied(cmd.Err()) {
			return cmd
		}
		r.scripts.Store(false) // the user has lost the right, since workers have loaded the functions
	}
	return r.Result(ctx, r.rdb.FCall(ctx, s.Function(), keys, args...), s, keys, args...)
}

// Queue adds a script to a pipeline. After the pipeline has run, Result has the script's result.
func (r *Runner) Queue(ctx context.Context, p redis.Pipeliner, s Script, keys []string, args ...any) *redis.Cmd {
	if r.scripts.Load() {
		return s.EvalSha(ctx, p, keys, args...)
	}
	return p.FCall(ctx, s.Function(), keys, args...)
}

// Result returns the result of a command of Queue. If Redis didn't know its function or script, it
// runs the script now.
func (r *Runner) Result(ctx context.Context, cmd *redis.Cmd, s Script, keys []string, args ...any) *redis.Cmd {
	if !Unavailable(cmd.Err()) && !redis.HasErrorPrefix(cmd.Err(), "NOSCRIPT") {
		return cmd
	}
	second := s.Run(ctx, r.rdb, keys, args...)
	switch err := second.Err(); {
	case err == nil:
		r.scripts.Store(true)
	case denied(err) && denied(cmd.Err()):
		return cmd
	case denied(err):
		second.SetErr(fmt.Errorf("%w (it answers: %w)", ErrMissing, cmd.Err()))
	}
	return second
}
