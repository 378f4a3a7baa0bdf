package main

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// measureThroughput gives one worker a queue full of changes, with an API without latency. Then
// it gives asynq with an empty handler as many tasks of the same size. Both start with a full,
// paused queue, and are timed from its resumption.
func measureThroughput(ctx context.Context, b *bench) ([]row, error) {
	apps, each := b.size(40, 10), b.size(250, 100)
	changes := apps * each
	rounds := b.size(3, 1)
	var pilotsync, asynqs []time.Duration
	for range rounds { // in turns, so that a slow moment of the machine affects both
		took, err := b.drainByPilotsync(ctx, apps, each)
		if err != nil {
			return nil, err
		}
		pilotsync = append(pilotsync, took)
		if took, err = b.drainByAsynq(ctx, apps, each); err != nil {
			return nil, err
		}
		asynqs = append(asynqs, took)
	}
	rate := func(all []time.Duration) float64 { return float64(changes) / quantile(all, 0.5).Seconds() }
	ratio := rate(pilotsync) / rate(asynqs)
	return []row{
		{Title: fmt.Sprintf("asynq, empty handler, %d tasks", changes), Got: fmt.Sprintf("%.0f/s", rate(asynqs)), Met: true,
			Note: fmt.Sprintf("median of %d; %d slots, as a worker has for changes", rounds, asynqSlots)},
		{Title: fmt.Sprintf("pilotsync, %d changes of %d apps until all are listed", changes, apps), Goal: "≥ 40 % of asynq",
			Got: fmt.Sprintf("%.0f/s", rate(pilotsync)), Ratio: ratio, Met: b.atLeastYet(ratio, 0.4, 0.2), Yet: "20 %",
			Note: fmt.Sprintf("median of %d; the simulator shares the machine. %s", rounds, throughputNote)},
	}, nil
}

// throughputNote says why the goal is missed.
const throughputNote = "Asynq's empty handler takes two commands for a task, one that takes it and one that ends it. A change takes two more: it is recorded, and its verification enqueued. " +
	"Besides it has its share of the plan, the write, the commit, the history and two log lines. Decision 9 has the figures, and what pipelines would save"

// asynqSlots is the concurrency of the asynq servers: a worker has as many for changes.
const asynqSlots = 32

// drainByPilotsync returns how long one worker takes to list all changes.
func (b *bench) drainByPilotsync(ctx context.Context, apps, each int) (took time.Duration, err error) {
	f, err := b.newFixture(simulator.Options{Apps: emptyApps(apps)})
	if err != nil {
		return 0, err
	}
	defer closing(f.close, &err)
	inspector, err := f.fillPaused(ctx, apps, each)
	if err != nil {
		return 0, err
	}
	if err := f.start(ctx, 1); err != nil {
		return 0, err
	}
	began := time.Now()
	if err := inspector.UnpauseQueue(tasks.QueueDomains); err != nil {
		return 0, fmt.Errorf("resume the queue: %w", err)
	}
	err = until(ctx, "all changes are listed", 2*time.Minute, func() (bool, error) {
		if err := sleep(ctx, 20*time.Millisecond); err != nil { // each poll costs time of Redis and this machine
			return false, err
		}
		return f.allListed(ctx, apps, each)
	})
	return time.Since(began), err
}

// allListed reports whether the ledger has that many names of each of the first apps as listed.
func (f *fixture) allListed(ctx context.Context, apps, each int) (bool, error) {
	counts := make([]*redis.IntCmd, 0, 2*apps)
	_, err := f.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i := range apps {
			key := "pilotsync:{" + appID(i) + "}:"
			counts = append(counts, p.HLen(ctx, key+"domains"), p.HLen(ctx, key+"pending"))
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("ask the ledger how many are listed: %w", err)
	}
	for i := 0; i < len(counts); i += 2 {
		if counts[i].Val() < int64(each) || counts[i+1].Val() > 0 {
			return false, nil
		}
	}
	return true, nil
}

// drainByAsynq returns how long asynq alone takes to run the same tasks.
func (b *bench) drainByAsynq(ctx context.Context, apps, each int) (took time.Duration, err error) {
	f, err := b.newFixture(simulator.Options{Apps: emptyApps(1)})
	if err != nil {
		return 0, err
	}
	defer closing(f.close, &err)
	inspector, err := f.fillPaused(ctx, apps, each)
	if err != nil {
		return 0, err
	}
	var done atomic.Int64
	server := asynq.NewServerFromRedisClient(f.rdb, asynq.Config{
		Concurrency: asynqSlots, Queues: map[string]int{tasks.QueueDomains: 1}, TaskCheckInterval: 10 * time.Millisecond,
		LogLevel: asynq.FatalLevel,
	})
	if err := server.Start(asynq.HandlerFunc(func(context.Context, *asynq.Task) error { done.Add(1); return nil })); err != nil {
		return 0, fmt.Errorf("start asynq: %w", err)
	}
	defer server.Shutdown()
	began := time.Now()
	if err := inspector.UnpauseQueue(tasks.QueueDomains); err != nil {
		return 0, fmt.Errorf("resume the queue: %w", err)
	}
	err = until(ctx, "asynq has run all tasks", 2*time.Minute, func() (bool, error) { return done.Load() >= int64(apps*each), nil })
	return time.Since(began), err
}

// fillPaused pauses the queue of changes and puts some for each of the first apps on it.
func (f *fixture) fillPaused(ctx context.Context, apps, each int) (*asynq.Inspector, error) {
	inspector := asynq.NewInspectorFromRedisClient(f.rdb)
	if err := f.rdb.SAdd(ctx, "asynq:queues", tasks.QueueDomains).Err(); err != nil { // asynq pauses only queues that exist
		return nil, fmt.Errorf("make the queue known: %w", err)
	}
	if err := inspector.PauseQueue(tasks.QueueDomains); err != nil {
		return nil, fmt.Errorf("pause the queue: %w", err)
	}
	if _, err := f.client.Enqueue(ctx, requests(apps, each)...); err != nil {
		return nil, err
	}
	return inspector, nil
}

// requests are additions for the first apps. The apps take turns, as if the requests came from many
// networks.
func requests(apps, each int) []enqueue.Request {
	all := make([]enqueue.Request, 0, apps*each)
	for i := range each {
		for a := range apps {
			all = append(all, enqueue.Request{AppID: appID(a), Domain: domainOf(a, i)})
		}
	}
	return all
}

func appID(app int) string { return fmt.Sprintf("site%04d", app) }

// domainOf is an app's i-th domain, of the usual length.
func domainOf(app, i int) string { return fmt.Sprintf("shop%03d-customer%04d.example.com", i, app) }
