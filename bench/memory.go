package main

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"pilotsync/internal/simulator"
)

const mib = 1 << 20

// measureMemory measures workers and a ledger, all at once.
func measureMemory(ctx context.Context, b *bench) ([]row, error) {
	var idle, waiting row
	var redis []row
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() (err error) { idle, err = b.idleMemory(ctx); return err })
	group.Go(func() (err error) { waiting, err = b.waitingMemory(ctx); return err })
	group.Go(func() (err error) { redis, err = b.ledgerMemory(ctx); return err })
	err := group.Wait()
	return append(redis, idle, waiting), err
}

// memoryPeriod is how long a worker's memory is observed. It includes a run of the recoverer, every
// 15 s, and the scan of the queues at the start.
const memoryPeriod = 16 * time.Second

// resident is a process's resident memory in bytes: now, and its peak.
func (p *process) resident() (now, peak int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, fmt.Errorf("read the worker's memory (needs Linux): %w", err)
	}
	read := func(field string) (n int64) {
		for line := range strings.Lines(string(b)) {
			if value, ok := strings.CutPrefix(line, field+":"); ok && err == nil {
				n, err = strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
			}
		}
		return n << 10
	}
	return read("VmRSS"), read("VmHWM"), err
}

// idleMemory measures an idle worker with its dashboard, after a run of the recoverer and a scan of
// the queues.
func (b *bench) idleMemory(ctx context.Context) (r row, err error) {
	f, err := b.newFixture(simulator.Options{Apps: emptyApps(1)})
	if err != nil {
		return row{}, err
	}
	defer closing(f.close, &err)
	if err := f.start(ctx, 1, "PILOTSYNC_LISTEN=127.0.0.1:0"); err != nil {
		return row{}, err
	}
	if err := sleep(ctx, memoryPeriod); err != nil {
		return row{}, err
	}
	_, peak, err := f.workers[0].resident()
	return memoryRow(b, "idle worker with its dashboard", peak, 40, fmt.Sprintf("the most within %s of its start", memoryPeriod)), err
}

func memoryRow(b *bench, title string, bytes int64, limit float64, note string) row {
	got := float64(bytes) / mib
	return row{Title: title, Goal: fmt.Sprintf("≤ %.0f MiB", limit), Got: fmt.Sprintf("%.0f MiB", got),
		Ratio: got / limit, Met: b.atMost(got, limit), Note: note + "; resident memory"}
}

// waitingMemory measures a worker that records changes while ServerPilot answers each call with
// 503, and retries their apps.
func (b *bench) waitingMemory(ctx context.Context) (r row, err error) {
	apps, each := b.size(1000, 100), 10
	f, err := b.newFixture(simulator.Options{Apps: emptyApps(apps), Latency: apiLatency})
	if err != nil {
		return row{}, err
	}
	defer closing(f.close, &err)
	f.sim.SetAccountStatus(503)
	if _, err := f.client.Enqueue(ctx, requests(apps, each)...); err != nil {
		return row{}, err
	}
	if err := f.start(ctx, 1); err != nil {
		return row{}, err
	}
	err = until(ctx, "all changes are recorded", 3*time.Minute, func() (bool, error) {
		states, err := f.ledger.AppStates(ctx)
		waiting := 0
		for _, app := range states {
			waiting += app.Pending
		}
		return waiting == apps*each, err
	})
	if err != nil {
		return row{}, err
	}
	if err := sleep(ctx, memoryPeriod); err != nil {
		return row{}, err
	}
	_, peak, err := f.workers[0].resident()
	return memoryRow(b, fmt.Sprintf("worker with %d changes waiting over %d apps", apps*each, apps), peak, 100,
		fmt.Sprintf("the most from its start until %s after the last was recorded, with ServerPilot down", memoryPeriod)), err
}
