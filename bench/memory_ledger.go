package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// perApp is the number of domains of each app: 150 with their www forms fill ServerPilot's list.
const perApp = 150

// ledgerMemory fills a ledger with domains with full histories, and reads the memory that Redis
// uses for them. The ledger's own scripts fill a few apps. Redis copies these to the other apps,
// which saves minutes.
func (b *bench) ledgerMemory(ctx context.Context) (rows []row, err error) {
	apps, made := b.size(667, 20), b.size(8, 2)
	f, err := b.newFixture(simulator.Options{Apps: emptyApps(1)})
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	empty, err := f.usedMemory(ctx)
	if err != nil {
		return nil, err
	}
	for a := range made {
		if err := fillLedger(ctx, f.ledger, appID(a)); err != nil {
			return nil, err
		}
	}
	filled, err := f.usedMemory(ctx)
	if err != nil {
		return nil, err
	}
	for a := made; a < apps; a++ {
		if err := f.copyApp(ctx, appID(a%made), appID(a)); err != nil {
			return nil, err
		}
	}
	full, err := f.usedMemory(ctx)
	if err != nil {
		return nil, err
	}
	history, err := f.historyMemory(ctx, appID(0))
	if err != nil {
		return nil, err
	}
	a := float64(filled-empty) / float64(made*perApp)
	c := float64(full-empty) / float64(apps*perApp)
	return []row{{Title: fmt.Sprintf("Redis, %d domains of %d apps, each with %d history entries", apps*perApp, apps, ledger.HistoryKept),
		Goal: "≤ 3 KiB a domain", Got: fmt.Sprintf("%.2f KiB a domain", c/1024), Ratio: c / 3072, Met: b.atMost(c, 3072),
		Note: fmt.Sprintf("used_memory in all %.0f MiB; %.2f KiB of it history; %d domains were written by the ledger's scripts, at %.2f KiB each; the others are copies",
			float64(full)/mib, history/1024, made*perApp, a/1024)}}, nil
}

func (f *fixture) usedMemory(ctx context.Context) (int64, error) {
	text, err := f.rdb.Info(ctx, "memory").Result()
	if err != nil {
		return 0, fmt.Errorf("ask Redis for its memory: %w", err)
	}
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), "used_memory:"); ok {
			return strconv.ParseInt(value, 10, 64)
		}
	}
	return 0, errors.New("INFO memory has no used_memory")
}

// keysOf are the keys of an app's ledger.
func (f *fixture) keysOf(ctx context.Context, app string) ([]string, error) {
	var keys []string
	all := f.rdb.Scan(ctx, 0, "pilotsync:{"+app+"}:*", 10_000).Iterator()
	for all.Next(ctx) {
		keys = append(keys, all.Val())
	}
	if err := all.Err(); err != nil {
		return nil, fmt.Errorf("list the keys of %s: %w", app, err)
	}
	return keys, nil
}

func (f *fixture) copyApp(ctx context.Context, from, to string) error {
	keys, err := f.keysOf(ctx, from)
	if err != nil {
		return err
	}
	_, err = f.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, key := range keys {
			p.Copy(ctx, key, strings.Replace(key, "{"+from+"}", "{"+to+"}", 1), 0, false)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("copy the ledger of %s to %s: %w", from, to, err)
	}
	return nil
}

// historyMemory is the memory of the history of one domain, in bytes.
func (f *fixture) historyMemory(ctx context.Context, app string) (float64, error) {
	keys, err := f.keysOf(ctx, app)
	if err != nil {
		return 0, err
	}
	var bytes, domains int64
	for _, key := range keys {
		if !strings.Contains(key, "}:log:") {
			continue
		}
		n, err := f.rdb.MemoryUsage(ctx, key, 0).Result()
		if err != nil {
			return 0, fmt.Errorf("ask for the memory of %s: %w", key, err)
		}
		bytes, domains = bytes+n, domains+1
	}
	return float64(bytes) / float64(max(domains, 1)), nil
}

