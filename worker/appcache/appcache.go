// Package appcache fetches from ServerPilot what verifications need to know of an app.
// Concurrent verifications share one fetch, since a whole network's domains come due together.
package appcache

import (
	"context"
	"time"

	"pilotsync/internal/cache"
	"pilotsync/internal/serverpilot"
	"pilotsync/worker/registry"
)

const (
	appMaxAge    = 10 * time.Second
	serverMaxAge = time.Minute                 // so that a server which is connected again soon counts as that
	fetchTimeout = 2 * serverpilot.CallTimeout // with the wait for the account's rate limit
)

// Cache has apps and servers. An app isn't fetched again after a verification
// has turned AutoSSL on: other verifications know that from [ledger.Ledger.TryLockAutoSSL].
type Cache struct {
	registry *registry.Registry
	apps     cache.Cache[string, serverpilot.App]
	servers  cache.Cache[string, serverpilot.Server]
}

// New returns a Cache whose apps and servers are at most half as old as the shortest delay
// between verifications. Fetches end with base.
func New(base context.Context, r *registry.Registry, shortest time.Duration) *Cache {
	return &Cache{
		registry: r,
		apps:     cache.Cache[string, serverpilot.App]{MaxAge: min(appMaxAge, shortest/2), Timeout: fetchTimeout, Base: base},
		servers:  cache.Cache[string, serverpilot.Server]{MaxAge: min(serverMaxAge, shortest/2), Timeout: fetchTimeout, Base: base},
	}
}

// App returns an app, at most as old as [New] says.
func (c *Cache) App(ctx context.Context, app string) (serverpilot.App, error) {
	return c.apps.Get(ctx, app, c.fetchApp(app))
}

// FreshApp returns an app from a request that is sent after the call. Concurrent callers
// share it.
func (c *Cache) FreshApp(ctx context.Context, app string) (serverpilot.App, error) {
	return c.apps.GetSince(ctx, app, time.Now(), c.fetchApp(app))
}

func (c *Cache) fetchApp(app string) func(context.Context) (serverpilot.App, error) {
	return func(ctx context.Context) (serverpilot.App, error) {
		client, err := c.client(ctx, app)
		if err != nil {
			return serverpilot.App{}, err
		}
		return client.App(ctx, app)
	}
}

// Server returns the server of an app, at most as old as [New] says.
func (c *Cache) Server(ctx context.Context, app, server string) (serverpilot.Server, error) {
	return c.servers.Get(ctx, server, func(ctx context.Context) (serverpilot.Server, error) {
		client, err := c.client(ctx, app)
		if err != nil {
			return serverpilot.Server{}, err
		}
		return client.Server(ctx, server)
	})
}

// client returns the client of an app's account, once its rate limit allows a call.
func (c *Cache) client(ctx context.Context, app string) (*registry.Client, error) {
	client, err := c.registry.Client(app)
	if err != nil {
		return nil, err
	}
	return client, client.Limiter.WaitVerify(ctx, 1)
}
