package worker

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
)

// afterCommand does something after each command, pipeline or transaction of a client, except those
// of a new connection.
type afterCommand struct{ do func() }

func (afterCommand) DialHook(next redis.DialHook) redis.DialHook { return next }

func (a afterCommand) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		err := next(ctx, cmd)
		a.after(cmd)
		return err
	}
}

func (a afterCommand) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		a.after(cmds...)
		return err
	}
}

func (a afterCommand) after(cmds ...redis.Cmder) {
	if slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool { return strings.Contains(cmd.String(), "asynq:") }) {
		a.do()
	}
}

func TestATaskThatBeginsOrEndsMeanwhileIsNotLost(t *testing.T) {
	t.Parallel()
	const task, lease, id = "asynq:{ssl}:t:task", "asynq:{ssl}:lease", "task"
	now := time.Now()
	waits := func(m *miniredis.Miniredis) { m.HSet(task, "state", "pending") }
	runs := func(m *miniredis.Miniredis) {
		m.HSet(task, "state", "active")
		_, _ = m.ZAdd(lease, float64(now.Unix()+30), id)
	}
	hasDied := func(m *miniredis.Miniredis) {
		m.HSet(task, "state", "active")
		_, _ = m.ZAdd(lease, float64(now.Unix()-1), id)
	}
	ends := func(m *miniredis.Miniredis) { m.Del(task); m.Del(lease) }
	for name, c := range map[string]struct {
		first, then func(*miniredis.Miniredis)
		lost        bool
	}{
		"it begins":       {waits, runs, false},
		"it ends":         {runs, ends, false},
		"it had ended":    {ends, ends, true},
		"its worker died": {hasDied, hasDied, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mini := miniredis.RunT(t)
			rdb := redis.NewClient(&redis.Options{Addr: mini.Addr()})
			t.Cleanup(func() { _ = rdb.Close() })
			c.first(mini)
			rdb.AddHook(afterCommand{func() { c.then(mini) }})
			if lost, state, err := (taskStates{rdb}).lost(t.Context(), "ssl", id, now); lost != c.lost || err != nil {
				t.Errorf("lost: %t, %s, %v; want %t", lost, state, err, c.lost)
			}
		})
	}
}
