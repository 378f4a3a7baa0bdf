package worker

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"pilotsync/internal/serverpilot"
)

const (
	detailsAge = 10 * time.Second // longest age of an app's details
	addressAge = 10 * time.Minute // and of a server's address
)

// details fetches what verifications need to know of an app. Those that run
// together share one fetch: a whole network's domains come due at once. That one
// of them turns AutoSSL on is no reason to fetch again: for so short a time the
// others know it from [ledger.Ledger.AutoSSLTurn].
type details struct {
	base   context.Context // ends with the worker; a shared fetch belongs to no single task
	roster *roster
	age    time.Duration
	flight singleflight.Group

	mu        sync.Mutex
	apps      map[string]aged[serverpilot.App]
	addresses map[string]aged[netip.Addr] // by server id
}

type aged[T any] struct {
	value T
	at    time.Time // when it was asked for
}

// newDetails returns details that are at most half as old as the shortest pause
// between verifications.
func newDetails(base context.Context, roster *roster, shortest time.Duration) *details {
	return &details{
		base: base, roster: roster, age: min(detailsAge, shortest/2),
		apps: map[string]aged[serverpilot.App]{}, addresses: map[string]aged[netip.Addr]{},
	}
}

// App returns the app as ServerPilot answered it lately.
func (d *details) App(ctx context.Context, app string) (serverpilot.App, error) {
	return d.appSince(ctx, app, time.Now().Add(-d.age))
}

// FreshApp returns the app as ServerPilot answers a question that is asked from now on.
// Callers at the same time share it.
func (d *details) FreshApp(ctx context.Context, app string) (serverpilot.App, error) {
	return d.appSince(ctx, app, time.Now())
}

func (d *details) appSince(ctx context.Context, app string, since time.Time) (serverpilot.App, error) {
	return recall(ctx, d, d.apps, "app "+app, app, app, since, func(ctx context.Context, a *account) (serverpilot.App, error) {
		return a.client.App(ctx, app)
	})
}

// Address returns the address of the app's server.
func (d *details) Address(ctx context.Context, app serverpilot.App) (netip.Addr, error) {
	return recall(ctx, d, d.addresses, "server "+app.ServerID, app.ServerID, app.ID, time.Now().Add(-addressAge), func(ctx context.Context, a *account) (netip.Addr, error) {
		server, err := a.client.Server(ctx, app.ServerID)
		return server.LastAddress, err
	})
}

// recall returns a value that was asked for after since, or fetches it once for all who
// wait for it.
func recall[T any](ctx context.Context, d *details, known map[string]aged[T], flight, id, app string, since time.Time,
	fetch func(context.Context, *account) (T, error)) (T, error) {
	young := func() (T, bool) {
		d.mu.Lock()
		defer d.mu.Unlock()
		v, ok := known[id]
		return v.value, ok && !v.at.Before(since)
	}
	for {
		if value, ok := young(); ok {
			return value, nil
		}
		shared := d.flight.DoChan(flight, func() (any, error) {
			if _, ok := young(); ok { // another fetch ended since we looked
				return nil, nil
			}
			ctx, cancel := context.WithTimeout(d.base, 2*serverpilot.CallTimeout)
			defer cancel()
			a, err := d.roster.account(app)
			if err != nil {
				return nil, err
			}
			if err := a.limiter.WaitVerify(ctx, 1); err != nil {
				return nil, err
			}
			at := time.Now()
			value, err := fetch(ctx, a)
			if err != nil {
				return nil, err
			}
			d.mu.Lock()
			defer d.mu.Unlock()
			known[id] = aged[T]{value, at}
			return nil, nil
		})
		var zero T
		select {
		case <-ctx.Done():
			return zero, ctx.Err()
		case result := <-shared:
			// One that was under way before we came may be too old for us.
			if result.Err != nil {
				return zero, result.Err
			}
		}
	}
}
