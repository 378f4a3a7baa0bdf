package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
)

// takeover kills one of two workers during a sync, in a ledger of many apps with Redis on another
// machine. It times the other until that has listed the change.
func takeover(ctx context.Context, b *bench) (rows []row, err error) {
	apps := b.size(tenThousand, 1000)
	f, err := b.newFixture(simulator.Options{Apps: listedApps(apps, 1), Latency: time.Second})
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	if err := f.fill(ctx, apps, 1, idle); err != nil {
		return nil, err
	}
	if err := f.forgetAgenda(ctx); err != nil {
		return nil, err
	}
	if err := f.useProxy(redisLatency); err != nil {
		return nil, err
	}
	first, err := timed(func() error {
		if err := f.start(ctx, 2); err != nil {
			return err
		}
		return f.firstMaintenance(ctx, apps)
	})
	if err != nil {
		return nil, err
	}
	if err := sleep(ctx, maintenanceInterval); err != nil {
		return nil, err
	}
	idling, err := f.idling(ctx, 2*maintenanceInterval)
	if err != nil {
		return nil, err
	}
	took, err := f.killInSync(ctx, appID(apps/2))
	if err != nil {
		return nil, err
	}
	of := fmt.Sprintf(", %d apps", apps)
	return []row{
		{Title: "two workers' start, until all apps are on the agenda" + of, Got: seconds(first), Met: true,
			Note: fmt.Sprintf("Redis %s away; the ledger had no agenda, as after an upgrade", redisLatency)},
		b.limited("2 idle workers"+of, idling.rate(), 50, " commands a second", fmt.Sprintf("within %s", idling.took.Round(time.Second))),
		b.limited("from a worker's death in a sync until another has listed the change"+of, took.Seconds(), 60, " s",
			fmt.Sprintf("Redis %s away, and each API call takes 1 s; the dead worker's lease lasts 30 s", redisLatency)),
	}, nil
}

// killInSync kills the first worker in a sync of an app, and returns how long the second takes to
// list the change.
func (f *fixture) killInSync(ctx context.Context, app string) (took time.Duration, err error) {
	dead, other := f.workers[0], f.workers[1]
	// For a moment only the first worker takes tasks.
	if err := other.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		return 0, fmt.Errorf("stop the other worker: %w", err)
	}
	if err := until(ctx, "the other worker is suspended", time.Minute, func() (bool, error) { return harness.Suspended(other.cmd.Process.Pid) == nil, nil }); err != nil {
		return 0, err
	}
	const domain = "new.example.com"
	if _, err = f.client.Enqueue(ctx, enqueue.Request{AppID: app, Domain: domain}); err == nil {
		err = until(ctx, "the first worker reads the list", time.Minute, func() (bool, error) { return f.sim.Calls(app, simulator.ReadApp) > 0, nil })
	}
	if err == nil {
		err = dead.cmd.Process.Kill()
	}
	if contErr := other.cmd.Process.Signal(syscall.SIGCONT); err == nil {
		err = contErr
	}
	if err != nil {
		return 0, fmt.Errorf("kill a worker in a sync: %w", err)
	}
	return timed(func() error {
		_, err := f.listed(ctx, app, []string{domain}, 3*time.Minute)
		return err
	})
}
