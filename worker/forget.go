package worker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// ErrServed: an app can't be forgotten while a live worker serves it, or may do so.
var ErrServed = errors.New("a live worker serves it")

// ServedBy returns the names of the live workers that serve an app, sorted.
func ServedBy(live []ledger.Worker, app string) []string {
	var names []string
	for _, w := range live {
		if slices.Contains(w.Apps, app) {
			names = append(names, w.Name)
		}
	}
	return names
}

// Forget removes an app that no live worker serves from the ledger, and its tasks
// from the queues: nothing retries it or comes back. Names that are on its list stay
// there. A request that is made meanwhile brings it back.
func (o Operator) Forget(ctx context.Context, app string) error {
	if err := o.mayForget(ctx, app); err != nil {
		return fmt.Errorf("app %s isn't forgotten: %w", app, err)
	}
	// A worker that doesn't serve the app may have had one of its tasks in hand, and
	// have noted so after the ledger was emptied.
	for {
		found, err := o.removeTasks(ctx, app)
		if err != nil {
			return err
		}
		if err := o.ledger.Forget(ctx, app); err != nil {
			return err
		}
		if found == 0 {
			return nil
		}
	}
}

func (o Operator) mayForget(ctx context.Context, app string) error {
	live, err := o.ledger.Workers(ctx)
	if err != nil {
		return err
	}
	if by := ServedBy(live, app); len(by) > 0 {
		return fmt.Errorf("%w: %s; take it out of that worker's configuration first", ErrServed, by[0])
	}
	servers, err := o.inspector.Servers()
	if err != nil {
		return fmt.Errorf("list the workers: %w", err)
	}
	for _, s := range servers {
		name := fmt.Sprintf("%s/%d", s.Host, s.PID)
		if !slices.ContainsFunc(live, func(w ledger.Worker) bool { return w.Name == name }) {
			return fmt.Errorf("worker %s doesn't say what it serves, as those of 0.1.0 don't, and one that is just stopping: %w, possibly", name, ErrServed)
		}
	}
	return nil
}

// removeTasks takes an app's tasks off all queues, and returns how many there were.
func (o Operator) removeTasks(ctx context.Context, app string) (n int, err error) {
	for _, queue := range []string{tasks.QueueDomains, tasks.QueueLists, tasks.QueueSSL, tasks.QueueEvents} {
		ids, err := o.tasksOf(ctx, queue, app)
		if err != nil {
			return n, fmt.Errorf("find the tasks of app %s on queue %s: %w", app, queue, err)
		}
		for _, id := range ids {
			if err := ctx.Err(); err != nil {
				return n, err
			}
			if err := o.inspector.DeleteTask(queue, id); err == nil {
				n++
			} else if !errors.Is(err, asynq.ErrTaskNotFound) {
				n++ // a worker has it in hand: the next round finds it where that put it
			}
		}
	}
	return n, nil
}

// tasksOf are the ids of an app's tasks on one queue but for those in hand.
func (o Operator) tasksOf(ctx context.Context, queue, app string) (ids []string, err error) {
	const size = 1000
	for _, list := range []func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){o.inspector.ListPendingTasks,
		o.inspector.ListScheduledTasks, o.inspector.ListRetryTasks, o.inspector.ListArchivedTasks, o.inspector.ListCompletedTasks} {
		for page := 1; ; page++ {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			found, err := list(queue, asynq.PageSize(size), asynq.Page(page))
			if errors.Is(err, asynq.ErrQueueNotFound) {
				return nil, nil
			}
			if err != nil {
				return nil, err
			}
			for _, t := range found {
				var payload struct {
					AppID string `json:"app_id"`
				}
				if json.Unmarshal(t.Payload, &payload) == nil && payload.AppID == app {
					ids = append(ids, t.ID)
				}
			}
			if len(found) < size {
				break
			}
		}
	}
	return ids, nil
}
