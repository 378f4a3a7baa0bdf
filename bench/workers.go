package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// changesPerApp is the number of changes of each app in measures with many apps.
const changesPerApp = 3

// slots is the number of apps that a worker of this measure syncs at once. It is below the
// default of 64, so that the API's latency stays the limit with 8 workers. These share the
// machine with Redis and the simulator.
const slots = 8

// measureWorkers gives the same work to a growing number of workers.
func measureWorkers(ctx context.Context, b *bench) (rows []row, err error) {
	n := b.size(1000, 128)
	steps := []int{1, 2, 4, 8}
	if b.quick {
		steps = []int{1, 4}
	}
	most := steps[len(steps)-1]
	measured, bound := line{Name: "pilotsync"}, line{Name: "limit: two API calls an app", Dashed: true}
	plugin := line{Name: "plugin: one call after another", Dashed: true}
	var first time.Duration
	for _, workers := range steps {
		s, err := b.manyApps(ctx, n, workers, slots)
		if err != nil {
			return nil, err
		}
		limit := ideal(n, workers*slots)
		share := ratio(limit, s.took)
		rows = append(rows, row{Title: fmt.Sprintf("%d apps, %d × %d slots", n, workers, slots), Goal: "≥ 90 % of the limit", Got: seconds(s.took), Ratio: share,
			Met: b.atLeast(share, 0.9), Note: fmt.Sprintf("limit %s; %.2f API calls an app; workers' CPU %s", seconds(limit), s.callsPerApp(), seconds(s.cpu))})
		if workers == 1 {
			first = s.took
		}
		if workers == most { // 7 × with 8
			speedup, goal := ratio(first, s.took), 7.0/8*float64(most)
			rows = append(rows, row{Title: fmt.Sprintf("%d workers against one", most), Goal: fmt.Sprintf("≥ %.2g ×", goal),
				Got: times(speedup), Ratio: speedup, Met: b.atLeast(speedup, goal)})
		}
		x := float64(workers)
		measured.Points = append(measured.Points, point{x, float64(n*changesPerApp) / s.took.Seconds()})
		bound.Points = append(bound.Points, point{x, float64(n*changesPerApp) / limit.Seconds()})
		plugin.Points = append(plugin.Points, point{x, 1 / (3 * apiLatency).Seconds()})
	}
	b.plot("throughput", plot{Title: "Changes listed a second, " + fmt.Sprintf("%d apps with %d changes each", n, changesPerApp),
		X: fmt.Sprintf("workers, with %d slots each", slots), Y: "changes a second", Lines: []line{bound, measured, plugin}})
	if b.quick {
		return rows, nil
	}
	// The same work with the default number of slots, where the machine's two cores are a limit,
	// too.
	for _, workers := range []int{1, 8} {
		s, err := b.manyApps(ctx, n, workers, 64)
		if err != nil {
			return nil, err
		}
		limit := ideal(n, workers*64)
		rows = append(rows, row{Title: fmt.Sprintf("%d apps, %d × 64 slots (the default)", n, workers), Got: seconds(s.took), Ratio: ratio(limit, s.took),
			Note: fmt.Sprintf("limit %s; %.2f API calls an app; workers' CPU %s", seconds(limit), s.callsPerApp(), seconds(s.cpu))})
	}
	return rows, nil
}

// ideal is how long one read and one write of n apps take over so many slots.
func ideal(n, slots int) time.Duration {
	return 2 * apiLatency * time.Duration(n) / time.Duration(slots)
}

// cost is what changes of many apps took.
type cost struct {
	apps  int
	took  time.Duration // until the last was listed
	calls int           // to the API, for lists
	// What the work needed, without what idle workers need in the same time:
	cpu      time.Duration // of all workers
	commands float64       // of Redis, including those inside scripts
}

func (s cost) callsPerApp() float64 { return float64(s.calls) / float64(s.apps) }

// manyApps enqueues [changesPerApp] names for each of n apps and measures the given workers, with
// the given slots, in a fixture of its own. One process enqueues, mostly faster than the workers
// list.
func (b *bench) manyApps(ctx context.Context, n, workers, slots int) (s cost, err error) {
	f, err := b.newFixture(simulator.Options{Apps: apps("app", n), Latency: apiLatency})
	if err != nil {
		return s, err
	}
	defer closing(f.close, &err)
	if err := f.start(ctx, workers, fmt.Sprint("PILOTSYNC_CONCURRENCY=", slots)); err != nil {
		return s, err
	}
	requested := func(app string) []string { return names(app+"-shop", changesPerApp) } // no two apps share a name
	var requests []enqueue.Request
	for _, app := range apps("app", n) {
		for _, name := range requested(app.ID) {
			requests = append(requests, enqueue.Request{AppID: app.ID, Domain: name})
		}
	}
	before, err := f.usage(ctx)
	if err != nil {
		return s, err
	}

	began := time.Now()
	if _, err := f.client.Enqueue(ctx, requests...); err != nil {
		return s, fmt.Errorf("request %d names: %w", len(requests), err)
	}
	var last time.Time
	for _, app := range apps("app", n) {
		at, err := f.listed(ctx, app.ID, requested(app.ID), 5*time.Minute)
		if err != nil {
			return s, err
		}
		if at.After(last) {
			last = at
		}
	}
	s.apps, s.took = n, last.Sub(began)
	after, idle, err := f.afterwards(ctx, n)
	if err != nil {
		return s, err
	}
	whole := after.at.Sub(before.at).Seconds() / idle.at.Sub(after.at).Seconds()
	s.cpu = after.cpu - before.cpu - time.Duration(whole*float64(idle.cpu-after.cpu))
	s.commands = float64(after.commands-before.commands) - whole*float64(idle.commands-after.commands)
	for _, app := range apps("app", n) {
		s.calls += f.sim.Calls(app.ID, simulator.ReadApp) + f.sim.Calls(app.ID, simulator.WriteList)
	}
	return s, nil
}

// afterwards waits until n apps have nothing pending and no sync. It returns the usage until then,
// and the usage after a while with idle workers. Neither includes its own reads of the ledger.
func (f *fixture) afterwards(ctx context.Context, n int) (after, idle usage, err error) {
	for range 20 {
		if err := sleep(ctx, 500*time.Millisecond); err != nil {
			return after, idle, err
		}
		if after, err = f.usage(ctx); err != nil {
			return after, idle, err
		}
		if err := sleep(ctx, 1500*time.Millisecond); err != nil {
			return after, idle, err
		}
		if idle, err = f.usage(ctx); err != nil {
			return after, idle, err
		}
		states, err := f.ledger.AppStates(ctx)
		if err != nil {
			return after, idle, err
		}
		if len(states) == n && !slices.ContainsFunc(states, func(app ledger.App) bool { return app.Leased || app.Counts[tasks.Pending] > 0 }) {
			return after, idle, nil
		}
	}
	return after, idle, fmt.Errorf("some of %d apps aren't settled long after all their names were listed", n)
}
