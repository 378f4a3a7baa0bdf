package worker

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/appcache"
	"pilotsync/worker/ledger"
	"pilotsync/worker/registry"
)

// How often ServerPilot is asked whether an app's server is connected, by one worker for all.
const (
	connectedInterval    = 5 * time.Minute
	disconnectedInterval = time.Minute
)

// connections records whether the apps' servers are connected to ServerPilot, for readers
// without a key. It has a maintenance of its own: if ServerPilot doesn't answer, the other one
// must not wait.
type connections struct {
	maintenance
	// connected and disconnected are how old the record of such a server may become.
	connected, disconnected time.Duration
	apps                    *appcache.Cache
	registry                *registry.Registry
	ledger                  *ledger.Ledger
}

// refresh renews the records that are due.
func (c *connections) refresh(ctx context.Context) error {
	known, err := c.ledger.Connections(ctx, c.registry.Load().Apps...)
	if err != nil {
		return err
	}
	now, err := c.ledger.Now(ctx)
	if err != nil {
		return err
	}
	var errs []error
	for _, k := range known {
		if c.due(k, now) && ctx.Err() == nil {
			errs = append(errs, c.ask(ctx, k, now))
		}
	}
	return errors.Join(errs...)
}

// due reports whether a record is to be renewed. A server is known once a sync has read its app.
func (c *connections) due(k ledger.Connection, now time.Time) bool {
	interval := c.connected
	if !k.DisconnectedSince.IsZero() {
		interval = c.disconnected
	}
	age := now.Sub(k.AskedAt)
	return k.Server != "" && (age < 0 || age >= interval)
}

func (c *connections) ask(ctx context.Context, k ledger.Connection, now time.Time) error {
	// The time is recorded before the call, so no other worker asks as well.
	if err := c.ledger.RecordConnectionAsked(ctx, k.App, now); err != nil {
		return err
	}
	server, err := c.apps.Server(ctx, k.App, k.Server, false)
	if err != nil {
		c.log.WithError(err).WithField("app", k.App).Debug("the app's server could not be read")
		return nil
	}
	since := server.DisconnectedSince()
	if since.Equal(k.DisconnectedSince) {
		return nil
	}
	if since.IsZero() != k.DisconnectedSince.IsZero() {
		log := c.log.WithField("app", k.App)
		if since.IsZero() {
			log.Info("the app's server is connected to ServerPilot again")
		} else {
			log.WithField("since", since).Warn("the app's server is not connected to ServerPilot: no change takes effect there")
		}
	}
	return c.ledger.SetConnection(ctx, k.App, now, since)
}

// noteApp returns a function that records what readers see of an app that a sync read. If that
// fails, the sync continues.
func noteApp(l *ledger.Ledger, log *logrus.Entry) func(context.Context, serverpilot.App) {
	return func(ctx context.Context, app serverpilot.App) {
		if err := l.RecordAppDetails(ctx, app.ID, app.ServerID, serverpilot.CoverageOf(app)); err != nil && ctx.Err() == nil {
			taskLog(ctx, log, app.ID).WithError(err).Debug("what ServerPilot has of the app isn't recorded")
		}
	}
}
