package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// verifySlots is how many verifications a worker makes at once.
const verifySlots = 32

// verifyDelays make the second attempt, which finds the certificate, come soon. They let a worker
// cache an app's details for the full 10 s.
const verifyDelays = "20s,20s"

// certificateLatency is the latency of each certificate check. Without it, checks on the same
// machine would hardly overlap.
const certificateLatency = 50 * time.Millisecond

// measureVerification makes the domains of many apps due at once, as after an outage, for one
// worker. The simulator counts the reads, and a proxy in front of its TLS the certificate checks.
func measureVerification(ctx context.Context, b *bench) (rows []row, err error) {
	apps, each := b.size(40, 8), b.size(250, 50)
	listed := emptyApps(apps)
	for a := range listed {
		for i := range each {
			listed[a].Domains = append(listed[a].Domains, domainOf(a, i))
		}
	}
	f, err := b.newFixture(simulator.Options{Apps: listed, Latency: apiLatency})
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	tlsProxy, err := newProxy(net.JoinHostPort("127.0.0.1", strconv.Itoa(f.sim.TLSPort())), 0, certificateLatency)
	if err != nil {
		return nil, err
	}
	defer tlsProxy.close()
	_, port, err := net.SplitHostPort(tlsProxy.addr)
	if err != nil {
		return nil, fmt.Errorf("the proxy's address: %w", err)
	}
	if err := f.fillDue(ctx, apps, each); err != nil {
		return nil, err
	}
	began := time.Now()
	if err := f.start(ctx, 1, "PILOTSYNC_TLS_PORT="+port, "PILOTSYNC_SSL_DELAYS="+verifyDelays); err != nil {
		return nil, err
	}
	err = until(ctx, "all domains are done", 3*time.Minute, func() (bool, error) {
		if err := sleep(ctx, 50*time.Millisecond); err != nil { // each poll costs Redis time
			return false, err
		}
		done := 0
		states, err := f.ledger.AppStates(ctx)
		for _, app := range states {
			done += app.Counts[tasks.Done]
		}
		return done == apps*each, err
	})
	if err != nil {
		return nil, err
	}
	took := time.Since(began)
	reads := 0
	for a := range apps {
		reads = max(reads, mostWithin(readTimes(f.sim, appID(a)), 10*time.Second))
	}
	arrived, most := tlsProxy.connections()
	return []row{
		{What: fmt.Sprintf("%d domains of %d apps due at once: reads of one app within 10 s", apps*each, apps), Goal: "≤ 1",
			Got: strconv.Itoa(reads), Ratio: float64(reads), Met: reads <= 1,
			Note: fmt.Sprintf("the most of any app; AutoSSL was off, and the first verification turned it on; all done after %s", seconds(took))},
		{What: "certificate checks at once", Goal: fmt.Sprintf("≤ %d, a worker's slots", verifySlots), Got: strconv.Itoa(most),
			Ratio: float64(most) / verifySlots, Met: most <= verifySlots, Note: "one name a domain; with www forms twice as many"},
		{What: "certificate checks, the most in any second", Got: fmt.Sprintf("%d/s", mostWithin(arrived, time.Second)), Met: true,
			Note: fmt.Sprintf("%.0f/s in the mean; each certificate is %d ms away, so the slots allow %d/s. Only the slots spread domains that are due at one moment, as after an outage. Domains that are added together get different delays; that isn't measured here",
				float64(len(arrived))/took.Seconds(), certificateLatency.Milliseconds(), int(verifySlots/certificateLatency.Seconds()))},
	}, nil
}

func readTimes(sim *simulator.Simulator, app string) []time.Time {
	var all []time.Time
	for _, r := range sim.Reads(app) {
		all = append(all, r.ReceivedAt)
	}
	return all
}

// mostWithin is the largest number of the sorted times within a span.
func mostWithin(times []time.Time, span time.Duration) int {
	most, first := 0, 0
	for i, t := range times {
		for t.Sub(times[first]) >= span {
			first++
		}
		most = max(most, i-first+1)
	}
	return most
}

// fillDue records the simulator's domains as listed, and enqueues a first verification of each that
// is due now.
func (f *fixture) fillDue(ctx context.Context, apps, each int) error {
	queue := asynq.NewClientFromRedisClient(f.rdb)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(clientGoroutines)
	now := time.Now().UTC()
	for a := range apps {
		group.Go(func() error {
			app := appID(a)
			for i := range each {
				change := listsync.Pending{Change: tasks.Change{AppID: app, Domain: domainOf(a, i), Seq: now.UnixMicro() + int64(i), RequestedAt: now}, RecordedAt: now}
				if _, err := f.ledger.Record(ctx, change, listsync.HistoryEntry{At: now, State: tasks.Pending, Reason: "asked to be put on the list", Actor: "request"}); err != nil {
					return err
				}
			}
			lease, err := f.ledger.Acquire(ctx, app)
			if err != nil {
				return err
			}
			snapshot, err := f.ledger.Snapshot(ctx, app)
			if err != nil {
				return fmt.Errorf("read the ledger of %s: %w", app, err)
			}
			plan := listsync.Plan(listsync.Input{Remote: f.sim.List(app), Ledger: snapshot, Rules: listsync.Rules{WWW: tasks.WWWNever}, Now: now})
			for i := range plan.Outcomes {
				r := &plan.Outcomes[i].Record
				r.NextAttemptAt = &now
				v := tasks.Verify{AppID: app, Domain: r.Domain, Seq: r.CheckSeq, Attempt: 1, DueAt: now}
				if _, err := queue.EnqueueContext(ctx, asynq.NewTask(tasks.TypeSSLVerify, tasks.Encode(v)), asynq.Queue(tasks.QueueSSL), asynq.TaskID(v.ID())); err != nil {
					return fmt.Errorf("enqueue %s: %w", v.ID(), err)
				}
			}
			if _, err := f.ledger.Commit(ctx, lease, listsync.Commit{Outcomes: plan.Outcomes, Listed: len(plan.List), WorkerID: "bench"}); err != nil {
				return fmt.Errorf("commit to the ledger of %s: %w", app, err)
			}
			if _, err := f.ledger.Release(ctx, lease); err != nil {
				return fmt.Errorf("release the lease of %s: %w", app, err)
			}
			return nil
		})
	}
	return group.Wait()
}
