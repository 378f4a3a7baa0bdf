package worker

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

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

// serversReload is how often a worker reads which servers its apps have. It knows at once of those
// whose apps it syncs itself.
const serversReload = time.Hour

// connections records whether the apps' servers are connected to ServerPilot, for readers
// without a key. It has a maintenance of its own: if ServerPilot doesn't answer, the other one
// must not wait. What it costs follows the number of servers, not of apps. One app's record
// stands for its server; those of the others are touched when it changes.
type connections struct {
	maintenance
	// connected and disconnected are how old the record of such a server may become.
	connected, disconnected time.Duration
	apps                    *appcache.Cache
	registry                *registry.Registry
	ledger                  *ledger.Ledger
	loss                    *lossDetector

	mu   sync.Mutex
	read map[string]string // ids of the servers of apps that syncs have read since the last refresh

	// What only refresh uses.
	served   *registry.Served // whose apps' servers were read
	identity string           // of the ledger that has the records
	loaded   time.Time
	servers  map[string]*appServer
}

// appServer is a server as this worker knows it.
type appServer struct {
	apps  []string  // sorted; the first one's record stands for the server
	since time.Time // when it was connected last; zero if it is connected
	even  bool      // the records of all its apps have that time
	next  time.Time // when to read the record again
}

// refresh renews the records that are due.
func (c *connections) refresh(ctx context.Context) error {
	if err := c.load(ctx); err != nil {
		return err
	}
	var errs []error
	for id, s := range c.servers {
		if now := time.Now(); !s.next.After(now) && ctx.Err() == nil {
			errs = append(errs, c.renew(ctx, id, s))
		}
	}
	return errors.Join(errs...)
}

// load learns of apps' servers. Those of a ledger that was lost don't count.
func (c *connections) load(ctx context.Context) error {
	served, identity := c.registry.Load(), c.loss.known()
	if lost := c.identity != "" && c.identity != identity; lost || c.served != served || time.Since(c.loaded) >= serversReload {
		known, err := c.ledger.Connections(ctx, served.Apps...)
		if err != nil {
			return err
		}
		c.served, c.loaded, c.servers = served, time.Now(), map[string]*appServer{}
		for _, k := range known {
			c.add(k)
		}
	}
	c.identity = identity
	c.mu.Lock()
	read := c.read
	c.read = map[string]string{}
	c.mu.Unlock()
	for app, id := range read {
		if s := c.servers[id]; id != "" && (s == nil || !slices.Contains(s.apps, app)) {
			c.add(ledger.Connection{App: app, Server: id})
			c.servers[id].even = false
		}
	}
	return nil
}

// add adds an app to its server, which is then due. A server is known once a sync has read its app.
func (c *connections) add(k ledger.Connection) {
	if k.Server == "" {
		return
	}
	s := c.servers[k.Server]
	if s == nil {
		s = &appServer{since: k.DisconnectedSince, even: true}
		c.servers[k.Server] = s
	}
	at, _ := slices.BinarySearch(s.apps, k.App)
	s.apps, s.next = slices.Insert(s.apps, at, k.App), time.Time{}
	s.even = s.even && s.since.Equal(k.DisconnectedSince)
}

// renew reads a server's record, asks ServerPilot if the record is too old, and makes the records of
// its other apps equal.
func (c *connections) renew(ctx context.Context, id string, s *appServer) error {
	k, err := c.record(ctx, id, s)
	if err != nil || len(s.apps) == 0 {
		return err
	}
	now, err := c.ledger.Now(ctx)
	if err != nil {
		return err
	}
	since, asked := k.DisconnectedSince, now.Sub(k.AskedAt)
	if asked < 0 || asked >= c.maxAge(since) {
		asked = 0
		// The time is recorded before the call, so no other worker asks as well.
		if err := c.ledger.RecordConnectionAsked(ctx, k.App, now); err != nil {
			return err
		}
		server, err := c.apps.TryServer(ctx, k.App, id)
		if err != nil {
			s.next = time.Now().Add(c.maxAge(since))
			c.log.WithError(err).WithField("app", k.App).Debug("the app's server could not be read")
			return nil
		}
		since = server.DisconnectedSince()
	}
	if !s.even || !since.Equal(s.since) {
		if err := c.setAll(ctx, id, s, now, since); err != nil {
			return err
		}
	}
	s.since, s.even, s.next = since, true, time.Now().Add(c.maxAge(since)-asked)
	return nil
}

// record reads the record that stands for a server. An app that was forgotten, or has moved to
// another server, no longer does.
func (c *connections) record(ctx context.Context, id string, s *appServer) (ledger.Connection, error) {
	for len(s.apps) > 0 {
		known, err := c.ledger.Connections(ctx, s.apps[0])
		if err != nil {
			return ledger.Connection{}, err
		}
		if known[0].Server == id {
			return known[0], nil
		}
		s.apps = s.apps[1:]
	}
	delete(c.servers, id)
	return ledger.Connection{}, nil
}

// setAll records for all apps of a server when it was connected last. The app that stands for the
// server is the last one: if it has the time, so have the others.
func (c *connections) setAll(ctx context.Context, id string, s *appServer, now, since time.Time) error {
	known, err := c.ledger.Connections(ctx, s.apps...)
	if err != nil {
		return err
	}
	for _, k := range slices.Backward(known) {
		if k.Server != id || since.Equal(k.DisconnectedSince) {
			continue
		}
		if err := c.ledger.SetConnection(ctx, k.App, now, since); err != nil {
			return err
		}
		log := c.log.WithField("app", k.App)
		switch {
		case since.IsZero():
			log.Info("the app's server is connected to ServerPilot again")
		case k.DisconnectedSince.IsZero():
			log.WithField("since", since).Warn("the app's server is not connected to ServerPilot: no change takes effect there")
		}
	}
	return nil
}

// maxAge is how old a server's record may become.
func (c *connections) maxAge(since time.Time) time.Duration {
	if since.IsZero() {
		return c.connected
	}
	return c.disconnected
}

// note records what readers see of an app that a sync read. If that fails, the sync continues.
func (c *connections) note(ctx context.Context, app serverpilot.App) {
	if err := c.ledger.RecordAppDetails(ctx, app.ID, app.ServerID, serverpilot.CoverageOf(app)); err != nil {
		if ctx.Err() == nil {
			taskLog(ctx, c.log, app.ID).WithError(err).Debug("what ServerPilot has of the app isn't recorded")
		}
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.read[app.ID] = app.ServerID
}
