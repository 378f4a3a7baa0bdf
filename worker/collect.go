package worker

import (
	"cmp"
	"context"
	"errors"
	"sync"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/quota"
	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/appcache"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
	"pilotsync/worker/taskerr"
)

// collector collects the facts of a verification.
type collector struct {
	apps     *appcache.Cache
	shared   *sharedNames
	registry *registry.Registry
	ledger   *ledger.Ledger
	enqueuer followup.Enqueuer
	checker  *certcheck.Checker
	patience *quota.Quota // of names whose DNS is waited for, by app
	attempts int          // limit, unless the domain's last addition has its own
	dryRun   bool
	log      *logrus.Entry
}

// collect collects the facts about a record's names. It fails only if ServerPilot or Redis
// doesn't answer what it needs, or if ctx ends; that uses up no attempt. If the rate limit is
// the reason, the error is a [taskerr.NotReadyError].
func (c *collector) collect(ctx context.Context, v tasks.Verify, r listsync.Record) (certcheck.Facts, error) {
	settings := c.registry.Load().AppSettings[v.AppID]
	facts := certcheck.Facts{
		Domain: r.Domain, Names: r.Names, Probes: map[string]certcheck.Probe{}, Expected: settings.Expected.Networks,
		Attempt: v.Attempt, Limit: cmp.Or(r.Attempts, c.attempts), SeenPointing: r.SeenPointing, App: v.AppID,
		AutoSSL: certcheck.AutoSSL{KeepOff: settings.AutoSSLOff},
	}
	app, err := c.apps.App(ctx, v.AppID, !v.Recheck)
	if err != nil && isNeeded(ctx, settings, err) {
		return facts, err
	}
	if err == nil {
		if err := c.addApp(ctx, &facts, app, settings, v, r); err != nil {
			return facts, err
		}
	}
	if app.ServerID != "" || !settings.Expected.Only {
		server, err := c.apps.Server(ctx, v.AppID, app.ServerID)
		if err != nil && isNeeded(ctx, settings, err) {
			return facts, err
		}
		facts.Expected, facts.DisconnectedSince = settings.Expected.With(server.LastAddress), server.DisconnectedSince()
	}
	c.probe(ctx, v, facts)
	// A disconnected server would not get the setting.
	if facts.DisconnectedSince.IsZero() && facts.AutoSSL.CanEnable() && facts.NeedsCertificate() && ctx.Err() == nil {
		if facts.AutoSSL, err = c.enableAutoSSL(ctx, v.AppID, facts.AutoSSL); err != nil {
			return facts, err
		}
		if facts.AutoSSL.TurnedOn { // what was seen before it says little now
			c.probe(ctx, v, facts)
		}
	}
	return facts, ctx.Err() // a canceled probe says nothing
}

// isNeeded reports whether a verification can't go on after ServerPilot failed with err. It can if
// the settings have the only expected addresses.
func isNeeded(ctx context.Context, settings certcheck.AppSettings, err error) bool {
	var notReady *taskerr.NotReadyError
	return !settings.Expected.Only || ctx.Err() != nil || errors.As(err, &notReady)
}

// addApp adds what an app in ServerPilot says about a record's names, and records its certificates.
func (c *collector) addApp(ctx context.Context, facts *certcheck.Facts, app serverpilot.App, settings certcheck.AppSettings, v tasks.Verify, r listsync.Record) (err error) {
	if facts.OffList, facts.Repair, err = c.offList(ctx, app, r); err != nil {
		return err
	}
	facts.AutoSSL = statusOfAutoSSL(app, settings)
	if facts.Shared, err = c.shared.warnings(ctx, app, r.Names); err != nil {
		return err
	}
	if covered := serverpilot.CoverageOf(app); covered != nil { // certificates come after the sync
		return c.ledger.RecordAppDetails(ctx, app.ID, app.ServerID, covered)
	}
	return nil
}

// probe probes the names on the list, in parallel. An attempt doesn't wait long for names that
// gave no answer before. A recheck does: a name may always be slow.
func (c *collector) probe(ctx context.Context, v tasks.Verify, facts certcheck.Facts) {
	served := c.registry.Load()
	patience := func() (leave func(), ok bool) {
		if v.Unanswered && !v.Recheck {
			return nil, false
		}
		leave, refusal := c.patience.Try(v.AppID)
		return leave, refusal == 0
	}
	names, keys, checker := namesToProbe(facts), served.Keys[facts.App], c.checker.WithProxies(served.Proxies).WithPatience(patience)
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
