package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"pilotsync/internal/serverpilot"
	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

type appsCmd struct {
	Show   appsShowCmd   `cmd:"" default:"withargs" help:"Show the state of apps."`
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

	App  []string `predictor:"app" help:"The same as an app's id alone, as other commands take it."`
	JSON bool     `name:"json" help:"Print one JSON array."`
	Apps []string `arg:"" optional:"" name:"app" predictor:"app" help:"Apps to show. Default: all."`
}

// Help is shown under the command's own --help.
func (*appsShowCmd) Help() string {
	return fmt.Sprintf(`Shows each app's domains by state, and how many of the %d names that a list can have are used. It also shows the waiting changes with the oldest one's age, the list's last write, the app's trouble, and the operator who paused it. A disconnected server, domains that wait for a person, and names without a certificate on a list of more than %d are trouble, too. The command reads Redis only, so it works without a worker and needs no key.

Examples:

    pilotsync apps

    pilotsync apps --json | jq '.[] | select(.trouble)'`, listsync.Limit, serverpilot.MaxCertificateNames)
}

// Validate is called by kong after parsing.
func (c *appsShowCmd) Validate() error {
	err := errors.Join(checkApps("--app: ", c.App), checkApps("", c.Apps))
	for _, app := range c.App {
		if !slices.Contains(c.Apps, app) {
			c.Apps = append(c.Apps, app)
		}
	}
	return err
}

