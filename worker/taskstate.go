package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// taskState is asynq's state of a task, or "gone".
type taskState string

// waiting reports whether asynq will still hand the task out.
func (s taskState) waiting() bool {
	return s.is(asynq.TaskStatePending) || s.delayed()
}

// delayed reports whether asynq will hand the task out at a later time.
func (s taskState) delayed() bool {
	return s.is(asynq.TaskStateScheduled) || s.is(asynq.TaskStateRetry)
}

// active reports whether a worker took the task. It may have died since, see [taskStates.running].
func (s taskState) active() bool { return s.is(asynq.TaskStateActive) }

func (s taskState) is(state asynq.TaskState) bool { return string(s) == state.String() }

const gone taskState = "gone"

// statePage is how many tasks' states are read in one round trip.
const statePage = 500

// taskStates finds tasks. It reads the field in which asynq keeps the state, by one command a
// task, where asynq's inspector takes two and reads the message.
type taskStates struct{ rdb redis.UniversalClient }

func (t taskStates) get(ctx context.Context, queue, id string) (taskState, error) {
	states, err := t.all(ctx, queue, []string{id})
	if err != nil {
		return "", err
	}
	return states[0], nil
}

// all returns the states of tasks of a queue.
func (t taskStates) all(ctx context.Context, queue string, ids []string) ([]taskState, error) {
	states := make([]taskState, 0, len(ids))
	for some := range slices.Chunk(ids, statePage) {
		replies := make([]*redis.StringCmd, len(some))
		_, _ = t.rdb.Pipelined(ctx, func(p redis.Pipeliner) error { // each reply has its error
			for i, id := range some {
				replies[i] = p.HGet(ctx, "asynq:{"+queue+"}:t:"+id, "state")
			}
			return nil
		})
		for i, reply := range replies {
			switch err := reply.Err(); {
			case err == nil:
				states = append(states, taskState(reply.Val()))
			case errors.Is(err, redis.Nil), redis.HasErrorPrefix(err, "WRONGTYPE"): // the janitor removes such a key
				states = append(states, gone)
			default:
				return nil, fmt.Errorf("look up task %s: %w", some[i], err)
			}
		}
	}
	return states, nil
}

// running reports whether a live worker processes an active task. A live worker renews asynq's
// lease of the task. now is by Redis's clock.
func (t taskStates) running(ctx context.Context, queue, id string, now time.Time) (bool, error) {
	ends, err := t.rdb.ZScore(ctx, "asynq:{"+queue+"}:lease", id).Result()
	if errors.Is(err, redis.Nil) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look up the lease of task %s: %w", id, err)
	}
	return ends >= float64(now.Unix()), nil
}

// lost reports whether asynq won't run a task, with its state: it is gone, it has ended, or its
// worker died with it. The lease is read first: a task that ends meanwhile isn't active any more.
func (t taskStates) lost(ctx context.Context, queue, id string, now time.Time) (bool, taskState, error) {
	running, err := t.running(ctx, queue, id, now)
	if err != nil {
		return false, "", err
	}
	state, err := t.get(ctx, queue, id)
	if err != nil || state.waiting() {
		return false, state, err
	}
	return !state.active() || !running, state, nil
}
