package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

type statusCmd struct {
	redisFlags

	App     []string `predictor:"app" help:"App to show; give it again for more. Default: all."`
	State   []string `predictor:"state" help:"State to show; give it again for more. Default: all."`
	Watch   bool     `help:"Show the states until Ctrl-C, updated every 2 seconds, with trouble first. In a pipe: a line for each domain, and one whenever a domain changes."`
	JSON    bool     `name:"json" help:"Print one JSON array; with --watch, an object a line."`
	Domains []string `arg:"" optional:"" name:"domain" help:"Domains to show. Default: all."`
}

// Help is shown under the command's own --help.
func (*statusCmd) Help() string {
	return `Exits with 1 if a domain that was asked for isn't known. The command reads Redis only, so it works without a worker and needs no key.

Examples:

    pilotsync status

    pilotsync status --app=app1 --state=failed --state=rejected

    pilotsync status --watch --app=app1

    pilotsync status example.com --json`
}

// Validate is called by kong after parsing; it puts the domains into their canonical form.
func (c *statusCmd) Validate() error {
	errs := []error{checkApps("--app: ", c.App)}
	for _, state := range c.State {
		if !tasks.State(state).Valid() {
			errs = append(errs, fmt.Errorf("--state is %q; it takes one of %v", state, tasks.States()))
		}
	}
	for i, raw := range c.Domains {
		domain, err := tasks.ParseDomain(raw)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		c.Domains[i] = domain
	}
	return errors.Join(errs...)
}

// Run prints the domains asked for.
func (c *statusCmd) Run(ctx context.Context, s *terminal.Streams) error {
	return c.withLedger(ctx, s, func(db database) error {
		if c.Watch {
			return c.watch(ctx, s, db.ledger)
		}
		found, err := c.read(ctx, db.ledger)
		if err != nil {
			return err
		}
		if err := c.print(s, found, time.Now()); err != nil {
			return fmt.Errorf("print the status: %w", err)
		}
		if len(found.unknown) > 0 {
			return unknownDomains("", found.unknown)
		}
		return nil
	})
}

// foundDomains is what the ledger has of the domains asked for.
type foundDomains struct {
	domains  []domainStatus
	troubles []appInTrouble
	dryRuns  []string // notices of workers of these apps
	unknown  []string // domains that no app has
	unserved ledger.Unserved
	noWorker bool
}

type appInTrouble struct {
	app string
	listsync.Failure
}

func (c *statusCmd) read(ctx context.Context, l *ledger.Ledger) (found foundDomains, err error) {
	live, liveKnown, err := liveWorkers(ctx, l)
	if err != nil {
		return found, err
	}
	found.noWorker = liveKnown && len(live) == 0
	var apps []string
	var views []ledger.View
	if len(c.Domains) > 0 {
		apps, views, err = c.named(ctx, l, &found)
	} else {
		apps, views, err = c.all(ctx, l, live, &found)
	}
	if err != nil {
		return found, err
	}
	superseded, err := l.Superseded(ctx, slices.Compact(slices.Sorted(slices.Values(apps)))...)
	if err != nil {
		return found, err
	}
	known := map[string]bool{}
	for _, v := range views {
		known[v.Domain] = true
		if len(c.State) == 0 || slices.Contains(c.State, string(v.State)) {
			d := statusOf(v)
			if change, is := superseded[ledger.Position{Domain: v.Domain, App: v.AppID}]; is {
				d.noteSuperseded(v, change)
			}
			found.domains = append(found.domains, d)
		}
	}
	found.dryRuns = dryRunNotices(live, apps)
	found.unknown = slices.DeleteFunc(slices.Clone(c.Domains), func(d string) bool { return known[d] })
	return found, nil
}

// named reads the named domains, and returns the apps that were asked for, or that have one.
func (c *statusCmd) named(ctx context.Context, l *ledger.Ledger, found *foundDomains) (apps []string, views []ledger.View, err error) {
	views, failures, err := l.Lookup(ctx, c.App, c.Domains)
	for _, app := range slices.Sorted(maps.Keys(failures)) {
		found.troubles = append(found.troubles, appInTrouble{app, failures[app]})
	}
	if apps = c.App; len(apps) == 0 {
		for _, v := range views {
			apps = append(apps, v.AppID)
		}
	}
	return apps, views, err
}

// all reads all domains of the apps. It doesn't read apps that have none in the states asked for.
func (c *statusCmd) all(ctx context.Context, l *ledger.Ledger, live []ledger.Worker, found *foundDomains) (apps []string, all []ledger.View, err error) {
	var states []ledger.App
	if len(c.App) == 0 && len(c.State) > 0 {
		states, err = l.AppsWithStates(ctx, c.states()...)
	} else {
		states, err = l.AppStates(ctx, c.App...)
	}
	if err != nil {
		return nil, nil, err
	}
	if len(c.App) == 0 {
		states, found.unserved = splitUnserved(states, live, c.JSON)
	}
	for _, app := range states {
		apps = append(apps, app.ID)
		if app.Failure != nil {
			found.troubles = append(found.troubles, appInTrouble{app.ID, *app.Failure})
		}
		if len(c.State) > 0 && !slices.ContainsFunc(c.State, func(state string) bool { return app.Counts[tasks.State(state)] > 0 }) {
			continue
		}
		views, err := l.Domains(ctx, app.ID)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, views...)
	}
	return apps, all, nil
}

func (c *statusCmd) states() (states []tasks.State) {
	for _, state := range c.State {
		states = append(states, tasks.State(state))
	}
	return states
}

func (c *statusCmd) print(s *terminal.Streams, found foundDomains, now time.Time) error {
	if c.JSON {
		return printJSON(s.Out, found.domains)
	}
	if found.noWorker {
		s.Noticef("%s", noWorker)
	}
	for _, dryRun := range found.dryRuns {
		s.Noticef("%s", dryRun)
	}
	for _, trouble := range found.troubles {
		s.Noticef("%s", text.Printable(trouble.describe(now)))
	}
	noteUnserved(s, found.unserved)
	return statusTable(found.domains, now).Print(s)
}

func statusTable(domains []domainStatus, now time.Time) *terminal.Table {
	t := &terminal.Table{Columns: statusColumns()}
	for _, d := range domains {
		t.Add(d.AppID, tasks.ShownName(d.Domain), d.shown(), shownNames(d.Names), d.describeAttempt(),
			relative(d.AttemptAt, now), relative(d.NextCheckAt, now), cmp.Or(d.Advice, d.Reason))
	}
	return t
}

func statusColumns() []terminal.Column {
	return []terminal.Column{terminal.AppColumn(), terminal.DomainColumn(), terminal.StateColumn(), {Title: "NAMES", Rank: 4, Min: 24}, {Title: "ATTEMPT", Rank: 2},
		{Title: "LAST ATTEMPT", Rank: 3}, {Title: "NEXT CHECK", Rank: 1}, terminal.ReasonColumn()}
}

// describe is an app's trouble in a line.
func (t appInTrouble) describe(now time.Time) string {
	state := "is in trouble and tried again"
	if t.Blocked {
		state = "is " + blockedMark
	}
	return fmt.Sprintf("App %s %s (it began %s): %s", t.app, state, relative(&t.Since, now), t.Reason)
}
