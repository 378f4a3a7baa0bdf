// Package appcache fetches from ServerPilot what verifications need to know of an app.
// Concurrent verifications share one fetch, since a whole network's domains come due together.
//
// It makes their calls wait for the account's rate limit, too. The first call of a verification may
// be refused; each further one waits.
package appcache

import (
	"context"
	"errors"
	"time"

	"pilotsync/internal/cache"
	"pilotsync/internal/serverpilot"
	"pilotsync/worker/registry"
	"pilotsync/worker/taskerr"
)

const (
	appMaxAge    = 10 * time.Second
	knownAge     = time.Hour
	serverMaxAge = time.Minute                 // so that a server which is connected again soon counts as that
	fetchTimeout = 2 * serverpilot.CallTimeout // with Redis's answer about the rate limit
)

// Cache has apps and servers. An app isn't fetched again after a verification
// has turned AutoSSL on: other verifications know that from [ledger.Ledger.TryLockAutoSSL].
type Cache struct {
	registry *registry.Registry
	apps     cache.Cache[string, serverpilot.App]
	servers  cache.Cache[string, serverpilot.Server]
	turns    cache.Cache[string, *registry.Client] // see AwaitSharedCall
}

// New returns a Cache whose apps and servers are at most half as old as the shortest delay
// between verifications. Fetches end with base.
func New(base context.Context, r *registry.Registry, shortest time.Duration) *Cache {
	return &Cache{
		registry: r,
		apps:     cache.Cache[string, serverpilot.App]{MaxAge: min(appMaxAge, shortest/2), Timeout: fetchTimeout, Base: base},
		servers:  cache.Cache[string, serverpilot.Server]{MaxAge: min(serverMaxAge, shortest/2), Timeout: fetchTimeout, Base: base},
		turns:    cache.Cache[string, *registry.Client]{Timeout: fetchTimeout, Base: base},
	}
}

// App returns an app, at most as old as [New] says. It is a verification's first call: if the
// account's rate limit doesn't allow to fetch the app now, the error is a [taskerr.NotReadyError].
// Then the verification leaves its slot to others. Urgent ones come first.
func (c *Cache) App(ctx context.Context, app string, urgent bool) (serverpilot.App, error) {
	return c.apps.Get(ctx, app, fetchApp(app, c.tryCall(app, urgent)))
}

// MayGetApp returns a [taskerr.NotReadyError] if [Cache.App] would. It doesn't ask Redis, so it
// returns nil if that would have to.
func (c *Cache) MayGetApp(app string, urgent bool) error {
	if c.apps.Has(app) {
		return nil
	}
	client, err := c.registry.Client(app)
	if err != nil {
		return err
	}
	return client.MayVerify(app, urgent)
}

// FreshApp returns an app from a request that is sent after the call. Concurrent callers share it.
// It is a further call, so it waits for the rate limit.
func (c *Cache) FreshApp(ctx context.Context, app string) (serverpilot.App, error) {
	since := time.Now()
	return unrefused(func() (serverpilot.App, error) {
		return c.apps.GetSince(ctx, app, since, fetchApp(app, c.awaitCall(app)))
	})
}

// TryKnownApp returns an app from a request that was sent within an hour: its name and its server
// hardly change. A verification can do without it, so it doesn't wait, and all verifications come
// first. Its errors are those of [Cache.App].
func (c *Cache) TryKnownApp(ctx context.Context, app string) (serverpilot.App, error) {
	return c.apps.GetSince(ctx, app, time.Now().Add(-knownAge), fetchApp(app, c.tryCall(app, false)))
}

// Server returns the server of an app, at most as old as [New] says. It is a further call,
// so it waits for the rate limit.
func (c *Cache) Server(ctx context.Context, app, server string) (serverpilot.Server, error) {
	return unrefused(func() (serverpilot.Server, error) {
		return c.servers.Get(ctx, server, fetchServer(server, c.awaitCall(app)))
	})
}

// TryServer is [Cache.Server] for callers other than verifications. It doesn't wait, and comes
// after all verifications: its errors are those of [Cache.App].
func (c *Cache) TryServer(ctx context.Context, app, server string) (serverpilot.Server, error) {
	return c.servers.Get(ctx, server, fetchServer(server, c.tryCall(app, false)))
}

// AwaitSharedCall returns the client of an app's account once its rate limit allows a further call
// that only one of the app's concurrent verifications makes: they wait together.
func (c *Cache) AwaitSharedCall(ctx context.Context, app string) (*registry.Client, error) {
	return c.turns.Get(ctx, app, c.awaitCall(app))
}

// A turn returns the client of an app's account once the account's rate limit allows a call.
type turn func(context.Context) (*registry.Client, error)

// awaitCall is the turn of a further call, which waits. It comes before the first calls of others:
// a verification that gave its slot back would have to begin again.
func (c *Cache) awaitCall(app string) turn {
	return func(ctx context.Context) (*registry.Client, error) {
		client, err := c.registry.Client(app)
		if err != nil {
			return nil, err
		}
		return client, client.Limiter.WaitBegun(ctx)
	}
}

// tryCall is the turn of a call that doesn't wait.
func (c *Cache) tryCall(app string, urgent bool) turn {
	return func(ctx context.Context) (*registry.Client, error) {
		client, err := c.registry.Client(app)
		if err != nil {
			return nil, err
		}
		return client, client.VerifyReady(ctx, app, urgent)
	}
}

func fetchApp(app string, turn turn) func(context.Context) (serverpilot.App, error) {
	return func(ctx context.Context) (serverpilot.App, error) {
		client, err := turn(ctx)
		if err != nil {
			return serverpilot.App{}, err
		}
		return client.App(ctx, app)
	}
}

func fetchServer(server string, turn turn) func(context.Context) (serverpilot.Server, error) {
	return func(ctx context.Context) (serverpilot.Server, error) {
		client, err := turn(ctx)
		if err != nil {
			return serverpilot.Server{}, err
		}
		return client.Server(ctx, server)
	}
}

// unrefused calls get again if the rate limit refused a call. A caller that waits only meets that
// where it shared the call of another one, which doesn't wait.
func unrefused[T any](get func() (T, error)) (T, error) {
	for {
		got, err := get()
		var notReady *taskerr.NotReadyError
		if !errors.As(err, &notReady) {
			return got, err
		}
	}
}
