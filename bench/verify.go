package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"golang.org/x/sync/errgroup"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// verifySlots is how many verifications of an account a worker makes at once.
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
	apps, each := b.size(40, 8), b.size(150, 50)
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
	tlsProxy, err := newProxy(proxyOptions{target: net.JoinHostPort("127.0.0.1", strconv.Itoa(f.sim.TLSPort())), connectDelay: certificateLatency})
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
		{Title: fmt.Sprintf("%d domains of %d apps due at once: reads of one app within 10 s", apps*each, apps), Goal: "≤ 1",
			Got: strconv.Itoa(reads), Ratio: float64(reads), Met: reads <= 1,
			Note: fmt.Sprintf("the most of any app; AutoSSL was off, and the first verification turned it on; all done after %s", seconds(took))},
		{Title: "certificate checks at once", Goal: fmt.Sprintf("≤ %d, an account's slots", verifySlots), Got: strconv.Itoa(most),
			Ratio: float64(most) / verifySlots, Met: most <= verifySlots, Note: "one name a domain; with www forms twice as many"},
		{Title: "certificate checks, the most in any second", Got: fmt.Sprintf("%d/s", mostWithin(arrived, time.Second)), Met: true,
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

// fillDue records the simulator's domains of the first apps as listed, and enqueues a first
// verification of each that is due now.
func (f *fixture) fillDue(ctx context.Context, apps, each int) error {
	now := time.Now().UTC()
	var mu sync.Mutex
	var due []tasks.Verify
	err := f.fill(ctx, apps, each, func(app string, o *listsync.Outcome) {
		r := &o.Record
		r.NextAttemptAt = &now
		mu.Lock()
		defer mu.Unlock()
		due = append(due, tasks.Verify{AppID: app, Domain: r.Domain, Seq: r.CheckSeq, Attempt: 1, DueAt: now})
	})
	if err != nil {
		return err
	}
	return f.enqueueDue(ctx, due...)
}

// enqueueDue enqueues verifications, each to be made at once.
func (f *fixture) enqueueDue(ctx context.Context, due ...tasks.Verify) error {
	queue := asynq.NewClientFromRedisClient(f.rdb)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(clientGoroutines)
	for _, v := range due {
		group.Go(func() error {
			if _, err := queue.EnqueueContext(ctx, asynq.NewTask(tasks.TypeSSLVerify, tasks.Encode(v)), asynq.Queue(tasks.QueueSSL), asynq.TaskID(v.ID())); err != nil {
				return fmt.Errorf("enqueue %s: %w", v.ID(), err)
			}
			return nil
		})
	}
	return group.Wait()
}
