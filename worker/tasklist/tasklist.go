// Package tasklist reads whole lists of tasks with asynq's inspector, which returns pages.
package tasklist

import (
	"context"
	"errors"

	"github.com/hibiken/asynq"
)

// pageSize is how many tasks are read together.
const pageSize = 1000

// All returns all tasks of one of a queue's lists, such as
// [asynq.Inspector.ListPendingTasks]; none of a queue that doesn't exist. A task that
// moves meanwhile may be missing or appear twice.
func All(ctx context.Context, queue string, list func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error)) (all []*asynq.TaskInfo, err error) {
	for page := 1; ; page++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		found, err := list(queue, asynq.PageSize(pageSize), asynq.Page(page))
		if errors.Is(err, asynq.ErrQueueNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		if all = append(all, found...); len(found) < pageSize {
			return all, nil
		}
	}
}
