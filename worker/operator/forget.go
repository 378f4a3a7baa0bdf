package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/tasklist"
)

// ErrServed: the app can't be forgotten, since a live worker serves it or may serve it.
var ErrServed = errors.New("a live worker serves it")

// How long Forget waits until workers have ended their tasks of the app, and how often it
// checks. A worker ends a task of an app that it doesn't serve within a second.
const (
	activeTimeout      = 10 * time.Second
	activePollInterval = 100 * time.Millisecond
)

// Forget removes everything that Redis has of an app: its ledger, and its tasks, which would
// create the ledger again. It doesn't change the list. If a worker serves
// the app, it returns [ErrServed] and removes nothing. After another error it can be
// called again.
func (o Operator) Forget(ctx context.Context, app string) error {
	if err := o.CheckUnserved(ctx, app); err != nil {
		return err
	}
	deadline := time.Now().Add(activeTimeout)
	for {
		found, err := o.Tasks(ctx, app)
		if err != nil {
			return err
		}
		active, err := o.deleteTasks(ctx, found)
		if err != nil {
			return fmt.Errorf("forget app %s: %w", app, err)
		}
		if err := o.ledger.Forget(ctx, app); err != nil {
			return err
		}
		if len(found) == 0 {
			return nil
		}
		if active == "" {
			continue // a worker may have enqueued another task meanwhile
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("app %s isn't forgotten yet: a worker processes task %s, or died with it; try again in a minute, while a worker runs", app, active)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(activePollInterval):
		}
	}
}

// CheckUnserved returns [ErrServed] if a live worker serves the app, or hasn't announced its
// apps.
func (o Operator) CheckUnserved(ctx context.Context, app string) error {
	live, err := o.ledger.Workers(ctx)
	if err != nil {
		return err
	}
	if by := ledger.ServedBy(live, app); len(by) > 0 {
		return fmt.Errorf("%w: %s; remove app %s from the worker's configuration first", ErrServed, strings.Join(by, ", "), app)
	}
	servers, err := o.inspector.Servers()
	if err != nil {
		return fmt.Errorf("list the workers: %w", err)
	}
	for _, s := range servers {
		if _, isWorker := s.Queues[tasks.QueueDomains]; !isWorker {
			continue // another program's server
		}
		name := fmt.Sprintf("%s/%d", s.Host, s.PID)
		if !slices.ContainsFunc(live, func(w ledger.Worker) bool { return w.Name == name }) {
			return fmt.Errorf("%w, perhaps: %s doesn't say which apps it serves, like workers of 0.1.0 and one that just starts or stops", ErrServed, name)
		}
	}
	return nil
}

// Task is a task of an app on one of the queues.
type Task struct{ Queue, ID string }

// Tasks returns an app's tasks on all queues, in any state.
func (o Operator) Tasks(ctx context.Context, app string) ([]Task, error) {
	var found []Task
	for _, queue := range tasks.Queues() {
		for _, list := range []func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){
			o.inspector.ListActiveTasks, o.inspector.ListPendingTasks, o.inspector.ListScheduledTasks,
			o.inspector.ListRetryTasks, o.inspector.ListArchivedTasks, o.inspector.ListCompletedTasks,
		} {
			if err := tasklist.Each(ctx, queue, list, func(t *asynq.TaskInfo) {
				var payload struct {
					AppID string `json:"app_id"`
				}
				if json.Unmarshal(t.Payload, &payload) == nil && payload.AppID == app {
					found = append(found, Task{Queue: queue, ID: t.ID})
				}
			}); err != nil {
				return nil, fmt.Errorf("find tasks of app %s on queue %s: %w", app, queue, err)
			}
		}
	}
	return found, nil
}

// deleteTasks deletes tasks. It returns the id of an active one, which can't be deleted; ""
// if there is none.
func (o Operator) deleteTasks(ctx context.Context, all []Task) (active string, err error) {
	for _, t := range all {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		err := o.inspector.DeleteTask(t.Queue, t.ID)
		if err == nil || errors.Is(err, asynq.ErrTaskNotFound) {
			continue
		}
		// An active task can't be deleted, unless its worker has ended it since.
		switch _, infoErr := o.inspector.GetTaskInfo(t.Queue, t.ID); {
		case errors.Is(infoErr, asynq.ErrTaskNotFound):
		case infoErr != nil:
			return "", fmt.Errorf("delete task %s from queue %s: %w", t.ID, t.Queue, err)
		default:
			active = t.ID
		}
	}
	return active, nil
}
