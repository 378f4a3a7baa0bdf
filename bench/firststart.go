package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

// firstStart measures a worker's first time with apps whose lists it has never compared. It
// counts the commands that each app adds, and how many lists are read at once.
func firstStart(ctx context.Context, b *bench) ([]row, error) {
	few, many, period := b.size(50, 20), b.size(500, 200), time.Duration(b.size(60, 30))*time.Second
	var small, large spent
	var reads int
	group, going := errgroup.WithContext(ctx)
	group.Go(func() (err error) { small, _, err = b.firstStartOf(going, few, period); return err })
	group.Go(func() (err error) { large, reads, err = b.firstStartOf(going, many, period); return err })
	if err := group.Wait(); err != nil {
		return nil, err
	}
	each := float64(large.commands-small.commands) / float64(many-few)
	within := fmt.Sprintf("within %s of the start", period)
	return []row{
		b.limited("commands for each app", each, 3, "", fmt.Sprintf("%s; from the difference between %d and %d apps", within, few, many)),
		b.limited("lists read at ServerPilot, of those of all apps", 100*float64(reads)/float64(many), 4, " %",
			fmt.Sprintf("%s; %d of %d; spread over an hour it would be %s %%", within, reads, many, figure(100*period.Hours()))),
	}, nil
}

// firstStartOf starts a worker, and returns what it uses within a period, and how many lists it
// reads.
func (b *bench) firstStartOf(ctx context.Context, apps int, period time.Duration) (used spent, reads int, err error) {
	f, err := b.newFixture(listedFixture(apps, 2))
	if err != nil {
		return used, 0, err
	}
	defer closing(f.close, &err)
	if err := f.fill(ctx, apps, 2, idle); err != nil {
		return used, 0, err
	}
	if err := f.forgetAgenda(ctx); err != nil {
		return used, 0, err
	}
	if err := f.useProxy(0); err != nil {
		return used, 0, err
	}
	if _, err := f.launch("worker", "PILOTSYNC_RECONCILE=repair", limited); err != nil {
		return used, 0, err
	}
	if used, err = f.idling(ctx, period); err != nil {
		return used, 0, err
	}
	for _, n := range f.reads(apps) {
		reads += min(n, 1)
	}
	return used, reads, nil
}
