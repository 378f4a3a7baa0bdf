package main

import (
	"context"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/followup"
)

// checks measures what a worker sends to Redis for two checks: an hourly reconciliation without
// drift, and a daily recheck of a domain that works.
func checks(ctx context.Context, b *bench) ([]row, error) {
	apps := b.size(40, 15)
	var reconciliation, recheck row
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { reconciliation, err = b.reconciliations(ctx, apps); return err })
	group.Go(func() (err error) { recheck, err = b.rechecks(ctx, apps); return err })
	err := group.Wait()
	return []row{reconciliation, recheck}, err
}

// domainsEach is the number of domains of each app in measures that count for an app.
const domainsEach = 5

// limited sets a rate limit that never makes a call wait: taking from it costs commands, too.
const limited = "PILOTSYNC_API_RATE=1000"

// checkLimit is how many commands one of them may cost.
const checkLimit = 15

// listedFixture are the options of a simulator whose apps have their lists.
func listedFixture(apps, each int) simulator.Options {
	return simulator.Options{Apps: listedApps(apps, each)}
}

// reconciliations enqueues the next hour's reconciliation of each app.
func (b *bench) reconciliations(ctx context.Context, apps int) (r row, err error) {
	f, err := b.newFixture(listedFixture(apps, domainsEach))
	if err != nil {
		return r, err
	}
	defer closing(f.close, &err)
	if err := f.fill(ctx, apps, domainsEach, idle); err != nil {
		return r, err
	}
	if err := f.useProxy(0); err != nil {
		return r, err
	}
	if err := f.start(ctx, 1, "PILOTSYNC_RECONCILE=repair", limited); err != nil {
		return r, err
	}
	if err := sleep(ctx, 8*time.Second); err != nil { // some apps may be reconciled now
		return r, err
	}
	idling, err := f.idling(ctx, maintenanceInterval)
	if err != nil {
		return r, err
	}
	work, err := f.during(func() error {
		// Through the proxy, as the worker enqueues them.
		rdb := redis.NewClient(&redis.Options{Addr: f.redisProxy.addr})
		defer rdb.Close()
		enqueuer, hour, before := followup.New(rdb), time.Now().Unix()/3600+2, f.reads(apps)
		for a := range apps {
			if err := enqueuer.Reconcile(ctx, tasks.Sync{AppID: appID(a), Hour: hour}); err != nil {
				return err
			}
		}
		err := until(ctx, "all apps are reconciled", time.Minute, func() (bool, error) {
			for a, n := range f.reads(apps) {
				if n == before[a] {
					return false, nil
				}
			}
			return true, nil
		})
		if err != nil {
			return err
		}
		return sleep(ctx, time.Second) // the release, and the task's end
	})
	if err != nil {
		return r, err
	}
	work = work.beyond(idling)
	return b.limited("one hourly reconciliation without drift", work.each(apps), checkLimit, " commands",
		fmt.Sprintf("the mean of %d, enqueueing included; %s KiB read and %s ms CPU each", apps,
			figure(float64(work.read)/float64(apps)/1024), figure(work.cpu.Seconds()*1000/float64(apps)))), nil
}

// reads are the numbers of reads of the first apps at ServerPilot.
func (f *fixture) reads(apps int) []int {
	all := make([]int, apps)
	for a := range all {
		all[a] = f.sim.Calls(appID(a), simulator.ReadApp)
	}
	return all
}

// rechecks makes the recheck of one domain of each app due.
func (b *bench) rechecks(ctx context.Context, apps int) (r row, err error) {
	f, err := b.newFixture(listedFixture(apps+1, domainsEach))
	if err != nil {
		return r, err
	}
	defer closing(f.close, &err)
	if err := f.fill(ctx, apps+1, domainsEach, idle); err != nil {
		return r, err
	}
	if err := f.useProxy(0); err != nil {
		return r, err
	}
	if err := f.start(ctx, 1, limited); err != nil {
		return r, err
	}
	if err := f.recheck(ctx, apps, apps+1); err != nil { // it loads the scripts
		return r, err
	}
	idling, err := f.idling(ctx, maintenanceInterval)
	if err != nil {
		return r, err
	}
	work, err := f.during(func() error { return f.recheck(ctx, 0, apps) })
	if err != nil {
		return r, err
	}
	work = work.beyond(idling)
	return b.limited("one daily recheck of a domain that works", work.each(apps), checkLimit, " commands",
		fmt.Sprintf("the mean of %d, one of each app, from coming due to the task's end; %s KiB read and %s ms CPU each", apps,
			figure(float64(work.read)/float64(apps)/1024), figure(work.cpu.Seconds()*1000/float64(apps)))), nil
}

// recheck makes the recheck of one domain of each app from one to another due, as in one hour of
// many, and waits for their ends.
func (f *fixture) recheck(ctx context.Context, from, to int) error {
	now := time.Now().UTC()
	for a := from; a < to; a++ {
		if err := f.record(ctx, appID(a), false, []string{domainOf(a, 0)}, now, done(now)); err != nil {
			return err
		}
	}
	err := until(ctx, "a domain of each app is rechecked", time.Minute, func() (bool, error) {
		if err := sleep(ctx, 100*time.Millisecond); err != nil { // each poll costs time of Redis and this machine
			return false, err
		}
		for a := from; a < to; a++ {
			v, _, err := f.ledger.Domain(ctx, appID(a), domainOf(a, 0))
			if err != nil || v.Record.RecheckAt == nil || !v.Record.RecheckAt.After(now.Add(time.Hour)) {
				return false, err
			}
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	return sleep(ctx, time.Second) // the tasks' ends
}
