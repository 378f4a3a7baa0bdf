package worker

import (
	"context"
	"errors"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/registry"
	"pilotsync/worker/taskerr"
	"pilotsync/worker/webhook"
)

// eventHandler handles event:deliver: it reports to an app's webhook what the ledger says about
// a domain or the app.
type eventHandler struct {
	ledger   *ledger.Ledger
	registry *registry.Registry
	sender   *webhook.Sender
	log      *logrus.Entry
}

func (h *eventHandler) handle(ctx context.Context, t *asynq.Task) error {
	e, err := tasks.Decode[tasks.Event](t.Payload())
	if err != nil {
		return taskerr.Undecodable(err)
	}
	served := h.registry.Load()
	if served.Clients[e.AppID] == nil {
		if elsewhere := h.registry.LeaveToAnother(ctx, e.AppID); elsewhere != nil {
			return elsewhere
		}
		return webhook.RetryLater(e, 0, fmt.Errorf("%w for app %s, whose event this is", registry.ErrUnserved, e.AppID))
	}
	// What the task says isn't sent: more users of Redis may write to the queue than to the ledger.
	e, err = h.render(ctx, e)
	if err != nil {
		return err
	}
	log := taskLog(ctx, h.log, e.AppID).WithFields(eventFields(e))
	if err := h.sender.Deliver(ctx, served.Endpoints[e.AppID], e, log); err != nil {
		return err
	}
	if err := h.ledger.RemoveEvent(ctx, e); err != nil {
		log.WithError(err).Warn("an event is kept for three days") // a retry would send it again
	}
	return nil
}

// render returns the event as the ledger has it. Its error tells asynq what to do with the task.
func (h *eventHandler) render(ctx context.Context, e tasks.Event) (tasks.Event, error) {
	rendered, err := h.ledger.Event(ctx, e)
	switch {
	case errors.Is(err, ledger.ErrNoEvent):
		return e, taskerr.Permanent(err)
	case errors.Is(err, tasks.ErrNewer):
		return e, webhook.RetryLater(e, 0, err)
	}
	return rendered, err
}