// appStatus is the state of an app, as --json prints it. The keys are a contract.
type appStatus struct {
	ID       string              `json:"app_id"`
	Domains  map[tasks.State]int `json:"domains"` // by state; those without any are left out
	Listed   int                 `json:"listed"`
	Limit    int                 `json:"limit"`
	ListedAt *time.Time          `json:"listed_at"`
	Waiting  int                 `json:"waiting"`
	Oldest   *time.Time          `json:"oldest_waiting_since"`
	Expiry   *time.Time          `json:"first_certificate_ends_at"`
	Expiring int                 `json:"certificates_that_end_soon"` // of domains that are done: a quarter of the lifetime is left, or less
	Trouble  *appTrouble         `json:"trouble"`
	PausedBy string              `json:"paused_by"` // empty if it isn't
	// Disconnected is since when the app's server isn't connected to ServerPilot; null if it is.
	Disconnected *time.Time `json:"server_disconnected_since"`
	// Coverage is null for a list that fits on one certificate.
	Coverage *serverpilot.Coverage `json:"certificate_coverage"`
	Write    *writeSummary         `json:"last_write"`
	// Action is ServerPilot's last action for a write that was read; null for none.
	Action *ledger.Action `json:"last_action"`
	// DryRun is what a dry run would have written; absent if a sync wrote since.
	DryRun *appDryRun `json:"dry_run,omitempty"`
	// ServedBy are the live workers that serve the app; null if Redis's user may not read them.
	ServedBy []string `json:"served_by"`

	// NeedsAttention counts the domains that wait for a person, by cause; a domain counts for each of
	// its causes. Snoozed ones, and those without any, are left out.
	NeedsAttention map[tasks.Code]int `json:"needs_attention"`

	lastWrite *ledger.LastWrite // for the table
	attention []tasks.Code      // the keys of NeedsAttention, that of the most domains first
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

const (
	blockedMark      = "blocked until a person acts"
	disconnectedMark = "its server is not connected to ServerPilot since "
)

// Run prints the apps.
func (c *appsShowCmd) Run(ctx context.Context, s *terminal.Streams) error {
	return c.withLedger(ctx, s, func(db database) error {
		known, err := db.ledger.Apps(ctx)
		if err != nil {
			return err
		}
		live, liveKnown, err := liveWorkers(ctx, db.ledger)
		if err != nil {
			return err
		}
		known = append(known, served(live)...)
		shown, unserved, err := c.read(ctx, db.ledger, known, live)
		if err != nil {
			return err
		}
		if c.JSON {
			if liveKnown {
				addServedBy(shown, live)
			}
			err = printJSON(s.Out, shown)
		} else {
			if liveKnown && len(live) == 0 {
				s.Noticef("%s", noWorker)
			}
			for _, line := range dryRunNotices(live, known) {
				s.Noticef("%s", line)
			}
			noteUnserved(s, unserved)
			err = appTable(shown, time.Now()).Print(s)
		}
		if err != nil {
			return fmt.Errorf("print the apps: %w", err)
		}
		if unknown := slices.DeleteFunc(slices.Clone(c.Apps), func(id string) bool { return slices.Contains(known, id) }); len(unknown) > 0 {
			return unknownApps(unknown)
		}
		return nil
	})
}

func addServedBy(apps []appStatus, live []ledger.Worker) {
	for i := range apps {
		apps[i].ServedBy = append([]string{}, ledger.ServedBy(live, apps[i].ID)...) // [] in JSON, not null
	}
}

func unknownApps(apps []string) error {
	return fmt.Errorf("not known: %s (no worker has taken such an app's change yet)", strings.Join(apps, ", "))
}

// read returns those of the apps asked for that are known: those of the ledger, and those that a
// live worker serves. For a table, unserved apps that weren't asked for are few.
func (c *appsShowCmd) read(ctx context.Context, l *ledger.Ledger, known []string, live []ledger.Worker) (shown []appStatus, unserved ledger.Unserved, err error) {
	states, err := l.AppStates(ctx, c.Apps...)
	if err != nil {
		return nil, unserved, err
	}
	if len(c.Apps) == 0 {
		states, unserved = splitUnserved(ledger.AddServed(states, live), live, c.JSON)
	} else {
		states = slices.DeleteFunc(states, func(app ledger.App) bool { return !slices.Contains(known, app.ID) })
	}
	var wrote []string
	for _, app := range states {
		shown = append(shown, appStatusOf(app))
		if app.LastWrite != nil {
			wrote = append(wrote, app.ID)
		}
	}
	if !c.JSON {
		return shown, unserved, nil // the table has no names
	}
	writes, err := l.LastWrites(ctx, wrote...)
	if err != nil {
		return nil, unserved, err
	}
	for i := range shown {
		if w, ok := writes[shown[i].ID]; ok {
			write := summaryOf(w)
			shown[i].Write = &write
		}
	}
	return shown, unserved, nil
}

func appStatusOf(app ledger.App) appStatus {
	a := appStatus{ID: app.ID, Domains: map[tasks.State]int{}, Listed: app.Listed, Limit: listsync.Limit, Waiting: app.Pending, Expiring: app.Expiring.Count, PausedBy: app.Paused,
		Disconnected: utc(nonZero(app.DisconnectedSince)), Coverage: app.Coverage, Action: app.Action,
		ListedAt: utc(nonZero(app.ListedAt)), Oldest: utc(nonZero(app.Oldest)), Expiry: utc(nonZero(app.Expiry))}
	for state, n := range app.Counts {
		if n > 0 {
			a.Domains[state] = n
		}
	}
	a.NeedsAttention = map[tasks.Code]int{}
	attention := app.Attention()
	for code := range attention {
		a.NeedsAttention[code] = attention.Of(code)
	}
	a.attention = attention.Sorted()
	if t := app.Failure; t != nil {
		a.Trouble = &appTrouble{t.Reason, t.Blocked, t.Since.UTC()}
	}
	if d := app.DryRun; d != nil {
		a.DryRun = &appDryRun{d.At.UTC(), d.Added, d.Removed}
	}
	a.lastWrite = app.LastWrite
	return a
}

func appTable(apps []appStatus, now time.Time) *terminal.Table {
	t := &terminal.Table{Columns: []terminal.Column{{Title: "APP", Min: 16}, {Title: "DOMAINS", Min: 18}, {Title: "NAMES"}, {Title: "WAITING", Rank: 1},
		{Title: "OLDEST", Rank: 3}, {Title: "LAST WRITE", Rank: 2}, {Title: "TROUBLE", Min: 30, Color: troubleColor}}}
	for _, a := range apps {
		names, write := "no sync yet", ""
		if a.ListedAt != nil {
			names = fmt.Sprintf("%d of %d", a.Listed, a.Limit)
		}
		if w := a.lastWrite; w != nil {
			write = fmt.Sprintf("%s: +%d -%d", relative(&w.At, now), w.Added, w.Removed)
			if w.Outcome != ledger.WriteSucceeded {
				write += " (" + string(w.Outcome) + ")"
			}
		}
		t.Add(a.ID, terminal.StateCounts(a.Domains), names, strconv.Itoa(a.Waiting), relative(a.Oldest, now), write, a.describeTrouble())
	}
	return t
}

// describeTrouble says what keeps the app's changes from taking effect, which names have no
// certificate, and why domains wait for a person; empty for nothing.
func (a appStatus) describeTrouble() string {
	var all []string
	if a.Disconnected != nil {
		all = append(all, disconnectedMark+a.Disconnected.Format(time.RFC3339))
	}
	if a.PausedBy != "" {
		all = append(all, "paused by "+a.PausedBy)
	}
	if d := a.DryRun; d != nil {
		all = append(all, fmt.Sprintf("dry run: a sync would write +%d -%d", d.Added, d.Removed))
	}
	switch {
	case a.Trouble == nil:
	case a.Trouble.Blocked:
		all = append(all, blockedMark+": "+a.Trouble.Reason)
	default:
		all = append(all, "tried again: "+a.Trouble.Reason)
	}
	if c := a.Coverage; c != nil && c.Covered < c.Names {
		all = append(all, fmt.Sprintf("the certificate covers %d of %d names", c.Covered, c.Names))
	}
	if a.Action != nil && a.Action.Status == serverpilot.ActionError {
		all = append(all, fmt.Sprintf("ServerPilot's action %s ended with errors", a.Action.ID))
	}
	for _, code := range a.attention {
		all = append(all, fmt.Sprintf("%d × %s", a.NeedsAttention[code], code.Label()))
	}
	return strings.Join(all, "; ")
}

// troubleColor is red for an app that waits for a person, yellow for other trouble.
func troubleColor(trouble string) terminal.Color {
	switch {
	case trouble == "-":
		return ""
	case strings.Contains(trouble, blockedMark), strings.Contains(trouble, disconnectedMark):
		return terminal.Red
	}
	return terminal.Yellow
}
