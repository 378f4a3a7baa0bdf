package worker

import (
	"context"
	"slices"
	"strings"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
)

// offList finds out which of a record's names ServerPilot's list lacks right now, asks
// for a sync where there are any, and says how they come back. app may be some seconds
// old; an absence is believed only if it is seen afresh, and while nothing else is about
// to change the domain.
func (w *Worker) offList(ctx context.Context, app serverpilot.App, r listsync.Record) (names []string, repair string, err error) {
	if names = lacking(app.Domains, r.Names); len(names) == 0 {
		return nil, "", nil
	}
	if app, err = w.details.FreshApp(ctx, app.ID); err != nil {
		return nil, "", err
	}
	if names = lacking(app.Domains, r.Names); len(names) == 0 {
		return nil, "", nil
	}
	view, _, err := w.ledger.Domain(ctx, app.ID, r.Domain)
	if err != nil || view.Pending != nil || view.Record.Version != r.Version {
		return nil, "", err
	}
	state, err := w.ledger.App(ctx, app.ID)
	switch {
	case err != nil:
		return nil, "", err
	case state.Paused != "":
		return names, "a sync puts it back once the app is resumed", nil
	case w.dryRun:
		repair = "a dry run doesn't put it back"
	default:
		repair = "a sync puts it back"
	}
	if state.Awake { // one is on its way
		return names, repair, nil
	}
	wake, err := w.ledger.Wake(ctx, app.ID)
	if err != nil {
		return nil, "", err
	}
	return names, repair, w.follow.Sync(ctx, tasks.Sync{AppID: app.ID, Wake: wake})
}

// lacking returns the names that aren't on the list, letter case aside.
func lacking(list, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.ContainsFunc(list, func(on string) bool { return strings.EqualFold(on, name) })
	})
}

// toProbe are the names to be probed: those on the list, if the domain itself is.
func toProbe(f certcheck.Facts) []string {
	if slices.Contains(f.OffList, f.Domain) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(f.Names), func(name string) bool { return slices.Contains(f.OffList, name) })
}
