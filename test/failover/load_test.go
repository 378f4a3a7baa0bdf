package failover

import (
	"context"
	"fmt"
	"testing"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/test/workload"
)

// appsWithDomains are n apps with names set by hand.
func appsWithDomains(n int) (all []simulator.App) {
	for i := range n {
		all = append(all, simulator.App{ID: fmt.Sprintf("app%02d", i), Domains: []string{"intranet.example.org", "Mail.example.org"}})
	}
	return all
}

// newLoaded is a fixture with apps that changes arrive for all the time, and workers that list
// them. No verification is due during the test.
func newLoaded(t *testing.T, url urls, workers int) *fixture {
	t.Helper()
	f := newFixtureOf(t, url, simulator.Options{Apps: appsWithDomains(6), Latency: 50 * time.Millisecond})
	f.env = append(f.env, "PILOTSYNC_SSL_DELAYS=1h", "PILOTSYNC_API_RATE=0")
	for range workers {
		f.start(nil, "worker")
	}
	return f
}

// load has producers enqueue changes until the returned function is called. They continue after
// errors.
func (f *fixture) load() (end func()) {
	return f.workload.Load(f.t, 3, 50*time.Millisecond, f.enqueue)
}

func (f *fixture) enqueue(ctx context.Context, reqs ...enqueue.Request) error {
	return f.workload.Enqueue(ctx, f.client, reqs...)
}

// awaitAcked waits until more than n changes are acknowledged, and returns their number.
func (f *fixture) awaitAcked(n int) int {
	f.t.Helper()
	harness.Await(f.t, fmt.Sprintf("more than %d changes are acknowledged", n), func() error {
		if got := f.workload.Acked(); got <= n {
			return fmt.Errorf("they are %d", got)
		}
		return nil
	})
	return f.workload.Acked()
}

// settle waits until every acknowledged change is processed, and compares the lists with the
// requests.
func (f *fixture) settle() {
	f.t.Helper()
	began := time.Now()
	harness.Await(f.t, "every change is dealt with", func() error { return f.workload.Settled(f.t.Context(), f.ledger) })
	f.t.Logf("all %d changes were dealt with %s after the last", f.workload.Acked(), time.Since(began).Round(100*time.Millisecond))
	f.workload.Check(f.t, f.sim, f.ledger)
	workload.CheckNoOverlap(f.t, f.sim)
}

// pass lets the load run for a while.
func pass(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-t.Context().Done():
		t.Fatal("the test's time is over")
	case <-time.After(d):
	}
}

// kill kills a master under load, and continues with a load of other domains, which can't hide what
// became of the first ones. It returns the time of the kill, and a function that ends the load.
func (f *fixture) kill(master *redistest.Server, end func()) (killed time.Time, endNew func()) {
	f.t.Helper()
	master.Kill()
	killed = time.Now() // no later answer of it arrives
	if f.workload.MarkUnsure(killed.Add(-time.Second), f.sim.History("")) == 0 {
		f.t.Error("no request came in the second before: the test proves nothing")
	}
	endNew = f.load()
	end()
	return killed, endNew
}

// rejoin starts a killed master again, which becomes a replica. Then it ends the load, and waits
// until all is listed.
func (f *fixture) rejoin(master *redistest.Server, killed time.Time, end func()) {
	f.t.Helper()
	master.Start()
	harness.Await(f.t, "the old master is a replica", func() error { return replicates(f.t, master.Addr) })
	f.t.Logf("the old master was a replica %s after it was killed", time.Since(killed).Round(100*time.Millisecond))
	f.awaitAcked(f.workload.Acked() + 100)
	end()
	f.settle()
	f.slowest(killed.Add(-time.Second))
	f.lost()
}

// lost logs how many of the changes that Redis may lose were lost.
func (f *fixture) lost() {
	f.t.Helper()
	lost, unsure := f.workload.Lost(f.t, f.ledger)
	f.t.Logf("of %d domains whose last change was acknowledged in the second before, %d lost it", unsure, lost)
}

// slowest logs the longest time that a change took to be listed since then. It fails the test if
// none was listed.
func (f *fixture) slowest(from time.Time) {
	f.t.Helper()
	var slowest time.Duration
	n := 0
	for _, took := range f.workload.Listings(f.sim) {
		if took.At.After(from) {
			n, slowest = n+1, max(slowest, took.For)
		}
	}
	f.t.Logf("of %d changes the slowest took %s from its acknowledgement to the list", n, slowest.Round(100*time.Millisecond))
	if n == 0 {
		f.t.Error("no change was listed")
	}
}
