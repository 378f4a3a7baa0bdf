package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

const (
	// unservedKept is how long after its last request an app is forgotten that no worker has ever
	// served.
	unservedKept = 30 * 24 * time.Hour
	// forgetInterval is how often one of the workers looks for such apps.
	forgetInterval = time.Hour
)

// unservedForgetter forgets apps that no worker has ever served. Otherwise invented and mistyped
// ones would stay for ever.
type unservedForgetter struct {
	ledger    *ledger.Ledger
	inspector *asynq.Inspector
	log       *logrus.Entry

	next time.Time
}

// newUnservedForgetter returns a forgetter that first looks an hour after its worker's start: it
// reads all apps, and a start should be quick.
func newUnservedForgetter(l *ledger.Ledger, inspector *asynq.Inspector, log *logrus.Entry) *unservedForgetter {
	return &unservedForgetter{ledger: l, inspector: inspector, log: log, next: time.Now().Add(forgetInterval)}
}

// forget forgets the apps that are due, unless this or another worker has looked within the hour.
func (f *unservedForgetter) forget(ctx context.Context) error {
	if time.Now().Before(f.next) {
		return nil
	}
	locked, err := f.ledger.TryLockUnserved(ctx, forgetInterval)
	if err != nil {
		return err
	}
	f.next = time.Now().Add(forgetInterval)
	if !locked {
		return nil
	}
	apps, err := f.ledger.AppStates(ctx)
	if err != nil {
		return err
	}
	live, err := f.ledger.Workers(ctx)
	if err != nil {
		return err
	}
	now, err := f.ledger.Now(ctx)
	if err != nil {
		return err
	}
	var errs []error
	_, unserved := ledger.SplitUnserved(apps, live)
	for _, app := range unserved {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !app.Leased && now.Sub(app.ChangedAt) >= unservedKept {
			errs = append(errs, f.forgetApp(ctx, app))
		}
	}
	return errors.Join(errs...)
}

// forgetApp forgets an app, after its sync's task, which would record a failure in the ledger.
// While that task is active it can't be deleted: then the app is left for the next hour.
func (f *unservedForgetter) forgetApp(ctx context.Context, app ledger.App) error {
	err := f.inspector.DeleteTask(tasks.QueueLists, tasks.Sync{AppID: app.ID, Wake: app.Wake}.ID())
	if err != nil && !errors.Is(err, asynq.ErrTaskNotFound) && !errors.Is(err, asynq.ErrQueueNotFound) {
		return fmt.Errorf("delete the sync of app %s, which no worker serves: %w", app.ID, err)
	}
	if err := f.ledger.Forget(ctx, app.ID); err != nil {
		return err
	}
	f.log.WithField("app", app.ID).Warnf("app forgotten: no worker has served it in the %d days since its last request; %d changes are dropped",
		unservedKept/(24*time.Hour), app.Pending)
	return nil
}
