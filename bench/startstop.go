package main

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
)

// measureStartStop times a worker from its start until it has recorded a waiting change, and, once idle,
// from SIGTERM to its end.
func measureStartStop(ctx context.Context, b *bench) (rows []row, err error) {
	f, err := b.newFixture(simulator.Options{Apps: emptyApps(1), Latency: apiLatency})
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	var starts, stops []time.Duration
	times := b.size(12, 4)
	for i := range times {
		domain := domainOf(0, i)
		if _, err := f.client.Enqueue(ctx, enqueue.Request{AppID: appID(0), Domain: domain}); err != nil {
			return nil, err
		}
		began := time.Now()
		p, err := f.launch("worker")
		if err != nil {
			return nil, err
		}
		err = until(ctx, "the change is recorded", time.Minute, func() (bool, error) {
			return f.rdb.HExists(ctx, "pilotsync:{"+appID(0)+"}:seqs", domain).Result()
		})
		if err != nil {
			return nil, err
		}
		starts = append(starts, time.Since(began))
		err = until(ctx, "the change is listed", time.Minute, func() (bool, error) {
			state, err := f.ledger.App(ctx, appID(0))
			return state.Pending == 0 && !state.Leased, err
		})
		if err != nil {
			return nil, err
		}
		// At a different moment of its poll interval each time.
		if err := sleep(ctx, time.Duration(1000+70*i)*time.Millisecond); err != nil {
			return nil, err
		}
		took, err := timed(func() error { return p.terminate(ctx) })
		if err != nil {
			return nil, err
		}
		stops = append(stops, took)
	}
	line := func(title string, all []time.Duration, limit time.Duration, goal, note string) row {
		worst := quantile(all, 1)
		ratio := worst.Seconds() / limit.Seconds()
		return row{Title: title, Goal: goal, Got: fmt.Sprintf("%s, at most %s", seconds(quantile(all, 0.5)), seconds(worst)),
			Ratio: ratio, Met: b.atMost(ratio, 1), Note: fmt.Sprintf("median and maximum of %d; the maximum counts%s", times, note)}
	}
	return []row{
		line("start of the process to its first change recorded", starts, 300*time.Millisecond, "≤ 300 ms", ""),
		line("SIGTERM to the end of an idle worker", stops, time.Second, "≤ 1 s",
			"; an idle loop of asynq sleeps for up to 1.5 of its intervals before it ends, and the interval of verifications and events is 0.6 s"),
	}, nil
}

// terminate sends SIGTERM and waits for the end.
func (p *process) terminate(ctx context.Context) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop a worker: %w", err)
	}
	select {
	case <-p.ended:
	case <-ctx.Done():
		return ctx.Err()
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("a worker ended with %d: %s", code, p.last)
	}
	return nil
}
