//go:build faults

package faults

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
)

// trouble is an API with a little of everything that goes wrong with one.
func trouble() simulator.Faults {
	return simulator.Faults{Error5xx: 0.02, Error429: 0.02, RetryAfter: time.Second, Slow: 0.01, SlowFor: 2 * time.Second,
		HTML: 0.005, DropBefore: 0.01, DropAfter: 0.005, TruncatedJSON: 0.005, NoDomains: 0.005}
}

// load runs n producers until the returned function is called.
func (f *fixture) load(n int, pace time.Duration) (end func()) {
	return f.workload.Load(f.t, n, pace, f.enqueue)
}

func TestWorkersKilledAtRandomLoseNoChange(t *testing.T) {
	t.Parallel()
	killAtRandom(t, 8, 3, 24*time.Second)
}

// killAtRandom kills one of the workers with SIGKILL every two to four seconds,
// while changes of all apps come in and the API has its troubles.
func killAtRandom(t *testing.T, apps, workers int, lasting time.Duration) {
	opt := simulator.Options{Latency: 100 * time.Millisecond, Faults: trouble()}
	for i := range apps {
		opt.Apps = append(opt.Apps, appWithDomains(fmt.Sprintf("app%02d", i)))
	}
	f := newFixture(t, opt)
	running := make([]*harness.Process, workers)
	for i := range running {
		running[i] = f.worker()
	}
	end := f.load(4, 300*time.Millisecond)
	kills := 0
	var death time.Time
	for began := time.Now(); time.Since(began) < lasting; {
		select {
		case <-t.Context().Done():
			t.Fatal("the test's time is over")
		case <-time.After(2*time.Second + rand.N(2*time.Second)):
		}
		i := rand.IntN(workers)
		running[i].Kill()
		death = time.Now()
		running[i] = f.worker()
		kills++
	}
	end()
	// An app in trouble at the API is tried again later and later, beside the takeover.
	f.sim.SetFaults(simulator.Faults{})
	f.awaitSettled()
	t.Logf("%d changes, %d workers killed; settled %s after the last death", f.workload.Acked(), kills, time.Since(death).Round(time.Second))
	f.check()
}
