package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/applist"
)

// change handles domain:add and domain:remove: the change is put into the
// ledger and its app's sync started. That is all: the list follows by itself.
func (w *Worker) change(ctx context.Context, t *asynq.Task) error {
	c, err := tasks.Decode[tasks.Change](t.Payload())
	if err != nil {
		return never(err)
	}
	pending := applist.Pending{Change: c, Remove: t.Type() == tasks.TypeDomainRemove, RecordedAt: time.Now().UTC()}
	event := applist.Event{At: pending.RecordedAt, State: tasks.Pending, Reason: "asked to be put on the list", Who: "request"}
	if pending.Remove {
		event.Reason = "asked to be taken off the list"
	}
	if c.SiteID != 0 {
		event.Who = fmt.Sprintf("site %d", c.SiteID)
	}
	recorded, err := w.ledger.Record(ctx, pending, event)
	if err != nil {
		return err
	}
	if recorded.Start {
		if err := w.follow.Sync(ctx, tasks.Sync{AppID: c.AppID, Wake: recorded.Wake}); err != nil {
			return err
		}
	}
	result := event.Reason
	switch {
	case recorded.Superseded:
		result = "superseded: a later change of the domain is known already"
	case recorded.Again:
		result = "was recorded before"
	}
	if _, err := t.ResultWriter().Write([]byte(result)); err != nil {
		return fmt.Errorf("write the result of %s: %w", c.ID(), err)
	}
	w.taskLog(ctx, c.AppID).WithField("domain", c.Domain).WithField("seq", c.Seq).Info("change recorded: " + result)
	return nil
}
