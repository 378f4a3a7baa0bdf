package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

type appsCmd struct {
	Show   appsShowCmd   `cmd:"" default:"withargs" help:"Show where apps stand."`
	Forget appsForgetCmd `cmd:"" help:"Drop an app that no worker serves, such as a mistyped one."`
}

// Help is shown under the command's own --help.
func (*appsCmd) Help() string {
	return `Alone it is 'pilotsync apps show', and takes its flags and apps.

Examples:

    pilotsync apps

    pilotsync apps app1 app2 --json

    pilotsync apps forget nosuchapp`
}

type appsShowCmd struct {
	redisFlags

	JSON bool     `name:"json" help:"Print one JSON array."`
	Apps []string `arg:"" optional:"" name:"app" predictor:"app" help:"Apps to show. Default: all."`
}

// Help is shown under the command's own --help.
func (*appsShowCmd) Help() string {
	return fmt.Sprintf(`It shows of each app its domains by state, how many of the %d names of its list are taken, what waits and since when, the last write of its list, and its trouble or who paused it. It reads Redis only, so it works without a worker and needs no key.

Examples:

    pilotsync apps

    pilotsync apps --json | jq '.[] | select(.trouble)'`, listsync.Limit)
}

// Validate is called by kong after parsing.
func (c *appsShowCmd) Validate() error {
	var errs []error
	for _, app := range c.Apps {
		errs = append(errs, tasks.CheckAppID(app))
	}
	return errors.Join(errs...)
}

// appStatus is where an app stands, as --json prints it. The keys are a contract
// with whoever reads them.
type appStatus struct {
	ID       string              `json:"app_id"`
	Domains  map[tasks.State]int `json:"domains"` // by state; those without any are left out
	Listed   int                 `json:"listed"`
	Limit    int                 `json:"limit"`
	ListedAt *time.Time          `json:"listed_at"`
	Waiting  int                 `json:"waiting"`
	Oldest   *time.Time          `json:"oldest_waiting_since"`
	Expiry   *time.Time          `json:"first_certificate_ends_at"`
	Expiring int                 `json:"certificates_that_end_soon"` // within 14 days, of domains that are done
	Trouble  *appTrouble         `json:"trouble"`
	PausedBy string              `json:"paused_by"` // empty if it isn't
	Write    *appWrite           `json:"last_write"`
	// DryRun is what a dry run would have written; absent if a sync wrote since.
	DryRun *appDryRun `json:"dry_run,omitempty"`
}

type appTrouble struct {
	Reason  string    `json:"reason"`
	Blocked bool      `json:"blocked"`
	Since   time.Time `json:"since"`
}

type appDryRun struct {
	At      time.Time `json:"at"`
	Added   int       `json:"added"`
	Removed int       `json:"removed"`
}

type appWrite struct {
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"`
	Added   []string  `json:"added"`
	Removed []string  `json:"removed"`
	Size    int       `json:"size"`
	Who     string    `json:"who"`
}

const blockedWords = "blocked until a person acts"

// Run prints the apps.
func (c *appsShowCmd) Run(ctx context.Context, s *streams) error {
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	l := ledger.New(rdb)
	known, err := l.Apps(ctx)
	if err != nil {
		return err
	}
	states, err := l.AppStates(ctx, c.Apps...)
	if err != nil {
		return err
	}
	var shown []appStatus
	found := map[string]bool{}
	for _, id := range known {
		found[id] = true
	}
	for _, app := range states {
		if !found[app.ID] {
			continue
		}
		writes, err := l.Writes(ctx, app.ID, 1)
		if err != nil {
			return err
		}
		shown = append(shown, appStatusOf(app, writes))
	}
	if c.JSON {
		err = printJSON(s.Out, shown)
	} else {
		lines, readErr := dryRuns(ctx, l, known)
		if readErr != nil {
			return readErr
		}
		for _, line := range lines {
			s.notice("%s", line)
		}
		err = appTable(shown, time.Now()).print(s)
	}
	if err != nil {
		return fmt.Errorf("print the apps: %w", err)
	}
	var unknown []string
	for _, id := range c.Apps {
		if !found[id] {
			unknown = append(unknown, id)
		}
	}
	if unknown != nil {
		return fmt.Errorf("not known: %s (no worker has taken a change for it yet)", strings.Join(unknown, ", "))
	}
	return nil
}

func appStatusOf(app ledger.App, writes []ledger.Write) appStatus {
	a := appStatus{ID: app.ID, Domains: map[tasks.State]int{}, Listed: app.Listed, Limit: listsync.Limit, Waiting: app.Pending, Expiring: app.Expiring, PausedBy: app.Paused,
		ListedAt: utc(known(app.ListedAt)), Oldest: utc(known(app.Oldest)), Expiry: utc(known(app.Expiry))}
	for state, n := range app.Counts {
		if n > 0 {
			a.Domains[state] = n
		}
	}
	if t := app.Failure; t != nil {
		a.Trouble = &appTrouble{t.Reason, t.Blocked, t.Since.UTC()}
	}
	if d := app.DryRun; d != nil {
		a.DryRun = &appDryRun{d.At.UTC(), d.Added, d.Removed}
	}
	if len(writes) > 0 {
		w := writes[0]
		a.Write = &appWrite{w.At.UTC(), w.Outcome, append([]string{}, w.Added...), append([]string{}, w.Removed...), w.Size, w.WorkerID}
	}
	return a
}

func appTable(apps []appStatus, now time.Time) *table {
	t := &table{columns: []column{{title: "APP", min: 16}, {title: "DOMAINS", min: 18}, {title: "NAMES"}, {title: "WAITING", rank: 1},
		{title: "OLDEST", rank: 3}, {title: "LAST WRITE", rank: 2}, {title: "TROUBLE", min: 30, color: troubleColor}}}
	for _, a := range apps {
		var domains []string
		for _, state := range tasks.States() {
			if n := a.Domains[state]; n > 0 {
				domains = append(domains, fmt.Sprintf("%d %s", n, state))
			}
		}
		names, write, trouble := "", "", ""
		if a.ListedAt != nil {
			names = fmt.Sprintf("%d of %d", a.Listed, a.Limit)
		}
		if w := a.Write; w != nil {
			write = fmt.Sprintf("%s: +%d -%d", relative(&w.At, now), len(w.Added), len(w.Removed))
			if w.Outcome != "written" {
				write += " (" + w.Outcome + ")"
			}
		}
		if a.Trouble != nil {
			trouble = "tried again: " + a.Trouble.Reason
			if a.Trouble.Blocked {
				trouble = blockedWords + ": " + a.Trouble.Reason
			}
		}
		if d := a.DryRun; d != nil {
			trouble = strings.TrimSuffix(fmt.Sprintf("dry run: a sync would write +%d -%d; %s", d.Added, d.Removed, trouble), "; ")
		}
		if a.PausedBy != "" {
			trouble = strings.TrimSuffix("paused by "+a.PausedBy+"; "+trouble, "; ")
		}
		t.add(a.ID, strings.Join(domains, ", "), names, strconv.Itoa(a.Waiting), relative(a.Oldest, now), write, trouble)
	}
	return t
}

// troubleColor is red for an app that waits for a person, yellow for other trouble.
func troubleColor(trouble string) color {
	switch {
	case trouble == "-":
		return ""
	case strings.Contains(trouble, blockedWords):
		return red
	}
	return yellow
}
