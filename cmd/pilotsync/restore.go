package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/restore"
)

type restoreCmd struct {
	redisFlags
	appFlag
	operatorFlag
	yesFlag

	At     string `name:"at" required:"" placeholder:"TIME|WRITE" help:"As it was when: the number of the last write that stays, as 'pilotsync history' shows it (0 for before the first), or a time as in RFC 3339; without its zone it is in UTC."`
	DryRun bool   `name:"dry-run" help:"Only show what would be done."`
}

// Help is shown under the command's own --help.
func (*restoreCmd) Help() string {
	return fmt.Sprintf(`What pilotsync's own writes of the list have changed since then is taken back: each of those names is to be as it was. It becomes ordinary changes, with new order numbers, so that no earlier change that comes late undoes it; and it can be undone itself in the same way. Names that are as they were already, and those that somebody changed by hand, are left alone. Of a write whose answer never came ('unknown') only what the ledger has as that write would have made it is taken back.

The last %d writes of an app are kept; a time before the first of them is refused, and the range that can be restored is shown. What will change is shown first. On a terminal it asks whether to go on; elsewhere it needs --yes if names leave the list. It needs Redis only. WordPress isn't told: where it still maps a domain that is taken off, 'wp pilotsync resync' puts it on again.

Examples:

    pilotsync restore --app=app1 --at=41 --dry-run      # as it was right after write 41

    pilotsync restore --app=app1 --at=41 --by=ada

    pilotsync restore --app=app1 --at=2026-03-01T09:30:00Z --yes      # in a script`, ledger.WritesKept)
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

// Run undoes the writes.
func (c *restoreCmd) Run(ctx context.Context, s *streams) error {
	app, appErr := c.app()
	by, byErr := c.operator()
	point, atErr := parsePoint(c.At, time.Now())
	if err := errors.Join(appErr, byErr, atErr); err != nil {
		return usageError{err}
	}
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	l := ledger.New(rdb)
	kept, err := l.Writes(ctx, app, ledger.WritesKept+1) // and one on its way
	if err != nil {
		return err
	}
	writes, err := restore.After(kept, point)
	if err != nil {
		return fmt.Errorf("app %s can't be restored: %w", app, err)
	}
	views, err := l.Domains(ctx, app)
	if err != nil {
		return err
	}
	ours, err := l.Owned(ctx, app)
	if err != nil {
		return err
	}
	on := restore.On(views, ours)
	add, remove := restore.Names(writes, func(name string) bool { return on[name] })
	reqs := restore.Requests(app, by, add, remove, views)
	if err := c.show(s, app, writes, add, remove, reqs); err != nil || c.DryRun || len(reqs) == 0 {
		return err
	}
	if s.Interactive || len(remove) > 0 {
		listed, err := listed(ctx, l, app)
		if err != nil {
			return err
		}
		if err := c.confirm(ctx, s, question(removal{app, remove, listed}, len(add))); err != nil {
			return err
		}
	}
	_, err = enqueue.New(rdb).Enqueue(ctx, reqs...)
	switch {
	case errors.Is(err, enqueue.ErrUnavailable):
		return fmt.Errorf("%w\nTo restore again is safe", err)
	case err != nil:
		return err
	}
	_, err = fmt.Fprintf(s.Out, "%s enqueued for app %s\n", counted(len(reqs), "change"), app)
	return err
}

// question asks for a restore that also puts names on the list.
func question(off removal, on int) string {
	switch {
	case len(off.names) == 0:
		return fmt.Sprintf("Put %s on the list of app %s?", counted(on, "name"), off.app)
	case on == 0:
		return "Take " + off.inWords() + "?"
	}
	return fmt.Sprintf("Take %s, and put %d on?", off.inWords(), on)
}

// show prints the difference, and the changes that make it.
func (c *restoreCmd) show(s *streams, app string, writes []ledger.Write, add, remove []string, reqs []enqueue.Request) error {
	if len(reqs) == 0 {
		_, err := fmt.Fprintf(s.Out, "nothing to do for app %s: %s since then, and its names are as they were\n", app, counted(len(writes), "write"))
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s of app %s since then:\n", counted(len(writes), "write"), app)
	if err := printDiff(&b, add, remove); err != nil {
		return err
	}
	b.WriteString("as changes:\n")
	for _, r := range reqs {
		fmt.Fprintf(&b, "  %s\n", inChange(r))
	}
	if c.DryRun {
		b.WriteString("nothing was enqueued (--dry-run)\n")
	}
	_, err := fmt.Fprint(s.Out, b.String())
	return err
}

// inChange is a request in words.
func inChange(r enqueue.Request) string {
	switch {
	case r.Remove:
		return "remove " + r.Domain
	case r.WWW == tasks.WWWAlways:
		return "add " + r.Domain + ", with its www form"
	}
	return "add " + r.Domain
}

// counted is a number of things: "1 change", "2 changes".
func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}
