package worker

import (
	"context"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
)

// eventRetention is how long a delivered event can be listed and sent again.
const eventRetention = 24 * time.Hour

// tell enqueues the events in an app's outbox, which got there together with what
// they tell of. Should this worker die here, the next look at the outbox goes on;
// an event that is enqueued twice has the same id, so asynq refuses it.
func (w *Worker) tell(ctx context.Context, app string) error {
	const page = 100
	for {
		events, err := w.ledger.Outbox(ctx, app, page)
		if err != nil {
			return err
		}
		if w.roster.look().endpoints[app] != nil {
			for _, e := range events {
				if err := w.follow.Event(ctx, e.Event); err != nil {
					return err
				}
			}
		}
		if err := w.ledger.Sent(ctx, app, events...); err != nil {
			return err
		}
		if len(events) < page {
			return nil
		}
	}
}

// tellNow is tell where something was just put into the outbox. If it fails, the
// look that follows within sweepEvery does it.
func (w *Worker) tellNow(ctx context.Context, app string) {
	if err := w.tell(ctx, app); err != nil {
		w.taskLog(ctx, app).WithError(err).Warn("events could not be enqueued yet")
	}
}

// Event enqueues an event's delivery.
func (f follow) Event(ctx context.Context, e tasks.Event) error {
	return f.enqueue(ctx, tasks.TypeEventDeliver, e.ID(), tasks.Encode(e),
		asynq.Queue(tasks.QueueEvents), asynq.Timeout(eventTimeout), asynq.Retention(eventRetention))
}
