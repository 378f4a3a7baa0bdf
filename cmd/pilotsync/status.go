package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

type statusCmd struct {
	redisFlags

	App     []string `predictor:"app" help:"App to show; give it again for more. Default: all."`
	State   []string `predictor:"state" help:"State to show; give it again for more. Default: all."`
	Watch   bool     `help:"Show it until Ctrl-C, anew every 2 seconds and trouble first. In a pipe: a line for each domain, and one whenever a domain changes."`
	JSON    bool     `name:"json" help:"Print one JSON array; with --watch, an object a line."`
	Domains []string `arg:"" optional:"" name:"domain" help:"Domains to show. Default: all."`
}

// Help is shown under the command's own --help.
func (*statusCmd) Help() string {
	return `It reads Redis only, so it works without a worker and needs no key. Exits with 1 if a domain that was asked for isn't known.

Examples:

    pilotsync status

    pilotsync status --app=app1 --state=failed --state=rejected

    pilotsync status --watch --app=app1

    pilotsync status example.com --json`
}

// Validate is called by kong after parsing; it puts the domains into their canonical form.
func (c *statusCmd) Validate() error {
	var errs []error
	for _, app := range c.App {
		if err := tasks.CheckAppID(app); err != nil {
			errs = append(errs, fmt.Errorf("--app: %w", err))
		}
	}
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
func (c *statusCmd) Run(ctx context.Context, s *streams) error {
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	l := ledger.New(rdb)
	if c.Watch {
		return c.watch(ctx, s, l)
	}
	seen, err := c.read(ctx, l)
	if err != nil {
		return err
	}
	if err := c.print(s, seen, time.Now()); err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	if len(seen.unknown) > 0 {
		return errors.New(seen.notKnown())
	}
	return nil
}

// statusSeen is what the ledger says of the domains asked for.
type statusSeen struct {
	domains  []domainStatus
	troubles []appInTrouble
	dryRuns  []string // of workers of these apps, in words
	unknown  []string // domains that no app has
}

type appInTrouble struct {
	app string
	listsync.Failure
}

func (c *statusCmd) read(ctx context.Context, l *ledger.Ledger) (seen statusSeen, err error) {
	apps := c.App
	if len(apps) == 0 {
		if apps, err = l.Apps(ctx); err != nil {
			return seen, err
		}
	}
	known := map[string]bool{}
	for _, app := range apps {
		where, err := l.App(ctx, app)
		if err != nil {
			return seen, err
		}
		if where.Failure != nil {
			seen.troubles = append(seen.troubles, appInTrouble{app, *where.Failure})
		}
		views, err := l.Domains(ctx, app, c.Domains...)
		if err != nil {
			return seen, err
		}
		for _, v := range views {
			known[v.Domain] = true
			if len(c.State) == 0 || slices.Contains(c.State, string(v.State)) {
				seen.domains = append(seen.domains, statusOf(v))
			}
		}
	}
	if seen.dryRuns, err = dryRuns(ctx, l, apps); err != nil {
		return seen, err
	}
	seen.unknown = slices.DeleteFunc(slices.Clone(c.Domains), func(d string) bool { return known[d] })
	return seen, nil
}

func (seen statusSeen) notKnown() string {
	return fmt.Sprintf("not known: %s (if it was enqueued, no worker has taken it yet)", strings.Join(seen.unknown, ", "))
}

func (c *statusCmd) print(s *streams, seen statusSeen, now time.Time) error {
	if c.JSON {
		return printJSON(s.Out, seen.domains)
	}
	for _, dryRun := range seen.dryRuns {
		s.notice("%s", dryRun)
	}
	for _, trouble := range seen.troubles {
		s.notice("%s", plain(trouble.inWords(now)))
	}
	return statusTable(seen.domains, now).print(s)
}

func statusTable(domains []domainStatus, now time.Time) *table {
	t := &table{columns: statusColumns()}
	for _, d := range domains {
		t.add(d.AppID, d.Domain, string(d.State), strings.Join(d.Names, ", "), d.attemptInWords(),
			relative(d.AttemptAt, now), relative(d.NextAttemptAt, now), d.Reason)
	}
	return t
}

func statusColumns() []column {
	return []column{appColumn(), domainColumn(), stateColumn(), {title: "NAMES", rank: 4, min: 24}, {title: "ATTEMPT", rank: 2},
		{title: "LAST ATTEMPT", rank: 3}, {title: "NEXT ATTEMPT", rank: 1}, reasonColumn()}
}

// inWords tells of an app's trouble in a line.
func (t appInTrouble) inWords(now time.Time) string {
	what := "is in trouble and tried again"
	if t.Blocked {
		what = "is blocked until a person acts"
	}
	return fmt.Sprintf("App %s %s (it began %s): %s", t.app, what, relative(&t.Since, now), t.Reason)
}
