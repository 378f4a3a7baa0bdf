// Package tasklist reads whole lists of tasks with asynq's inspector, which returns pages.
package tasklist

import (
	"context"
	"errors"

	"github.com/hibiken/asynq"
)

// pageSize is how many tasks are in memory together. Each has at most 64 KiB, see
// [pilotsync/worker/inspect].
const pageSize = 200

// Each calls do for all tasks of one of a queue's lists, such as
// [asynq.Inspector.ListPendingTasks]; for none of a queue that doesn't exist. A task that
// moves meanwhile may be missing or appear twice. Tasks without an id are left out: asynq couldn't
// find them, and the inspector gives none to those that it can't decode.
func Each(ctx context.Context, queue string, list func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error), do func(*asynq.TaskInfo)) error {
	for page := 1; ; page++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		found, err := list(queue, asynq.PageSize(pageSize), asynq.Page(page))
		if errors.Is(err, asynq.ErrQueueNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		for _, t := range found {
			if t.ID != "" {
				do(t)
			}
		}
		if len(found) < pageSize {
			return nil
		}
	}
}
