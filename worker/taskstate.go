package worker

import (
	"errors"
	"fmt"

	"github.com/hibiken/asynq"
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

// active reports whether a worker processes the task.
func (s taskState) active() bool { return s.is(asynq.TaskStateActive) }

func (s taskState) is(state asynq.TaskState) bool { return string(s) == state.String() }

// taskStates finds tasks.
type taskStates struct{ inspector *asynq.Inspector }

func (t taskStates) get(queue, id string) (taskState, error) {
	info, err := t.inspector.GetTaskInfo(queue, id)
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
		return "gone", nil
	case err != nil:
		return "", fmt.Errorf("look up task %s: %w", id, err)
	}
	return taskState(info.State.String()), nil
}
