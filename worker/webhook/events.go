package webhook

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/inspect"
	"pilotsync/worker/tasklist"
)

// Events are the webhook events in Redis: waiting, failed, and delivered within the last 24
// hours. It needs no worker.
type Events struct{ inspector *asynq.Inspector }

// NewEvents returns the events in rdb, which the caller must close.
func NewEvents(rdb redis.UniversalClient) Events {
	return Events{inspect.New(rdb)}
}

// Delivery is the state of an event's delivery.
type Delivery string

const (
	Waiting        Delivery = "waiting"   // not sent yet, or being replayed
	Sending        Delivery = "sending"   // a worker sends it
	Retrying       Delivery = "retrying"  // it failed and is sent again later
	Delivered      Delivery = "delivered" // within the last 24 hours
	DeliveryFailed Delivery = "failed"    // it is not sent any more
)

// Info is one event of [Events.List].
type Info struct {
	ID string
	// Event is the event; the zero Event if its task can't be decoded.
	Event     tasks.Event
	Delivery  Delivery
	Error     string    // why the last request failed
	NextAt    time.Time // when it is sent again; zero if never
	Delivered time.Time // zero if never
}

// ErrUnknown: the event isn't in Redis, or not any more.
var ErrUnknown = errors.New("no such event")

// List returns the events, oldest first; with failed, only the failed ones.
func (e Events) List(ctx context.Context, failed bool) ([]Info, error) {
	lists := []func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error){e.inspector.ListArchivedTasks}
	if !failed {
		lists = append(lists, e.inspector.ListPendingTasks, e.inspector.ListActiveTasks, e.inspector.ListScheduledTasks,
			e.inspector.ListRetryTasks, e.inspector.ListCompletedTasks)
	}
	found := map[string]Info{} // an event may move between lists meanwhile
	for _, list := range lists {
		if err := tasklist.Each(ctx, tasks.QueueEvents, list, func(t *asynq.TaskInfo) { found[t.ID] = infoOf(t) }); err != nil {
			return nil, fmt.Errorf("list the events: %w", err)
		}
	}
	events := make([]Info, 0, len(found))
	for _, info := range found {
		events = append(events, info)
	}
	slices.SortFunc(events, func(a, b Info) int {
		return cmp.Or(a.Event.At.Compare(b.Event.At), strings.Compare(a.ID, b.ID))
	})
	return events, nil
}

func infoOf(t *asynq.TaskInfo) Info {
	info := Info{ID: t.ID, Error: t.LastErr}
	if e, err := tasks.Decode[tasks.Event](t.Payload); err == nil {
		info.Event = e
	}
	switch t.State {
	case asynq.TaskStateActive:
		info.Delivery = Sending
	case asynq.TaskStateRetry, asynq.TaskStateScheduled:
		info.Delivery, info.NextAt = Retrying, t.NextProcessAt.UTC()
	case asynq.TaskStateCompleted:
		info.Delivery, info.Delivered, info.Error = Delivered, t.CompletedAt.UTC(), ""
	case asynq.TaskStateArchived:
		info.Delivery = DeliveryFailed
	default:
		info.Delivery = Waiting
	}
	return info
}

// Replay sends events again without delay, in any state, under the same webhook-id. If one is
// unknown, none is sent, and the error is an [ErrUnknown] that names all unknown ones. Events
// that are waiting or being sent stay as they are.
func (e Events) Replay(ctx context.Context, ids ...string) error {
	var unknown, idle []string
	for _, id := range ids {
		if err := ctx.Err(); err != nil {
			return err
		}
		t, err := e.inspector.GetTaskInfo(tasks.QueueEvents, id)
		switch {
		case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
			unknown = append(unknown, id)
		case err != nil:
			return fmt.Errorf("look up event %s: %w", id, err)
		case t.State != asynq.TaskStatePending && t.State != asynq.TaskStateActive:
			idle = append(idle, id)
		}
	}
	if unknown != nil {
		return fmt.Errorf("%w: %s", ErrUnknown, strings.Join(unknown, ", "))
	}
	slices.Sort(idle)
	for _, id := range slices.Compact(idle) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := e.inspector.RunTask(tasks.QueueEvents, id); err != nil {
			return fmt.Errorf("send event %s again: %w", id, err)
		}
	}
	return nil
}
