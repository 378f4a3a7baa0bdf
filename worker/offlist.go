package worker

import (
	"context"
	"slices"
	"strings"

	"pilotsync/internal/serverpilot"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
)

// offList returns those of a record's names that aren't on ServerPilot's list. If there are
// any, it wakes the app and says how they get back. app may be some seconds old, so a missing
// name counts only if a new read confirms it. It doesn't count while another change of the
// domain is pending.
func (c *collector) offList(ctx context.Context, app serverpilot.App, r listsync.Record) (names []string, repair string, err error) {
	if len(missing(r.Names, app.Domains)) == 0 {
		return nil, "", nil
	}
	if app, err = c.apps.FreshApp(ctx, app.ID); err != nil {
		return nil, "", err
	}
	if names = missing(r.Names, app.Domains); len(names) == 0 {
		return nil, "", nil
	}
	view, _, err := c.ledger.Domain(ctx, app.ID, r.Domain)
	if err != nil || view.Pending != nil || view.Record.Version != r.Version {
		return nil, "", err
	}
	state, err := c.ledger.App(ctx, app.ID)
	switch {
	case err != nil:
		return nil, "", err
	case state.Paused != "":
		return names, "a sync puts it back once the app is resumed", nil
	case c.dryRun:
		repair = "a dry run doesn't put it back"
	default:
		repair = "a sync puts it back"
	}
	if !state.Awake {
		if err := c.enqueuer.Wake(ctx, app.ID); err != nil {
			return nil, "", err
		}
	}
	return names, repair, nil
}

// missing returns the names that aren't on the list, ignoring letter case.
func missing(names, list []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(list, func(on string) bool { return strings.EqualFold(on, name) })
	})
}

// namesToProbe returns the names on the list; none if the domain itself isn't on it.
func namesToProbe(f certcheck.Facts) []string {
	if slices.Contains(f.OffList, f.Domain) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(f.Names), func(name string) bool { return slices.Contains(f.OffList, name) })
}
