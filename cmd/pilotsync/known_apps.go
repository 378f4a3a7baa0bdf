package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/nearest"
	"pilotsync/internal/terminal"
	"pilotsync/worker/ledger"
)

// checkKnown refuses apps that are neither in the ledger nor served by a live worker.
func checkKnown(ctx context.Context, l *ledger.Ledger, apps []string) error {
	known, err := l.Apps(ctx)
	if err != nil {
		return err
	}
	live, err := l.Workers(ctx)
	if err != nil {
		return err
	}
	known = append(known, served(live)...)
	for _, app := range apps {
		if !slices.Contains(known, app) {
			return usageError{fmt.Errorf("nothing was changed: no running worker serves app %s, and the ledger doesn't know it%s", app, nearestApp(app, known))}
		}
	}
	return nil
}

// checkServed refuses an app that no live worker serves, unless force is set. If no
// worker is alive, or Redis's user may not read what workers serve, it only notes that.
func checkServed(ctx context.Context, s *terminal.Streams, l *ledger.Ledger, app string, force bool) error {
	live, err := l.Workers(ctx)
	switch {
	case redis.HasErrorPrefix(err, "NOPERM"):
		s.Noticef("note: this Redis user may not see which apps the workers serve; app %s wasn't checked", app)
	case err != nil:
		return err
	case len(live) == 0:
		s.Noticef("note: no worker is running; the changes wait for one that serves app %s", app)
	case len(ledger.ServedBy(live, app)) > 0:
	case force:
		s.Noticef("note: no running worker serves app %s; the changes wait for one that does", app)
	default:
		return usageError{fmt.Errorf("nothing was enqueued: no running worker serves app %s%s\nIf one is going to serve it, give --force", app, nearestApp(app, served(live)))}
	}
	return nil
}

// liveWorkers returns the live workers; known is false if Redis's user may not read them.
func liveWorkers(ctx context.Context, l *ledger.Ledger) (live []ledger.Worker, known bool, err error) {
	live, err = l.Workers(ctx)
	if redis.HasErrorPrefix(err, "NOPERM") {
		return nil, false, nil
	}
	return live, err == nil, err
}

// noteNoWorker says that what was requested waits for a worker, if none is alive.
func noteNoWorker(ctx context.Context, s *terminal.Streams, l *ledger.Ledger) error {
	live, known, err := liveWorkers(ctx, l)
	if known && len(live) == 0 {
		s.Noticef("%s", noWorker)
	}
	return err
}

// noWorker is what commands say that show states, or request something, while no worker is alive.
const noWorker = "No worker is running: changes and checks wait for one. Start one with 'pilotsync worker'"

// splitUnserved returns the apps, sorted by id, without most of the unserved ones, which any producer
// can invent. With all they stay.
func splitUnserved(apps []ledger.App, live []ledger.Worker, all bool) ([]ledger.App, ledger.Unserved) {
	shown, others := ledger.SplitUnserved(apps, live)
	unserved := ledger.NewUnserved(others)
	if all {
		shown = append(shown, others...)
	} else {
		shown = append(shown, unserved.Shown...)
	}
	slices.SortFunc(shown, func(a, b ledger.App) int { return strings.Compare(a.ID, b.ID) })
	return shown, unserved
}

// noteUnserved says how many unserved apps aren't shown.
func noteUnserved(s *terminal.Streams, u ledger.Unserved) {
	if u.More() > 0 {
		s.Noticef("%s have changes, and no worker has ever served them; the %d that changed last are shown. Give an app's id to see another one", counted(u.Count, "app"), len(u.Shown))
	}
}

// served are the apps that the workers serve.
func served(workers []ledger.Worker) []string {
	var apps []string
	for _, w := range workers {
		apps = append(apps, w.Apps...)
	}
	return apps
}

// nearestApp names the known app that was probably meant.
func nearestApp(app string, known []string) string {
	if len(known) == 0 {
		return ""
	}
	return "; the nearest known app is " + nearest.Word(app, known)
}
