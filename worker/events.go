package worker

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
)

// Events are the webhook events in Redis: those that wait, those that failed, and
// those delivered in the last 24 hours. It needs no worker.
type Events struct{ inspector *asynq.Inspector }

// NewEvents returns the events in rdb, which stays the caller's to close.
func NewEvents(rdb redis.UniversalClient) Events {
	return Events{asynq.NewInspectorFromRedisClient(rdb)}
}

// Delivery is where an event's delivery stands.
type Delivery string

const (
	EventWaiting   Delivery = "waiting"   // to be sent for the first time, or in a replay
	EventSending   Delivery = "sending"   // just now
	EventRetrying  Delivery = "retrying"  // was not taken; is sent again later
	EventDelivered Delivery = "delivered" // was taken, within the last 24 hours
	EventFailed    Delivery = "failed"    // is not sent any more
)

// EventInfo is one event as [Events.List] has it.
type EventInfo struct {
	ID string
	// Event is what is sent; of a task that nobody can read it is the zero Event.
	Event     tasks.Event
	Delivery  Delivery
	Error     string    // why it was not taken, the last time
	NextAt    time.Time // when it is sent again; zero if not by itself
	Delivered time.Time // zero if it wasn't
}

// ErrUnknownEvent: there is no such event, or not any more.
var ErrUnknownEvent = errors.New("no such event")

// List returns the events, oldest first; with failed only those that are not
// sent any more.
func (e Events) List(ctx context.Context, failed bool) ([]EventInfo, error) {
	type list func(string, ...asynq.ListOption) ([]*asynq.TaskInfo, error)
	lists := []list{e.inspector.ListArchivedTasks}
	if !failed {
		lists = append(lists, e.inspector.ListPendingTasks, e.inspector.ListActiveTasks, e.inspector.ListScheduledTasks,
			e.inspector.ListRetryTasks, e.inspector.ListCompletedTasks)
	}
	found := map[string]EventInfo{} // an event may move between lists meanwhile
	for _, list := range lists {
		const size = 1000
		for page := 1; ; page++ {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			all, err := list(tasks.QueueEvents, asynq.Page(page), asynq.PageSize(size))
			if errors.Is(err, asynq.ErrQueueNotFound) {
				return nil, nil // nothing was ever told
			}
			if err != nil {
				return nil, fmt.Errorf("list the events: %w", err)
			}
			for _, t := range all {
				found[t.ID] = eventInfo(t)
			}
			if len(all) < size {
				break
			}
		}
	}
	events := make([]EventInfo, 0, len(found))
	for _, info := range found {
		events = append(events, info)
	}
	slices.SortFunc(events, func(a, b EventInfo) int {
		return cmp.Or(a.Event.At.Compare(b.Event.At), strings.Compare(a.ID, b.ID))
	})
	return events, nil
}

func eventInfo(t *asynq.TaskInfo) EventInfo {
	info := EventInfo{ID: t.ID, Error: t.LastErr}
	if e, err := tasks.Decode[tasks.Event](t.Payload); err == nil {
		info.Event = e
	}
	switch t.State {
	case asynq.TaskStateActive:
		info.Delivery = EventSending
	case asynq.TaskStateRetry, asynq.TaskStateScheduled:
		info.Delivery, info.NextAt = EventRetrying, t.NextProcessAt.UTC()
	case asynq.TaskStateCompleted:
		info.Delivery, info.Delivered, info.Error = EventDelivered, t.CompletedAt.UTC(), ""
	case asynq.TaskStateArchived:
		info.Delivery = EventFailed
	default:
		info.Delivery = EventWaiting
	}
	return info
}

// Replay has events sent again at once, whatever became of them, under the
// webhook-id that they had. All are looked up first: if one isn't known, none is
// sent, and the error is an [ErrUnknownEvent] that names those. One that waits to
// be sent, or is being sent, stays as it is.
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
		return fmt.Errorf("%w: %s", ErrUnknownEvent, strings.Join(unknown, ", "))
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
