package worker

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/metrics"
	"pilotsync/worker/registry"
)

const (
	// actionDelay is how long after a write its action is read. Servers usually need seconds.
	actionDelay = time.Minute
	// actionAge is how long after a write a worker still tries to read its action.
	actionAge = time.Hour
)

// actionReader reads ServerPilot's action once for each write: it says whether the app's server has
// taken over the list. An action that ended with errors is a warning, and no reason to write
// again: SSL actions were seen to end so although the certificate worked.
type actionReader struct {
	ledger   *ledger.Ledger
	registry *registry.Registry
	metrics  *metrics.Worker
	log      *logrus.Entry
}

// committed plans the reading of a write's action. If that fails, the action isn't read.
func (a *actionReader) committed(ctx context.Context, s listsync.Settlement) {
	if s.ActionID == "" {
		return
	}
	err := a.ledger.ReadActionAt(ctx, ledger.PendingAction{App: s.App, ID: s.ActionID, WrittenAt: s.At}, s.At.Add(actionDelay))
	if err != nil && ctx.Err() == nil {
		taskLog(ctx, a.log, s.App).WithError(err).Debug("the action of the write won't be read")
	}
}

// read reads the actions that are due, of the apps that this worker serves.
func (a *actionReader) read(ctx context.Context) error {
	due, now, err := a.ledger.DueActions(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, action := range due {
		if ctx.Err() != nil {
			break
		}
		if now.Sub(action.WrittenAt) > actionAge { // its app isn't served, or ServerPilot is down
			_, err := a.ledger.TakeAction(ctx, action)
			errs = append(errs, err)
			continue
		}
		if client, err := a.registry.Client(action.App); err == nil {
			errs = append(errs, a.readOne(ctx, client, action, now))
		}
	}
	return errors.Join(errs...)
}

func (a *actionReader) readOne(ctx context.Context, client *registry.Client, action ledger.PendingAction, now time.Time) error {
	if err := client.VerifyReady(ctx, action.App, false); err != nil {
		if errors.Is(err, listsync.ErrYield) {
			return nil // a later maintenance reads it
		}
		return err
	}
	if taken, err := a.ledger.TakeAction(ctx, action); err != nil || !taken {
		return err
	}
	log := a.log.WithField("app", action.App).WithField("actionid", action.ID)
	read, err := client.Action(ctx, action.ID)
	if err != nil {
		if serverpilot.AsError(err).Kind == serverpilot.Retry {
			return a.ledger.ReadActionAt(context.WithoutCancel(ctx), action, now.Add(actionDelay))
		}
		log.WithError(err).Debug("the action can't be read")
		return nil
	}
	a.metrics.ActionRead(read.Status)
	switch read.Status {
	case serverpilot.ActionError:
		log.Warn("ServerPilot's action for a write of the list ended with errors: the app's server may not have taken over the list")
	case serverpilot.ActionOpen:
		log.Warn("ServerPilot's action for a write of the list has not ended after a minute")
	default:
		log.WithField("status", read.Status).Debug("ServerPilot's action for a write of the list ended")
	}
	return a.ledger.SetAction(ctx, action, read.Status)
}
