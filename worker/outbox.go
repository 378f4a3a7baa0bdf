package worker

import (
	"context"

	"github.com/sirupsen/logrus"

	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
	"pilotsync/worker/registry"
)

// outboxPage is how many events are read together.
const outboxPage = 100

// outbox turns the events in apps' outboxes into tasks. An event gets into an outbox in the
// same script as the change that it reports.
type outbox struct {
	ledger   *ledger.Ledger
	registry *registry.Registry
	enqueuer followup.Enqueuer
	log      *logrus.Entry
}

// flush enqueues the events in the outbox of an app of this worker. A worker doesn't know the
// webhooks of other apps. If the worker dies meanwhile, the next flush continues; asynq refuses
// an event that is enqueued twice, since it has the same id. The events of an app without a
// webhook are dropped.
func (o *outbox) flush(ctx context.Context, app string) error {
	for {
		events, err := o.ledger.Outbox(ctx, app, outboxPage)
		if err != nil {
			return err
		}
		if o.registry.Load().Endpoints[app] != nil {
			for _, e := range events {
				if err := o.enqueuer.Event(ctx, e.Event); err != nil {
					return err
				}
			}
		}
		if err := o.ledger.RemoveFromOutbox(ctx, app, events...); err != nil {
			return err
		}
		if len(events) < outboxPage {
			return nil
		}
	}
}

// flushNow flushes after a sync or a verification. If it fails, the next maintenance tries
// again.
func (o *outbox) flushNow(ctx context.Context, app string) {
	if err := o.flush(ctx, app); err != nil {
		taskLog(ctx, o.log, app).WithError(err).Warn("events could not be enqueued yet")
	}
}
