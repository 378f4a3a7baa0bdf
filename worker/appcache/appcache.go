// Package appcache fetches from ServerPilot what verifications need to know of an app.
// Concurrent verifications share one fetch, since a whole network's domains come due together.
package appcache

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pilotsync/internal/cache"
	"pilotsync/internal/serverpilot"
	"pilotsync/worker/registry"
	"pilotsync/worker/taskerr"
)

const (
	appMaxAge    = 10 * time.Second
	serverMaxAge = time.Minute                 // so that a server which is connected again soon counts as that
	keepMargin   = 5 * time.Second             // a task is handed out up to two seconds late, and later on a busy machine
	fetchTimeout = 2 * serverpilot.CallTimeout // with Redis's answer about the rate limit
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

// App returns an app, at most as old as [New] says. If the account's rate limit doesn't allow to
// fetch it now, the error is a [taskerr.NotReadyError]; urgent tasks come first.
func (c *Cache) App(ctx context.Context, app string, urgent bool) (serverpilot.App, error) {
	return c.apps.Get(ctx, app, c.fetchApp(app, urgent))
}

// FreshApp returns an app from a request that is sent after the call. Concurrent callers
// share it. Its errors are those of [Cache.App].
func (c *Cache) FreshApp(ctx context.Context, app string, urgent bool) (serverpilot.App, error) {
	return c.apps.GetSince(ctx, app, time.Now(), c.fetchApp(app, urgent))
}

func (c *Cache) fetchApp(app string, urgent bool) func(context.Context) (serverpilot.App, error) {
	return func(ctx context.Context) (serverpilot.App, error) {
		client, err := c.client(ctx, app, urgent)
		if err != nil {
			return serverpilot.App{}, err
		}
		return client.App(ctx, app)
	}
}

// Server returns the server of an app, at most as old as [New] says. Its errors are those of
// [Cache.App].
func (c *Cache) Server(ctx context.Context, app, server string, urgent bool) (serverpilot.Server, error) {
	return c.servers.Get(ctx, server, func(ctx context.Context) (serverpilot.Server, error) {
		client, err := c.registry.Client(app)
		if err == nil {
			err = client.Limiter.WaitBegun(ctx)
		}
		if err != nil {
			return serverpilot.Server{}, err
		}
		return client.Server(ctx, server)
	})
}

// Keep makes what is known of an app and its server good until a task of the app can make its next
// call. Otherwise it might have to ask again for what it knew, and never get further.
func (c *Cache) Keep(app string, wait time.Duration) {
	if wait > appMaxAge {
		return
	}
	if known, good := c.apps.Keep(app, wait+keepMargin); good {
		c.servers.Keep(known.ServerID, wait+keepMargin)
	}
}

// client returns the client of an app's account, if its rate limit allows a call.
func (c *Cache) client(ctx context.Context, app string, urgent bool) (*registry.Client, error) {
	client, err := c.registry.Client(app)
	if err != nil {
		return nil, err
	}
	return client, client.VerifyReady(ctx, app, urgent)
}

// Await calls get until its error isn't that the account's rate limit has to be waited for. A
// check waits so, since a user waits for it.
func Await[T any](ctx context.Context, get func() (T, error)) (T, error) {
	for {
		got, err := get()
		var notReady *taskerr.NotReadyError
		if !errors.As(err, &notReady) {
			return got, err
		}
		timer := time.NewTimer(notReady.Wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return got, fmt.Errorf("%w: %w", err, ctx.Err())
		}
	}
}
