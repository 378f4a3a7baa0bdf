package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/restore"
)

type restoreCmd struct {
	redisFlags
	appFlag
	operatorFlag
	yesFlag

	At     string `name:"at" required:"" placeholder:"TIME|WRITE" help:"Point to restore. Either the number of the last write that stays, as 'pilotsync history' shows it (0 for before the first). Or a time as in RFC 3339, in UTC if it has no zone."`
	DryRun bool   `name:"dry-run" help:"Only show what would be changed."`
}

// Help is shown under the command's own --help.
func (*restoreCmd) Help() string {
	return fmt.Sprintf(`Reverses what pilotsync's own writes have changed on the list since the point --at. The reversal is made of ordinary changes with new order numbers, so older changes can't override it; to reverse it, restore again. Names that already are as they were, and names changed by hand, are left alone. A write whose answer never came ('unknown') is reversed only where the ledger shows its effect.

The last %d writes of an app are kept; a time before the first of them is refused. The error says what can be restored. The changes are shown first. On a terminal the command asks for confirmation; elsewhere it needs --yes if names leave the list. It needs Redis only. WordPress isn't informed: if it still maps a domain that was taken off, 'wp pilotsync resync' puts it on the list again.

Examples:

    pilotsync restore --app=app1 --at=41 --dry-run   # as after write 41

    pilotsync restore --app=app1 --at=41 --by=ada

    pilotsync restore --app=app1 --at=2026-03-01T09:30:00Z --yes   # scripted`, ledger.WritesKept)
}

// parsePoint reads --at.
func parsePoint(at string, now time.Time) (restore.Point, error) {
	if n, err := strconv.ParseInt(at, 10, 64); err == nil && n >= 0 {
		return restore.Point{N: n}, nil
	}
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04", "2006-01-02 15:04"} {
		t, err := time.Parse(form, at)
		switch {
		case err != nil:
		case t.After(now):
			return restore.Point{}, fmt.Errorf("--at is %s, which is still to come", t.UTC().Format(time.RFC3339))
		case t.Unix() <= 0:
			return restore.Point{}, fmt.Errorf("--at is %s; it takes a time after 1970", at)
		default:
			return restore.Point{Time: t}, nil
		}
	}
	return restore.Point{}, fmt.Errorf("--at is %q; it takes the number of a write, or a time such as 2026-03-01T09:30:00Z", at)
}

// Run restores the list.
func (c *restoreCmd) Run(ctx context.Context, s *terminal.Streams) error {
	app, appErr := c.app()
	by, byErr := c.operator()
	point, atErr := parsePoint(c.At, time.Now())
	if err := errors.Join(appErr, byErr, atErr); err != nil {
		return usageError{err}
	}
	return c.withLedger(ctx, s, func(db database) error {
		plan, err := planRestore(ctx, db.ledger, app, by, point)
		if err != nil {
			return err
		}
		if err := c.print(s, app, plan); err != nil || c.DryRun || len(plan.requests) == 0 {
			return err
		}
		if s.Interactive || len(plan.remove) > 0 {
			listed, err := listed(ctx, db.ledger, app)
			if err != nil {
				return err
			}
			if err := c.confirm(ctx, s, question(removal{app, plan.remove, listed}, len(plan.add))); err != nil {
				return err
			}
		}
		if err := noteNoWorker(ctx, s, db.ledger); err != nil {
			return err
		}
		if _, err := db.enqueue(ctx, "restore", plan.requests...); err != nil {
			return err
		}
		_, err = fmt.Fprintf(s.Out, "%s enqueued for app %s\n", counted(len(plan.requests), "change"), app)
		return err
	})
}

// restorePlan is what a restore changes.
type restorePlan struct {
	writes      []ledger.Write // those that are reversed
	add, remove []string       // names
	requests    []enqueue.Request
}

func planRestore(ctx context.Context, l *ledger.Ledger, app, by string, point restore.Point) (restorePlan, error) {
	kept, err := l.Writes(ctx, app, ledger.WritesKept+1) // and one in flight
	if err != nil {
		return restorePlan{}, err
	}
	writes, err := restore.After(kept, point)
	if err != nil {
		return restorePlan{}, fmt.Errorf("app %s can't be restored: %w", app, err)
	}
	views, err := l.Domains(ctx, app)
	if err != nil {
		return restorePlan{}, err
	}
	owned, err := l.Owned(ctx, app)
	if err != nil {
		return restorePlan{}, err
	}
	on := restore.OnList(views, owned)
	add, remove := restore.Names(writes, func(name string) bool { return on[name] })
	return restorePlan{writes, add, remove, restore.Requests(app, by, add, remove, views)}, nil
}

// question asks to confirm names that leave and names that join a list.
func question(off removal, on int) string {
	switch {
	case len(off.names) == 0:
		return fmt.Sprintf("Put %s on the list of app %s?", counted(on, "name"), off.app)
	case on == 0:
		return "Take " + off.describe() + "?"
	}
	return fmt.Sprintf("Take %s, and put %d on?", off.describe(), on)
}

// print shows the difference, and the changes that make it.
func (c *restoreCmd) print(s *terminal.Streams, app string, plan restorePlan) error {
	if len(plan.requests) == 0 {
		_, err := fmt.Fprintf(s.Out, "nothing to do for app %s: %s since then, and its names are as they were\n", app, counted(len(plan.writes), "write"))
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s of app %s since then:\n", counted(len(plan.writes), "write"), app)
	if err := printDiff(&b, plan.add, plan.remove); err != nil {
		return err
	}
	b.WriteString("as changes:\n")
	for _, r := range plan.requests {
		fmt.Fprintf(&b, "  %s\n", describeRequest(r))
	}
	if c.DryRun {
		b.WriteString("nothing was enqueued (--dry-run)\n")
	}
	_, err := fmt.Fprint(s.Out, b.String())
	return err
}

// describeRequest is a request in words.
func describeRequest(r enqueue.Request) string {
	switch {
	case r.Remove:
		return "remove " + r.Domain
	case r.WWW == tasks.WWWAlways:
		return "add " + r.Domain + ", with its www form"
	}
	return "add " + r.Domain
}
