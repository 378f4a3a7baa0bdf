package enqueue

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue/functions"
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
	// Before a login Redis refuses commands of more than ten words in this way.
	if errors.As(err, &reply) && strings.Contains(reply.Error(), "unauthenticated multibulk length") {
		return fmt.Errorf("NOAUTH Redis needs a user and a password: %w", err)
	}
	switch {
	case !errors.As(err, &reply), // not an answer of Redis: the connection failed
		redis.IsLoadingError(err), redis.IsMasterDownError(err), redis.IsClusterDownError(err),
		redis.IsTryAgainError(err), redis.IsMaxClientsError(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

// errorRecorder is a Redis client for asynq that records the errors of its script. asynq
// converts them to text, so errors.Is and errors.As can't find them. It runs the script as a
// function where Redis has it.
type errorRecorder struct {
	redis.UniversalClient
	scripts *functions.Runner
}

type scriptErrorKey struct{}

// withScriptError returns a context under which the error of the last script is stored in
// scriptErr.
func withScriptError(ctx context.Context, scriptErr *error) context.Context {
	return context.WithValue(ctx, scriptErrorKey{}, scriptErr)
}

func (c errorRecorder) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	if sha == taskScript.Hash() {
		return recordError(ctx, c.scripts.Run(ctx, taskScript, keys, args...))
	}
	return recordError(ctx, c.UniversalClient.EvalSha(ctx, sha, keys, args...))
}

// Eval is what asynq calls if Redis doesn't have the script yet.
func (c errorRecorder) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return recordError(ctx, c.UniversalClient.Eval(ctx, script, keys, args...))
}

func recordError(ctx context.Context, cmd *redis.Cmd) *redis.Cmd {
	if scriptErr, ok := ctx.Value(scriptErrorKey{}).(*error); ok {
		*scriptErr = cmd.Err()
	}
	return cmd
}
