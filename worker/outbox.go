package worker

import (
	"context"
	"errors"

	"github.com/sirupsen/logrus"

	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
	"pilotsync/worker/registry"
)

// outboxPage is how many events are read at once.
const outboxPage = 100

// outbox makes tasks of the events in apps' outboxes. An event gets there by the very
// script that makes it true.
type outbox struct {
	ledger   *ledger.Ledger
	registry *registry.Registry
	enqueuer followup.Enqueuer
	log      *logrus.Entry
}

// flush enqueues the events in an app's outbox. If the worker dies meanwhile, the next
// flush continues: an event that is enqueued twice has the same id, so asynq refuses it.
// The events of an app without a webhook are dropped.
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
		if err := o.ledger.Sent(ctx, app, events...); err != nil {
			return err
		}
		if len(events) < outboxPage {
			return nil
		}
	}
}

// flushNow is flush after a sync or a verification. If it fails, the next maintenance
// does it.
func (o *outbox) flushNow(ctx context.Context, app string) {
	if err := o.flush(ctx, app); err != nil {
		taskLog(ctx, o.log, app).WithError(err).Warn("events could not be enqueued yet")
	}
}

// flushAll enqueues the events that a crash left in the outboxes of this worker's apps,
// and those of a long sync. Each worker does it for its own apps: only it knows their
// webhooks.
func (o *outbox) flushAll(ctx context.Context) error {
	var errs []error
	for _, app := range o.registry.Load().Apps {
		errs = append(errs, o.flush(ctx, app))
	}
	return errors.Join(errs...)
}
