package enqueue

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

var (
	// ErrInvalid is wrapped by the error about invalid requests. A retry can't succeed.
	ErrInvalid = errors.New("invalid request")
	// ErrUnavailable is wrapped by the error about a Redis that can't be reached or isn't
	// ready (it loads its data, or elects a master). A retry may succeed.
	ErrUnavailable = errors.New("redis is unavailable")
)

// classify marks an error of go-redis as ErrUnavailable where it is one.
func classify(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return err // the caller canceled, so nothing is known about Redis
	}
	var reply redis.Error
	switch {
	case !errors.As(err, &reply), // not an answer of Redis: the connection failed
		redis.IsLoadingError(err), redis.IsMasterDownError(err), redis.IsClusterDownError(err),
		redis.IsTryAgainError(err), redis.IsMaxClientsError(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// causeRecorder is a Redis client for asynq that records the errors of its scripts. asynq
// converts them to text, so errors.Is and errors.As can't find them.
type causeRecorder struct{ redis.UniversalClient }

type causeKey struct{}

// withCause returns a context under which the error of the last script is stored in cause.
func withCause(ctx context.Context, cause *error) context.Context {
	return context.WithValue(ctx, causeKey{}, cause)
}

func (c causeRecorder) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return recordCause(ctx, c.UniversalClient.EvalSha(ctx, sha, keys, args...))
}

// Eval follows EvalSha if Redis doesn't have the script yet.
func (c causeRecorder) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return recordCause(ctx, c.UniversalClient.Eval(ctx, script, keys, args...))
}

func recordCause(ctx context.Context, cmd *redis.Cmd) *redis.Cmd {
	if cause, ok := ctx.Value(causeKey{}).(*error); ok {
		*cause = cmd.Err()
	}
	return cmd
}
