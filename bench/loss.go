package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"pilotsync/internal/simulator"
)

// lossFaults is the share of ServerPilot's answers that are errors in a part of the
// measure; the call has no effect then.
const lossFaults = 0.1

// measureLoss counts requested names that are missing from the list: with two concurrent writers,
// like two requests to WordPress, and with failing calls.
func measureLoss(ctx context.Context, b *bench) (rows []row, err error) {
	each := b.size(30, 8) // names of each writer
	f, err := b.newFixture(simulator.Options{Apps: apps("app", 4), Latency: apiLatency})
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	app := appsOf("app")

	faultless, failing := app(), app()
	atOnce, err := f.pluginLoss(ctx, faultless, names("first", each), names("second", each))
	if err != nil {
		return nil, err
	}
	f.sim.SetFaults(simulator.Faults{Error5xx: lossFaults})
	failed, err := f.pluginLoss(ctx, failing, names("first", 2*each))
	if err != nil {
		return nil, err
	}

	if err := f.start(ctx, 1); err != nil {
		return nil, err
	}
	id := app()
	var producers errgroup.Group
	for _, prefix := range []string{"first", "second"} {
		producers.Go(func() error {
			for _, name := range names(prefix, each) {
				if err := f.enqueue(ctx, id, name); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := producers.Wait(); err != nil {
		return nil, err
	}
	requested := slices.Concat(names("first", each), names("second", each))
	if _, err := f.listed(ctx, id, requested, 2*time.Minute); err != nil {
		return nil, err
	}
	if err := f.settled(ctx, id); err != nil {
		return nil, err
	}
	pilotsync := missing(f.sim.List(id), requested)
	share := func(lost int) string { return fmt.Sprintf("%d of %d lost", lost, 2*each) }
	return []row{
		{Title: "plugin: two writers at once", Got: share(atOnce), Note: "each adds a name at a time, as two PHP processes do"},
		{Title: "plugin: one writer, and one call in ten fails", Got: share(failed), Note: "a name whose read or write fails isn't retried"},
		{Title: "pilotsync: two producers at once, and one call in ten fails", Got: share(pilotsync), Goal: "none", Met: pilotsync == 0},
	}, nil
}

// pluginLoss has concurrent writers add their names to a list as the plugin does, and returns the
// number of missing names. A failed call isn't repeated.
func (f *fixture) pluginLoss(ctx context.Context, app string, writers ...[]string) (int, error) {
	api, err := f.api()
	if err != nil {
		return 0, err
	}
	defer api.Close()
	var group errgroup.Group
	for _, own := range writers {
		group.Go(func() error {
			for _, name := range own {
				if err := mergeOne(ctx, api, app, name); err != nil && ctx.Err() != nil {
					return ctx.Err()
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return 0, err
	}
	return missing(f.sim.List(app), slices.Concat(writers...)), nil
}

// missing is the number of names that a list lacks.
func missing(list, names []string) (n int) {
	for _, name := range names {
		if !slices.Contains(list, name) {
			n++
		}
	}
	return n
}
