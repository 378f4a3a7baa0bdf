package main

import (
	"context"
	"fmt"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// The sizes at which the slow ways are measured. Both take one name after the other, so their time
// grows linearly.
const (
	pluginPart = 15
	plainPart  = 12
)

// burstRuns is how often a burst is repeated with pilotsync; the median counts.
const burstRuns = 5

// measureBurst adds many names to one app at once, in each way.
func measureBurst(ctx context.Context, b *bench) (rows []row, err error) {
	const burst = 300 // ServerPilot's limit for an app
	f, err := b.newFixture(simulator.Options{Apps: apps("app", 64), Latency: apiLatency})
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	app := appsOf("app")

	limit, err := f.limit(ctx, app())
	if err != nil {
		return nil, err
	}
	part := b.size(pluginPart, 4)
	took, err := f.plugin(ctx, app(), names("plugin", part))
	if err != nil {
		return nil, err
	}
	pluginName := took / time.Duration(part)

	part = b.size(plainPart, 3)
	plainName, err := f.plainBurst(ctx, app(), part)
	if err != nil {
		return nil, err
	}

	if err := f.start(ctx, 1); err != nil {
		return nil, err
	}
	measured := line{Name: "pilotsync"}
	var all time.Duration
	var most int // writes
	sizes := []int{1, 10, 30, 100, burst}
	if b.quick {
		sizes = []int{burst}
	}
	for _, size := range sizes {
		var runs []time.Duration
		for range b.size(burstRuns, 1) {
			took, writes, err := f.burst(ctx, app(), size)
			if err != nil {
				return nil, err
			}
			runs, most = append(runs, took), max(most, writes)
		}
		all = quantile(runs, 0.5)
		measured.Points = append(measured.Points, point{float64(size), all.Seconds()})
	}
	b.plot("burst", plot{
		Title: "Time until a burst of names is listed", X: "names in the burst, one app", Y: "seconds",
		Lines: []line{
			{Name: "plain asynq", Points: linear(measured.Points, plainName), Dashed: true},
			{Name: "plugin", Points: linear(measured.Points, pluginName), Dashed: true},
			measured,
			{Name: "limit: one read, one write", Points: linear(measured.Points, 0, limit), Dashed: true},
		},
	})

	plugin, plain := burst*pluginName, burst*plainName
	soon, few := "≤ 3 × the limit", "≤ 4"
	if b.quick { // both depend on how fast a busy machine records 300 names
		soon, few = "", ""
	}
	overLimit, overPlugin, overPlain := ratio(all, limit), ratio(plugin, all), ratio(plain, all)
	return []row{
		{Title: "limit: one read and one write", Got: seconds(limit)},
		{Title: "plugin: 300 names", Got: seconds(plugin), Note: fmt.Sprintf("%d names measured, %s each, and extrapolated linearly", b.size(pluginPart, 4), seconds(pluginName))},
		{Title: "plain asynq: 300 names", Got: seconds(plain), Note: fmt.Sprintf("%d names measured, %s each, and extrapolated linearly", part, seconds(plainName))},
		{Title: "pilotsync: 300 names", Goal: soon, Got: seconds(all), Ratio: overLimit, Met: b.atMost(overLimit, 3),
			Note: fmt.Sprintf("median of %d", b.size(burstRuns, 1))},
		{Title: "pilotsync: list writes of a burst, the most seen", Goal: few, Got: fmt.Sprint(most), Ratio: float64(most), Met: b.atMost(float64(most), 4)},
		{Title: "times faster than the plugin", Goal: "≥ 50 ×", Got: times(overPlugin), Ratio: overPlugin, Met: b.atLeast(overPlugin, 50)},
		{Title: "times faster than plain asynq", Goal: "≥ 20 ×", Got: times(overPlain), Ratio: overPlain, Met: b.atLeast(overPlain, 20)},
	}, nil
}

// burst enqueues n names for an app without any. It returns the time until all were listed, and the
// number of list writes.
func (f *fixture) burst(ctx context.Context, app string, n int) (time.Duration, int, error) {
	requested := names(app+"-burst", n)
	began := time.Now()
	if err := f.enqueue(ctx, app, requested...); err != nil {
		return 0, 0, err
	}
	at, err := f.listed(ctx, app, requested, time.Minute)
	if err != nil {
		return 0, 0, err
	}
	if err := f.settled(ctx, app); err != nil {
		return 0, 0, err
	}
	return at.Sub(began), len(f.sim.History(app)), nil
}

// settled waits until an app has nothing pending and its sync has ended.
func (f *fixture) settled(ctx context.Context, app string) error {
	return until(ctx, app+" is settled", time.Minute, func() (bool, error) {
		states, err := f.ledger.AppStates(ctx, app)
		if err != nil {
			return false, err
		}
		return len(states) == 1 && states[0].Counts[tasks.Pending] == 0 && !states[0].Leased, nil
	})
}

// plainBurst is a burst of n names in plain asynq's way. It returns the time per name.
func (f *fixture) plainBurst(ctx context.Context, app string, n int) (time.Duration, error) {
	p, err := f.plain()
	if err != nil {
		return 0, err
	}
	defer p.stop()
	requested := names("plain", n)
	began := time.Now()
	if err := p.add(ctx, app, requested...); err != nil {
		return 0, err
	}
	at, err := f.listed(ctx, app, requested, time.Duration(n)*10*time.Second)
	if err != nil {
		return 0, err
	}
	return at.Sub(began) / time.Duration(n), nil
}

// linear returns the points of a way with a fixed time plus a constant time per name, at the X of
// the given points.
func linear(at []point, each time.Duration, base ...time.Duration) []point {
	var sum time.Duration
	for _, d := range base {
		sum += d
	}
	all := make([]point, len(at))
	for i, p := range at {
		all[i] = point{p.X, sum.Seconds() + p.X*each.Seconds()}
	}
	return all
}

// appsOf returns the ids prefix1, prefix2, …, one a call: each run has an app of
// its own.
func appsOf(prefix string) func() string {
	n := 0
	return func() string {
		n++
		return fmt.Sprint(prefix, n)
	}
}

// ratio is how many times b is in a.
func ratio(a, b time.Duration) float64 { return float64(a) / float64(b) }

// times formats a ratio for a table.
func times(r float64) string { return fmt.Sprintf("%.3g ×", r) }
