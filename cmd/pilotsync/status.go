package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/applist"
	"pilotsync/worker/ledger"
)

type statusCmd struct {
	redisSettings

	App     []string `predictor:"app" help:"App to show; give it again for more. Default: all."`
	State   []string `predictor:"state" help:"State to show; give it again for more. Default: all."`
	JSON    bool     `name:"json" help:"Print one JSON array."`
	Domains []string `arg:"" optional:"" name:"domain" help:"Domains to show. Default: all."`
}

// Help is shown under the command's own --help.
func (*statusCmd) Help() string {
	return `It reads Redis only, so it works without a worker and needs no key. Exits with 1 if a domain that was asked for isn't known.

Examples:

    pilotsync status

    pilotsync status --app=app1 --state=failed --state=rejected

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
	rdb, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer rdb.Close()
	l := ledger.New(rdb)
	apps := c.App
	if len(apps) == 0 {
		if apps, err = l.Apps(ctx); err != nil {
			return err
		}
	}
	var shown []domainStatus
	var troubles []string
	known, now := map[string]bool{}, time.Now()
	for _, app := range apps {
		where, err := l.App(ctx, app)
		if err != nil {
			return err
		}
		if where.Trouble != nil {
			troubles = append(troubles, inWords(app, *where.Trouble, now))
		}
		views, err := l.Domains(ctx, app, c.Domains...)
		if err != nil {
			return err
		}
		for _, v := range views {
			known[v.Domain] = true
			if len(c.State) == 0 || slices.Contains(c.State, string(v.State)) {
				shown = append(shown, statusOf(v))
			}
		}
	}
	if err := c.print(s, shown, troubles, now); err != nil {
		return fmt.Errorf("print the status: %w", err)
	}
	unknown := slices.DeleteFunc(slices.Clone(c.Domains), func(d string) bool { return known[d] })
	if len(unknown) > 0 {
		return fmt.Errorf("not known: %s (if it was enqueued, no worker has taken it yet)", strings.Join(unknown, ", "))
	}
	return nil
}

func (c *statusCmd) print(s *streams, shown []domainStatus, troubles []string, now time.Time) error {
	if c.JSON {
		return printJSON(s.Out, shown)
	}
	for _, trouble := range troubles {
		s.notice("%s", plain(trouble))
	}
	t := table{columns: statusColumns()}
	for _, d := range shown {
		t.add(d.AppID, d.Domain, string(d.State), strings.Join(d.Names, ", "), strconv.Itoa(d.Attempt),
			relative(d.AttemptAt, now), relative(d.NextAttemptAt, now), d.Reason)
	}
	return t.print(s)
}

func statusColumns() []column {
	return []column{appColumn(), domainColumn(), stateColumn(), {title: "NAMES", rank: 4, min: 24}, {title: "ATTEMPT", rank: 2},
		{title: "LAST ATTEMPT", rank: 3}, {title: "NEXT ATTEMPT", rank: 1}, reasonColumn()}
}

// inWords tells of an app's trouble in a line.
func inWords(app string, t applist.Trouble, now time.Time) string {
	what := "is in trouble and tried again"
	if t.Blocked {
		what = "is blocked until a person acts"
	}
	return fmt.Sprintf("App %s %s (it began %s): %s", app, what, relative(&t.Since, now), t.Reason)
}
