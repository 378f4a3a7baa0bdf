package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/metrics"
	"pilotsync/worker/registry"
	"pilotsync/worker/taskerr"
)

const (
	// actionDelay is how long after a write its action is read. Servers usually need seconds.
	actionDelay = time.Minute
	// actionAge is how long after a write a worker still tries to read its action.
	actionAge = time.Hour
	// actionPass is how long one pass waits for the rate limit of an account; the next one continues.
	actionPass = 10 * time.Second
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

// read reads the actions that are due, of the apps that this worker serves. Accounts don't wait for
// each other.
func (a *actionReader) read(ctx context.Context) error {
	due, now, err := a.ledger.DueActions(ctx)
	if err != nil {
		return err
	}
	due, err = a.dropUnneeded(ctx, due, now)
	errs := []error{err}
	accounts := map[*registry.Client][]ledger.PendingAction{}
	for _, action := range due {
		if client, err := a.registry.Client(action.App); err == nil {
			accounts[client] = append(accounts[client], action)
		}
	}
	pass, cancel := context.WithTimeout(ctx, actionPass)
	defer cancel()
	var running sync.WaitGroup
	var mu sync.Mutex
	for client, actions := range accounts {
		running.Go(func() {
			for _, action := range actions {
				if err := a.readOne(ctx, pass, client, action, now); err != nil {
					mu.Lock()
					defer mu.Unlock()
					errs = append(errs, err)
					return
				}
			}
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// dropUnneeded removes due actions that needn't be read, and returns the others. Of an app only the
// last action counts, since each write has the whole list. One that couldn't be read in time is too
// old to help.
func (a *actionReader) dropUnneeded(ctx context.Context, due []ledger.PendingAction, now time.Time) (needed []ledger.PendingAction, err error) {
	last := map[string]time.Time{}
	for _, action := range due {
		if action.WrittenAt.After(last[action.App]) {
			last[action.App] = action.WrittenAt
		}
	}
	unread := 0
	for _, action := range due {
		late := now.Sub(action.WrittenAt) > actionAge // its app isn't served, or ServerPilot was down
		if !late && !action.WrittenAt.Before(last[action.App]) {
			needed = append(needed, action)
			continue
		}
		taken, err := a.ledger.TakeAction(ctx, action)
		if err != nil {
			return needed, err
		}
		if taken && late {
			unread++
		}
	}
	if unread > 0 {
		a.log.WithField("actions", unread).Info("some of ServerPilot's actions could not be read within an hour of their writes; they won't be read")
	}
	return needed, nil
}

// readOne reads an action once the account's rate limit allows it, or leaves it to the next pass if
// that is too late. The call continues when the pass ends, but ends with ctx: the next worker makes
// it again.
func (a *actionReader) readOne(ctx, pass context.Context, client *registry.Client, action ledger.PendingAction, now time.Time) error {
	taken, err := taskerr.Await(pass, func() (bool, error) {
		if err := client.VerifyReady(pass, action.App, false); err != nil {
			return false, err
		}
		return a.ledger.TakeAction(pass, action)
	})
	switch {
	case pass.Err() != nil && !taken:
		return nil
	case err != nil || !taken:
		return err
	}
	read, err := client.Action(ctx, action.ID)
	ctx = context.WithoutCancel(ctx) // the action was taken, so what came of it is recorded
	log := a.log.WithField("app", action.App).WithField("actionid", action.ID)
	if err != nil {
		if serverpilot.AsError(err).Kind == serverpilot.Retry {
			return a.ledger.ReadActionAt(ctx, action, now.Add(actionDelay))
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