// fillLedger gives an app its domains and takes each through a whole life. It is added and listed;
// five attempts fail, first for DNS, then for the certificate; rechecks follow, mostly with
// success. All of it is repeated until the history drops its oldest entries.
func fillLedger(ctx context.Context, l *ledger.Ledger, app string) error {
	now := time.Now().UTC().Truncate(time.Microsecond) // as the clock of Redis
	const workerID = "worker-7d9f8b6c5-x2x9q/1"
	for i := range perApp {
		domain := fmt.Sprintf("shop%03d-%s.example.com", i, app)
		change := listsync.Pending{Change: tasks.Change{AppID: app, Domain: domain, Seq: now.UnixMicro() + int64(i), SiteID: int64(i + 2), RequestedAt: now}, RecordedAt: now}
		entry := listsync.HistoryEntry{At: now, State: tasks.Pending, Reason: "asked to be put on the list", Actor: fmt.Sprintf("site %d", i+2)}
		if _, err := l.Record(ctx, change, entry); err != nil {
			return err
		}
	}
	lease, err := l.Acquire(ctx, app)
	if err != nil {
		return err
	}
	snapshot, err := l.Snapshot(ctx, app)
	if err != nil {
		return err
	}
	plan := listsync.Plan(listsync.Input{Ledger: snapshot, Rules: listsync.Rules{WWW: tasks.WWWAlways}, Now: now})
	if err := l.BeginWrite(ctx, lease, listsync.WriteIntent{Claim: plan.Claim, Added: plan.Added, Size: len(plan.List), WorkerID: workerID}); err != nil {
		return fmt.Errorf("begin the write: %w", err)
	}
	if _, err := l.Commit(ctx, lease, listsync.Commit{Outcomes: plan.Outcomes, Listed: len(plan.List), Own: plan.Own, WorkerID: workerID}); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	if _, err := l.Release(ctx, lease); err != nil {
		return fmt.Errorf("release: %w", err)
	}
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, o := range plan.Outcomes {
		group.Go(func() error { return verifyRepeatedly(groupCtx, l, app, o.Record.Domain, workerID, now) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	// The events of the outbox would have been delivered by now.
	for {
		events, err := l.Outbox(ctx, app, 100)
		if err != nil || len(events) == 0 {
			return err
		}
		if err := l.RemoveFromOutbox(ctx, app, events...); err != nil {
			return err
		}
		for _, event := range events {
			if err := l.RemoveEvent(ctx, event.Event); err != nil {
				return err
			}
		}
	}
}

// verifyRepeatedly takes a domain through verifications, each with a history entry, until the
// history has dropped its oldest entries.
func verifyRepeatedly(ctx context.Context, l *ledger.Ledger, app, domain, workerID string, now time.Time) error {
	view, _, err := l.Domain(ctx, app, domain)
	if err != nil {
		return err
	}
	for i := range ledger.HistoryKept {
		before := view.Record
		facts := observation(app, before.Names, i, now)
		verdict := certcheck.Evaluate(facts)
		now = now.Add(time.Duration(i+1)*time.Minute + 123456*time.Microsecond)
		after := before
		after.State, after.SeenPointing, after.Attempt = verdict.State, verdict.SeenPointing, facts.Attempt
		after.Explain(verdict.Cause, verdict.Warnings...)
		after.AttemptAt, after.UpdatedAt, after.NextAttemptAt = &now, now, nil
		if probe := facts.Probes[domain]; !probe.NotAfter.IsZero() {
			after.Certificate = &listsync.Cert{Issuer: probe.Issuer, NotAfter: probe.NotAfter}
		}
		entry := listsync.HistoryEntry{At: now, State: after.State, Action: listsync.ActionVerify, Cause: after.Cause, Attempt: facts.Attempt, Actor: workerID, AutoSSL: facts.AutoSSL.Status()}
		for _, name := range facts.Names {
			entry.Checks = append(entry.Checks, listsync.NameResult{Name: name, Cause: facts.Cause(name)})
		}
		if done, err := l.CommitVerification(ctx, app, before, after, entry); err != nil || !done {
			return errors.Join(err, fmt.Errorf("verification of %s recorded: %v", domain, done))
		}
		if view, _, err = l.Domain(ctx, app, domain); err != nil {
			return err
		}
	}
	return nil
}

// observation is the result of a domain's i-th verification: twice DNS elsewhere, then no
// certificate, then one, which later comes and goes.
func observation(app string, names []string, i int, now time.Time) certcheck.Facts {
	here := netip.MustParseAddr("203.0.113.80")
	f := certcheck.Facts{
		Domain: names[0], Names: names, Probes: map[string]certcheck.Probe{}, Expected: []netip.Prefix{netip.PrefixFrom(here, 32)},
		Attempt: min(i+1, 5), Limit: 5, SeenPointing: i > 2, App: app,
		AutoSSL: certcheck.AutoSSL{Known: true, On: i > 3, Available: i > 3},
	}
	for _, name := range names {
		probe := certcheck.Probe{Name: name, DNS: certcheck.PointsHere, Addresses: []netip.Addr{here}}
		switch {
		case i < 2:
			probe.DNS, probe.Addresses, probe.TLS = certcheck.Elsewhere, []netip.Addr{netip.MustParseAddr("198.51.100.23")}, certcheck.NotChecked
		case i < 4 || i%2 == 0:
			probe.TLS, probe.TLSAddress = certcheck.WrongName, here
			probe.TLSDetail = "the certificate at 203.0.113.80 is for server1.example.net only"
		default:
			probe.TLS, probe.TLSAddress, probe.Issuer = certcheck.Valid, here, "Let's Encrypt"
			probe.NotAfter = now.Add(90 * 24 * time.Hour).Truncate(time.Second)
			f.AutoSSL.Covered = slices.Clone(names)
		}
		f.Probes[name] = probe
	}
	return f
}
