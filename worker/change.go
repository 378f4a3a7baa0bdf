package worker

import (
	"context"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/metrics"
	"pilotsync/worker/registry"
	"pilotsync/worker/taskerr"
)

// changeHandler handles domain:add and domain:remove: it records the change in the ledger.
// The app's sync does the rest.
type changeHandler struct {
	registry *registry.Registry
	ledger   *ledger.Ledger
	enqueuer followup.Enqueuer
	metrics  *metrics.Worker
	log      *logrus.Entry
}

func (h *changeHandler) handle(ctx context.Context, t *asynq.Task) error {
	c, result, err := h.record(ctx, t.Type(), t.Payload())
	if err != nil {
		return err
	}
	// It isn't also stored as asynq's result: the domain's history keeps it longer.
	taskLog(ctx, h.log, c.AppID).WithFields(changeFields(c.AppID, c.Domain, c.Seq)).Info("change recorded: " + result)
	return nil
}

// record records the change of a task and wakes its app. Repeating it is harmless. The result
// is a text for the log.
func (h *changeHandler) record(ctx context.Context, kind string, payload []byte) (c tasks.Change, result string, err error) {
	if c, err = tasks.Decode[tasks.Change](payload); err != nil {
		return c, "", taskerr.Undecodable(err)
	}
	if err := h.admit(ctx, c.AppID); err != nil {
		return c, "", err
	}
	pending := listsync.Pending{Change: c, Remove: kind == tasks.TypeDomainRemove, RecordedAt: time.Now().UTC()}
	entry := requestEntry(pending)
	recorded, err := h.ledger.Record(ctx, pending, entry)
	if err != nil {
		return c, "", err
	}
	if recorded.Start {
		if err := h.enqueuer.Sync(ctx, tasks.Sync{AppID: c.AppID, Wake: recorded.Wake}); err != nil {
			return c, "", err
		}
	}
	switch {
	case recorded.Unissued != 0:
		h.metrics.ChangeRecorded(metrics.Unissued)
		return c, "", taskerr.Permanent(fmt.Errorf("order number %d of %s was never issued: by Redis's clock and the app's recorded changes it is at most %d. Nothing was changed. If the request is genuine, make it again",
			c.Seq, pending.ID(), recorded.Unissued))
	case recorded.Full:
		h.metrics.ChangeRecorded(metrics.Full)
		return c, "", taskerr.Permanent(fmt.Errorf("the ledger has %d domains of app %s, and takes no more: %s isn't recorded. Remove domains; the ledger drops those some time after that (PILOTSYNC_KEEP_REMOVED)",
			ledger.MaxDomains, c.AppID, pending.ID()))
	case recorded.Superseded:
		h.metrics.ChangeRecorded(metrics.Superseded)
		result, err := h.noteSuperseded(ctx, pending, entry)
		return c, result, err
	case recorded.Repeated:
		h.metrics.ChangeRecorded(metrics.RecordedAgain)
		return c, "was recorded before", nil
	}
	h.metrics.ChangeRecorded(metrics.Recorded)
	return c, entry.Sentence(), nil
}

// noteSuperseded notes a superseded change, for readers who wonder where a request went. The result
// is a text for the log, the only one about a domain that isn't known.
func (h *changeHandler) noteSuperseded(ctx context.Context, change listsync.Pending, entry listsync.HistoryEntry) (result string, err error) {
	view, known, err := h.ledger.Domain(ctx, change.AppID, change.Domain)
	if err != nil {
		return "", err
	}
	if !known {
		return "superseded: it waited so long that later changes were pruned since (PILOTSYNC_KEEP_REMOVED), and one may have been of this domain; request it again", nil
	}
	entry.State, entry.Cause = view.State, tasks.Cause{Code: tasks.CauseSuperseded}
	return "superseded: a later change of the domain is known already", h.ledger.NoteSuperseded(ctx, change, entry)
}

// unadmittedDelay is the first delay of a change that the ledger doesn't take.
const unadmittedDelay = time.Minute

// admit returns an error if the ledger doesn't take changes of an app: no worker serves it, and the
// ledger has many such apps already. Then the change waits on the queue for a worker that serves
// its app, for a week at most.
func (h *changeHandler) admit(ctx context.Context, app string) error {
	if h.registry.Load().Clients[app] != nil {
		return nil
	}
	admitted, err := h.ledger.Admits(ctx, app)
	if err != nil || admitted {
		return err
	}
	return &taskerr.WaitError{First: unadmittedDelay, GiveUp: true,
		Err: fmt.Errorf("no worker serves app %s, and the ledger has changes of %d such apps already ('pilotsync apps forget' drops an app)", app, ledger.MaxUnserved)}
}

// requestEntry returns the history entry of a request.
func requestEntry(p listsync.Pending) listsync.HistoryEntry {
	entry := listsync.HistoryEntry{At: p.RecordedAt, State: tasks.Pending, Action: listsync.ActionAdd, Cause: tasks.Cause{Code: tasks.CauseAdditionRequested}, Actor: "request"}
	if p.Remove {
		entry.Action, entry.Code = listsync.ActionRemove, tasks.CauseRemovalRequested
	}
	switch {
	case p.By != "":
		entry.Actor = p.By
	case p.SiteID != 0:
		entry.Actor = fmt.Sprintf("site %d", p.SiteID)
	}
	return entry
}
