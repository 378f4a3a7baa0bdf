// Package inspect has asynq's inspector, which here loads no task that is too large. asynq's own
// loads whatever a producer wrote.
package inspect

import (
	"context"
	_ "embed"
	"strings"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/worker/message"
)

var (
	//go:embed list.lua
	listSource string
	//go:embed task.lua
	taskSource string
)

// New returns an inspector on rdb, which the caller must close. In its lists, a task that is too
// large or that asynq can't decode has no id. To look up a task that is too large is an error.
func New(rdb redis.UniversalClient) *asynq.Inspector {
	return asynq.NewInspectorFromRedisClient(client{UniversalClient: rdb, list: redis.NewScript(listSource), task: redis.NewScript(taskSource)})
}

// client knows the scripts of asynq's inspector that load tasks by their keys and arguments.
type client struct {
	redis.UniversalClient
	list, task *redis.Script
}

// EvalSha implements [redis.UniversalClient].
func (c client) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	switch loads(keys, args) {
	case oneTask:
		return c.task.Run(ctx, c.UniversalClient, keys, append(args[:3:3], message.MaxSize)...)
	case aList:
		cmd := c.list.Run(ctx, c.UniversalClient, keys, append(args[:3:3], message.MaxID, message.MaxSize)...)
		if found, err := cmd.Slice(); err == nil {
			cmd.SetVal(decodable(found, isSet(keys[0])))
		}
		return cmd
	}
	return c.UniversalClient.EvalSha(ctx, sha, keys, args...)
}

// Eval is what asynq calls if Redis doesn't have the script yet. It never is for those that are
// replaced.
func (c client) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return c.UniversalClient.Eval(ctx, script, keys, args...)
}

// what is what a script of the inspector loads.
type what int

const (
	nothing what = iota
	oneTask
	aList
)

// loads returns what a script loads, by its keys and arguments.
func loads(keys []string, args []any) what {
	if len(keys) != 1 || len(args) != 3 || !strings.HasPrefix(keys[0], "asynq:{") {
		return nothing
	}
	prefix, isText := args[2].(string)
	switch {
	case !isText: // asynq's deletion of finished tasks
	case strings.HasPrefix(kindOf(keys[0]), "t:"):
		return oneTask
	case strings.HasSuffix(prefix, "}:t:"):
		return aList
	}
	return nothing
}

// kindOf returns the part of a key after the queue.
func kindOf(key string) string {
	_, kind, _ := strings.Cut(key, "}:")
	return kind
}

// isSet reports whether a list of tasks is a sorted set.
func isSet(key string) bool { return kindOf(key) != "pending" && kindOf(key) != "active" }

// decodable replaces messages that asynq can't decode by the empty one, in what list.lua returns.
// The inspector leaves out what it can't decode, so a page would look like the last one.
func decodable(found []any, set bool) []any {
	format, err := message.NewFormat()
	if err != nil {
		return found
	}
	size := 2
	if set {
		size = 3
	}
	for i := 0; i < len(found); i += size {
		if raw, _ := found[i].(string); !format.Valid([]byte(raw)) {
			found[i] = ""
		}
	}
	return found
}
