package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
)

// leftovers measures what work that is over still costs: removed domains and finished tasks.
func leftovers(ctx context.Context, b *bench) ([]row, error) {
	var removed, finished []row
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { removed, err = b.removedDomains(ctx); return err })
	group.Go(func() (err error) { finished, err = b.finishedTasks(ctx); return err })
	err := group.Wait()
	return append(removed, finished...), err
}

// removedDomains compares single changes of an app that had many domains with those of a new
// app. It also measures the memory of domains that were removed 31 days ago.
func (b *bench) removedDomains(ctx context.Context) (rows []row, err error) {
	f, err := b.newFixture(simulator.Options{Apps: emptyApps(3)})
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	cycles, changes := b.size(2000, 400), b.size(10, 5)
	used, fresh, old := appID(0), appID(1), appID(2)
	day := 24 * time.Hour
	if err := f.cycle(ctx, used, cycles, time.Now().Add(-2*day)); err != nil {
		return nil, err
	}
	if err := f.cycle(ctx, old, cycles, time.Now().Add(-31*day)); err != nil {
		return nil, err
	}
	full, err := f.appMemory(ctx, old)
	if err != nil {
		return nil, err
	}
	if err := f.useProxy(0); err != nil {
		return nil, err
	}
	if err := f.start(ctx, 1); err != nil {
		return nil, err
	}
	for _, app := range []string{used, fresh} { // the first changes load the scripts
		if _, err := f.addOneByOne(ctx, app, "first", 1); err != nil {
			return nil, err
		}
	}
	err = until(ctx, "the old domains are pruned", 5*time.Minute, func() (bool, error) {
		n, err := f.rdb.HLen(ctx, "pilotsync:{"+old+"}:domains").Result()
		return n == 0, err
	})
	if err != nil {
		return nil, err
	}
	left, err := f.appMemory(ctx, old)
	if err != nil {
		return nil, err
	}
	idling, err := f.idling(ctx, maintenanceInterval)
	if err != nil {
		return nil, err
	}
	of := map[string]spent{}
	for _, app := range []string{used, fresh} {
		s, err := f.addOneByOne(ctx, app, "single", changes)
		if err != nil {
			return nil, err
		}
		of[app] = s.beyond(idling)
	}
	title := fmt.Sprintf("one change after %d domains were added and removed, against a new app: ", cycles)
	each := float64(cycles) * 1024
	return []row{
		b.limited(title+"commands", float64(of[used].commands)/float64(max(of[fresh].commands, 1)), 1.1, " ×",
			fmt.Sprintf("the mean of %d; %s commands each", changes, figure(of[used].each(changes)))),
		b.limited(title+"read from Redis", float64(of[used].read)/float64(max(of[fresh].read, 1)), 1.1, " ×",
			fmt.Sprintf("%s KiB each, %s KiB for a new app; %s ms CPU against %s ms", figure(float64(of[used].read)/float64(changes)/1024),
				figure(float64(of[fresh].read)/float64(changes)/1024), figure(of[used].cpu.Seconds()*1000/float64(changes)),
				figure(of[fresh].cpu.Seconds()*1000/float64(changes)))),
		b.limited("Redis memory of a domain removed 31 days ago", float64(left)/each, 0.1, " KiB",
			fmt.Sprintf("of %d, once the worker has pruned them; %s KiB each before", cycles, figure(float64(full)/each))),
	}, nil
}

// addOneByOne adds n domains to an app, each after the previous one is listed, and returns what the
// worker uses.
func (f *fixture) addOneByOne(ctx context.Context, app, prefix string, n int) (spent, error) {
	return f.during(func() error {
		for i := range n {
			domain := fmt.Sprintf("%s%d.example.com", prefix, i)
			if _, err := f.client.Enqueue(ctx, enqueue.Request{AppID: app, Domain: domain}); err != nil {
				return err
			}
			err := until(ctx, domain+" is listed", time.Minute, func() (bool, error) { return slices.Contains(f.sim.List(app), domain), nil })
			if err != nil {
				return err
			}
			if err := sleep(ctx, 300*time.Millisecond); err != nil { // the commit, and the task's end
				return err
			}
		}
		return nil
	})
}

// janitorInterval is the interval of the janitor's scans.
const janitorInterval = 30 * time.Second

// finishedTasks has a worker make changes, and measures what their tasks cost afterwards.
func (b *bench) finishedTasks(ctx context.Context) (rows []row, err error) {
	apps, each := 4, b.size(250, 75)
	f, err := b.newFixture(simulator.Options{Apps: emptyApps(apps)})
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	if err := f.start(ctx, 1); err != nil {
		return nil, err
	}
	if _, err := f.client.Enqueue(ctx, requests(apps, each)...); err != nil {
		return nil, err
	}
	if err := until(ctx, "all changes are listed", time.Minute, func() (bool, error) { return f.allListed(ctx, apps, each) }); err != nil {
		return nil, err
	}
	if err := sleep(ctx, time.Second); err != nil { // the tasks' ends
		return nil, err
	}
	finished, err := asynq.NewInspectorFromRedisClient(f.rdb).ListCompletedTasks(tasks.QueueDomains, asynq.PageSize(apps*each))
	if err != nil || len(finished) == 0 {
		return nil, fmt.Errorf("list the finished changes, which are %d: %w", len(finished), err)
	}
	prefix := "asynq:{" + tasks.QueueDomains + "}:t:"
	var keys []string
	var kept time.Duration
	for _, t := range finished {
		keys, kept = append(keys, prefix+t.ID), max(kept, t.Retention)
	}
	bytes, err := f.memoryOf(ctx, keys)
	if err != nil {
		return nil, err
	}
	stop, err := f.monitor(ctx)
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, janitorInterval+time.Second); err != nil {
		return nil, err
	}
	seen, err := stop()
	if err != nil {
		return nil, err
	}
	scanned := 0
	for _, c := range sent(seen) {
		if len(c.args) > 1 && c.args[0] != "evalsha" && strings.HasPrefix(c.args[1], prefix) {
			scanned++
		}
	}
	return []row{
		b.limited("a finished change's task is kept", kept.Hours(), 1, " h",
			fmt.Sprintf("the longest of %d; its Redis memory is %s KiB", len(finished), figure(float64(bytes)/float64(len(finished))/1024))),
		b.limited("commands of the janitor for each finished task", float64(scanned)/float64(len(finished)), 0.02, "",
			fmt.Sprintf("%d commands for %d tasks in one of its passes, each %s", scanned, len(finished), janitorInterval)),
	}, nil
}
