package main

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// maintenanceInterval is the interval of a worker's maintenance. Periods of idling are whole
	// numbers of it, so that each has the same number of passes.
	maintenanceInterval = 15 * time.Second
	// redisLatency is the time of a round trip to a managed Redis nearby.
	redisLatency = 2500 * time.Microsecond
	// tenThousand is the number of apps for which figures of fewer apps are extrapolated.
	tenThousand = 10_000
)

// background measures what idle workers send to a Redis on another machine, with few and many apps
// whose domains all work.
func background(ctx context.Context, b *bench) ([]row, error) {
	few, many, workers := b.size(50, 20), b.size(2000, 200), b.size(8, 4)
	var one, oneOfMany, several spent
	group, going := errgroup.WithContext(ctx)
	for _, of := range []struct {
		into          *spent
		apps, workers int
	}{{&one, few, 1}, {&oneOfMany, many, 1}, {&several, many, workers}} {
		group.Go(func() (err error) { *of.into, err = b.idleOf(going, of.apps, of.workers); return err })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	passes := float64(oneOfMany.took) / float64(maintenanceInterval)
	trips := float64(oneOfMany.trips-one.trips) / float64(many-few) / passes
	pass := time.Duration(max(0, trips) * tenThousand * float64(redisLatency))
	note := fmt.Sprintf("within %s; commands in scripts aren't counted, the hourly and daily checks aren't due", oneOfMany.took.Round(time.Second))
	return []row{
		b.limited(fmt.Sprintf("1 idle worker, %d apps", many), oneOfMany.rate(), 25, " commands a second", note),
		b.limited(fmt.Sprintf("%d idle workers, %d apps", workers, many), several.rate(), 100, " commands a second", note),
		b.limited(fmt.Sprintf("1 idle worker, %d apps against %d", many, few), oneOfMany.rate()/one.rate(), 1.2, " ×",
			fmt.Sprintf("%s commands a second with %d apps", figure(one.rate()), few)),
		b.limited("one maintenance of 10,000 apps: its round trips, one after the other", pass.Seconds(), 1, " s",
			fmt.Sprintf("each takes %s; %s trips for each app, from the difference between %d and %d apps", redisLatency, figure(trips), few, many)),
	}, nil
}

// idleOf is what idle workers use, once their first maintenance is over.
func (b *bench) idleOf(ctx context.Context, apps, workers int) (s spent, err error) {
	f, err := b.newFixture(listedFixture(apps, 2))
	if err != nil {
		return s, err
	}
	defer closing(f.close, &err)
	if err := f.fill(ctx, apps, 2, idle); err != nil {
		return s, err
	}
	if err := f.forgetAgenda(ctx); err != nil {
		return s, err
	}
	if err := f.useProxy(redisLatency); err != nil {
		return s, err
	}
	if err := f.start(ctx, workers); err != nil {
		return s, err
	}
	if err := f.firstMaintenance(ctx, apps); err != nil {
		return s, err
	}
	if err := sleep(ctx, 8*time.Second); err != nil {
		return s, err
	}
	return f.idling(ctx, time.Duration(b.size(2, 1))*maintenanceInterval)
}
