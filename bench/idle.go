package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"pilotsync/internal/simulator"
)

// measureIdle enqueues one name at a time for an idle worker, each on an app of its own, at random
// times.
func measureIdle(ctx context.Context, b *bench) (rows []row, err error) {
	changes := b.size(100, 6)
	f, err := b.newFixture(simulator.Options{Apps: append(apps("app", changes), apps("other", 40)...), Latency: apiLatency})
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	other, app := appsOf("other"), appsOf("app")
	limit, err := f.limit(ctx, other())
	if err != nil {
		return nil, err
	}

	plain, err := f.plainIdle(ctx, other, b.size(8, 1))
	if err != nil {
		return nil, err
	}
	if err := f.start(ctx, 1); err != nil {
		return nil, err
	}
	var took []time.Duration
	for range changes {
		if err := sleep(ctx, 50*time.Millisecond+rand.N(200*time.Millisecond)); err != nil {
			return nil, err
		}
		id := app()
		one, _, err := f.burst(ctx, id, 1)
		if err != nil {
			return nil, err
		}
		took = append(took, one)
	}
	median, late := quantile(took, 0.5), quantile(took, 0.99)
	// The margin of -quick applies to the time beyond the two calls: applied to the whole it would
	// hide a second.
	return []row{
		{Title: "limit: one read and one write", Got: seconds(limit)},
		{Title: "plain asynq: median", Got: seconds(plain), Note: "asynq polls once a second while it is idle"},
		{Title: "pilotsync: median", Goal: "≤ limit + 25 ms", Got: seconds(median), Ratio: ratio(median, limit),
			Met: b.atMost((median - limit).Seconds(), 0.025), Note: fmt.Sprintf("%d changes; %s over the limit", changes, seconds(median-limit))},
		{Title: "pilotsync: 99th of 100", Goal: "≤ limit + 60 ms", Got: seconds(late), Ratio: ratio(late, limit),
			Met: b.atMost((late - limit).Seconds(), 0.06), Note: seconds(late-limit) + " over the limit"},
	}, nil
}

// plainIdle is the median of n single changes in plain asynq's way.
func (f *fixture) plainIdle(ctx context.Context, app func() string, n int) (time.Duration, error) {
	p, err := f.plain()
	if err != nil {
		return 0, err
	}
	defer p.stop()
	var took []time.Duration
	for range n {
		if err := sleep(ctx, 50*time.Millisecond+rand.N(time.Second)); err != nil {
			return 0, err
		}
		id, requested := app(), names("plain", 1)
		began := time.Now()
		if err := p.add(ctx, id, requested...); err != nil {
			return 0, err
		}
		at, err := f.listed(ctx, id, requested, time.Minute)
		if err != nil {
			return 0, err
		}
		took = append(took, at.Sub(began))
	}
	return quantile(took, 0.5), nil
}
