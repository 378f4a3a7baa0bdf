package worker

import (
	"cmp"
	"context"
	"sync"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/appcache"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
)

// collector collects the facts of a verification.
type collector struct {
	apps     *appcache.Cache
	registry *registry.Registry
	ledger   *ledger.Ledger
	enqueuer followup.Enqueuer
	checker  *certcheck.Checker
	attempts int // limit, unless the domain's last addition has its own
	dryRun   bool
	log      *logrus.Entry
}

// collect fails only if ServerPilot can't be asked for needed facts; that uses up no
// attempt.
func (c *collector) collect(ctx context.Context, v tasks.Verify, r listsync.Record) (certcheck.Facts, error) {
	settings := c.registry.Load().AppSettings[v.AppID]
	facts := certcheck.Facts{
		Domain: r.Domain, Names: r.Names, Probes: map[string]certcheck.Probe{}, Expected: settings.Expected.Networks,
		Attempt: v.Attempt, Limit: cmp.Or(r.Attempts, c.attempts), SeenPointing: r.SeenPointing, App: v.AppID,
	}
	app, err := c.apps.App(ctx, v.AppID)
	switch {
	case err == nil:
		if facts.OffList, facts.Repair, err = c.offList(ctx, app, r); err != nil {
			return facts, err
		}
		if facts.AutoSSL, err = c.enableAutoSSL(ctx, app); err != nil {
			return facts, err
		}
	case !settings.Expected.Only || ctx.Err() != nil:
		return facts, err
	}
	if !settings.Expected.Only {
		address, err := c.apps.Address(ctx, app)
		if err != nil {
			return facts, err
		}
		facts.Expected = settings.Expected.With(address)
	}
	c.probe(ctx, facts)
	return facts, ctx.Err() // a canceled probe says nothing
}

// probe probes the names on the list, in parallel.
func (c *collector) probe(ctx context.Context, facts certcheck.Facts) {
	served := c.registry.Load()
	names, keys, checker := namesToProbe(facts), served.Keys[facts.App], c.checker.WithProxies(served.Proxies)
	probes := make([]certcheck.Probe, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { probes[i] = checker.Check(ctx, name, facts.Expected, keys...) })
	}
	all.Wait()
	for _, p := range probes {
		facts.Probes[p.Name] = p
	}
}

// enableAutoSSL turns AutoSSL on if that is possible, and returns its status.
func (c *collector) enableAutoSSL(ctx context.Context, app serverpilot.App) (certcheck.AutoSSL, error) {
	a := certcheck.AutoSSL{
		Known: true, On: app.SSL.Auto, Custom: app.SSL.Custom,
		Available: app.AutoSSL.Available, Covered: app.AutoSSL.Domains,
	}
	if a.On || a.Custom || !a.Available {
		return a, nil
	}
	if c.dryRun {
		a.DryRun = true
		return a, nil
	}
	// Verifications of a whole app run together; one of them makes the call.
	locked, err := c.ledger.TryLockAutoSSL(ctx, app.ID)
	if err != nil {
		return a, err
	}
	if !locked {
		a.TurnedOn = true // another verification is doing it, or did it after the app was fetched
		return a, nil
	}
	log := taskLog(ctx, c.log, app.ID)
	client, err := c.registry.Client(app.ID)
	if err != nil {
		return a, err
	}
	if err := client.Limiter.WaitVerify(ctx, 1); err != nil {
		return a, err
	}
	err = client.EnableAutoSSL(ctx, app.ID)
	if failed := serverpilot.AsError(err); failed != nil {
		// The next attempt tries again; the handshake shows whether it is needed.
		log.WithError(err).Warn("AutoSSL could not be turned on")
		a.Refused = failed.Message
		return a, nil
	}
	log.Info("AutoSSL turned on")
	a.TurnedOn = true
	return a, nil
}
