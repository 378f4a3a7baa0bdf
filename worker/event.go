package worker

import (
	"context"
	"fmt"

	"github.com/hibiken/asynq"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/registry"
	"pilotsync/worker/taskerr"
	"pilotsync/worker/webhook"
)

// eventHandler handles event:deliver: it sends one event to its app's webhook.
type eventHandler struct {
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
	log := taskLog(ctx, h.log, e.AppID).WithFields(eventFields(e))
	return h.sender.Deliver(ctx, served.Endpoints[e.AppID], e, t.Payload(), log)
}
