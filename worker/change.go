package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// AskedOff is what a domain's history says of a removal that was asked for.
const AskedOff = "asked to be taken off the list"

// change handles domain:add and domain:remove. That a change is recorded is all
// there is to it: the list follows by itself.
func (w *Worker) change(ctx context.Context, t *asynq.Task) error {
	c, result, err := w.record(ctx, t.Type(), t.Payload())
	if err != nil {
		return err
	}
	// Not as asynq's result too: the domain's history has it, for longer.
	w.taskLog(ctx, c.AppID).WithFields(changeFields(c.AppID, c.Domain, c.Seq)).Info("change recorded: " + result)
	return nil
}

// record puts the change of a task into the ledger and starts its app's sync.
// Doing it twice is harmless. The result says in words what was recorded.
func (w *Worker) record(ctx context.Context, kind string, payload []byte) (c tasks.Change, result string, err error) {
	if c, err = tasks.Decode[tasks.Change](payload); err != nil {
		return c, "", unread(err)
	}
	pending := listsync.Pending{Change: c, Remove: kind == tasks.TypeDomainRemove, RecordedAt: time.Now().UTC()}
	event := listsync.HistoryEntry{At: pending.RecordedAt, State: tasks.Pending, Reason: "asked to be put on the list", Actor: "request"}
	if pending.Remove {
		event.Reason = AskedOff
	}
	switch {
	case c.By != "":
		event.Actor = c.By
	case c.SiteID != 0:
		event.Actor = fmt.Sprintf("site %d", c.SiteID)
	}
	recorded, err := w.ledger.Record(ctx, pending, event)
	if err != nil {
		return c, "", err
	}
	if recorded.Start {
		if err := w.follow.Sync(ctx, tasks.Sync{AppID: c.AppID, Wake: recorded.Wake}); err != nil {
			return c, "", err
		}
	}
	switch {
	case recorded.Superseded:
		w.metrics.recorded.WithLabelValues(recordedSuperseded).Inc()
		return c, "superseded: a later change of the domain is known already", nil
	case recorded.Repeated:
		w.metrics.recorded.WithLabelValues(recordedAgain).Inc()
		return c, "was recorded before", nil
	}
	w.metrics.recorded.WithLabelValues(recordedNew).Inc()
	return c, event.Reason, nil
}
