package enqueue

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrInvalid is wrapped by the error about requests that are wrong: no
	// retry can mend them.
	ErrInvalid = errors.New("invalid request")
	// ErrUnavailable is wrapped by the error about a Redis that can't be reached
	// or doesn't serve yet (it loads its data, or elects a master): later it may.
	ErrUnavailable = errors.New("redis is unavailable")
)

// classify marks an error of go-redis as ErrUnavailable where it is one.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err // the caller gave up, which says nothing about Redis
	}
	var reply redis.Error
	switch {
	case !errors.As(err, &reply), // not an answer, so a matter of the connection
		redis.IsLoadingError(err), redis.IsMasterDownError(err), redis.IsClusterDownError(err),
		redis.IsTryAgainError(err), redis.IsMaxClientsError(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// causes is a Redis client for asynq that keeps the errors of its scripts: asynq
// turns them into text, which nobody can decide on.
type causes struct{ redis.UniversalClient }

type causeKey struct{}

// keepCause returns a context under which the last script's error is left in cause.
func keepCause(ctx context.Context, cause *error) context.Context {
	return context.WithValue(ctx, causeKey{}, cause)
}

func (c causes) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return keep(ctx, c.UniversalClient.EvalSha(ctx, sha, keys, args...))
}

// Eval follows EvalSha where Redis doesn't know the script yet.
func (c causes) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return keep(ctx, c.UniversalClient.Eval(ctx, script, keys, args...))
}

func keep(ctx context.Context, cmd *redis.Cmd) *redis.Cmd {
	if cause, ok := ctx.Value(causeKey{}).(*error); ok {
		*cause = cmd.Err()
	}
	return cmd
}
