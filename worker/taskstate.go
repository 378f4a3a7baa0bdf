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

// active reports whether a worker took the task. It may have died since, see [taskStates.lost].
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
			state, err := stateOf(some[i], reply)
			if err != nil {
				return nil, err
			}
			states = append(states, state)
		}
	}
	return states, nil
}

func stateOf(id string, field *redis.StringCmd) (taskState, error) {
	switch err := field.Err(); {
	case err == nil:
		return taskState(field.Val()), nil
	case errors.Is(err, redis.Nil), redis.HasErrorPrefix(err, "WRONGTYPE"): // the janitor removes such a key
		return gone, nil
	default:
		return "", fmt.Errorf("look up task %s: %w", id, err)
	}
}

// lost reports whether asynq won't run a task, with its state: it is gone, it has ended, or its
// worker died with it. A live worker renews asynq's lease of its task. State and lease are read at
// one moment: between two reads a task could begin or end. now is by Redis's clock.
func (t taskStates) lost(ctx context.Context, queue, id string, now time.Time) (bool, taskState, error) {
	prefix := "asynq:{" + queue + "}:"
	var field *redis.StringCmd
	var lease *redis.FloatCmd
	_, _ = t.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error { // each reply has its error
		field, lease = p.HGet(ctx, prefix+"t:"+id, "state"), p.ZScore(ctx, prefix+"lease", id)
		return nil
	})
	state, err := stateOf(id, field)
	if err != nil || !state.active() {
		return err == nil && !state.waiting(), state, err
	}
	ends, err := lease.Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return false, state, fmt.Errorf("look up the lease of task %s: %w", id, err)
	}
	return ends < float64(now.Unix()), state, nil
}
