package main

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"pilotsync/internal/simulator"
)

const (
	neighbours = 100
	// neighboursPeriod is the time in which each of them enqueues its change.
	neighboursPeriod = 2 * time.Second
)

// measureNeighbours compares the times of single changes of other apps. They come without
// trouble, while an app has a burst of 300, and while one fails with 300 changes waiting. The
// three take turns, so that a slow moment of the machine affects all of them.
func measureNeighbours(ctx context.Context, b *bench) (rows []row, err error) {
	rounds := b.size(4, 1)
	f, err := b.newFixture(simulator.Options{Apps: slices.Concat(apps("app", 3*rounds*neighbours), apps("busy", rounds), apps("failing", rounds)), Latency: apiLatency})
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	if err := f.start(ctx, 1); err != nil {
		return nil, err
	}
	app, busy, failing := appsOf("app"), appsOf("busy"), appsOf("failing")
	var undisturbed, burst, failure []time.Duration
	for round := range rounds {
		if undisturbed, err = f.neighbours(ctx, app, undisturbed); err != nil {
			return nil, err
		}

		id := busy()
		if err := f.enqueue(ctx, id, names("burst", 300)...); err != nil {
			return nil, err
		}
		if burst, err = f.neighbours(ctx, app, burst); err != nil {
			return nil, err
		}
		if err := f.settled(ctx, id); err != nil {
			return nil, err
		}

		id = failing()
		f.sim.SetAppStatus(id, http.StatusInternalServerError)
		if err := f.enqueue(ctx, id, names("waiting", 300)...); err != nil {
			return nil, err
		}
		if failure, err = f.neighbours(ctx, app, failure); err != nil {
			return nil, err
		}
		if round == rounds-1 {
			break
		}
		f.sim.SetAppStatus(id, 0) // otherwise it would still fail in the next round
		if err := f.settled(ctx, id); err != nil {
			return nil, err
		}
	}

	p99 := quantile(undisturbed, 0.99)
	rows = []row{{Title: "without trouble: 99th of 100", Got: seconds(p99),
		Note: fmt.Sprintf("%d apps, %d changes, over %s; median %s", neighbours, len(undisturbed), neighboursPeriod, seconds(quantile(undisturbed, 0.5)))}}
	for _, other := range []struct {
		title string
		took  []time.Duration
	}{{"while one app is in a burst of 300", burst}, {"while one app fails with 300 waiting", failure}} {
		got, share, to := quantile(other.took, 0.99), "99th of 100", p99
		if b.quick { // in one round, a slow moment of the machine would decide the 99th
			got, share, to = quantile(other.took, 0.5), "median of 100", quantile(undisturbed, 0.5)
		}
		rows = append(rows, row{Title: other.title + ": " + share, Goal: "≤ 1.3 × without trouble", Got: seconds(got), Ratio: ratio(got, to),
			Met: b.atMost(ratio(got, to), 1.3), Note: "median " + seconds(quantile(other.took, 0.5))})
	}
	return rows, nil
}

// neighbours enqueues one name for each of some apps at equal intervals, and appends to took how
// long each took to be listed.
func (f *fixture) neighbours(ctx context.Context, app func() string, took []time.Duration) ([]time.Duration, error) {
	group, ctx := errgroup.WithContext(ctx)
	each := make([]time.Duration, neighbours)
	for i := range each {
		id := app()
		group.Go(func() error {
			if err := sleep(ctx, neighboursPeriod*time.Duration(i)/neighbours); err != nil {
				return err
			}
			requested, began := names(id+"-single", 1), time.Now() // no two apps share a name
			if err := f.enqueue(ctx, id, requested...); err != nil {
				return err
			}
			at, err := f.listed(ctx, id, requested, time.Minute)
			each[i] = at.Sub(began)
			return err
		})
	}
	err := group.Wait()
	return append(took, each...), err
}
