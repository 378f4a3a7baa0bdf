package tasklist

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/hibiken/asynq"
)

func TestEachReadsEveryPage(t *testing.T) {
	t.Parallel()
	for _, total := range []int{0, 1, pageSize - 1, pageSize, pageSize + 1, 3*pageSize + 7} {
		next := 0 // the inspector's options can't be read, so this hands pages out in turn
		list := func(queue string, _ ...asynq.ListOption) (page []*asynq.TaskInfo, err error) {
			if queue != "lists" {
				t.Errorf("queue %q was asked for", queue)
			}
			for ; next < total && len(page) < pageSize; next++ {
				page = append(page, &asynq.TaskInfo{ID: fmt.Sprint(next)})
			}
			return page, nil
		}
		var all []*asynq.TaskInfo
		err := Each(t.Context(), "lists", list, func(t *asynq.TaskInfo) { all = append(all, t) })
		if err != nil || len(all) != total || total > 0 && all[total-1].ID != fmt.Sprint(total-1) {
			t.Errorf("%d of %d tasks, %v", len(all), total, err)
		}
	}
}

func TestEachOfAQueueThatCannotBeRead(t *testing.T) {
	t.Parallel()
	fails := func(err error) func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error) {
		return func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error) { return nil, err }
	}
	none := func(task *asynq.TaskInfo) { t.Errorf("it has %+v", task) }
	if err := Each(t.Context(), "lists", fails(fmt.Errorf("asynq: %w", asynq.ErrQueueNotFound)), none); err != nil {
		t.Errorf("of an unknown queue: %v", err)
	}
	broken := errors.New("broken")
	if err := Each(t.Context(), "lists", fails(broken), none); !errors.Is(err, broken) {
		t.Errorf("got %v, want the error of the inspector", err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := Each(ended, "lists", fails(nil), none); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end of its context: %v", err)
	}
}
