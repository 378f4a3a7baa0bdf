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

// troubless are an API's faults, some of each kind.
func troubles() simulator.Faults {
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

// killAtRandom kills a worker with SIGKILL every two to four seconds, while changes of all apps
// arrive and the API has faults.
func killAtRandom(t *testing.T, apps, workers int, lasting time.Duration) {
	opt := simulator.Options{Latency: 100 * time.Millisecond, Faults: troubles()}
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
	// Besides the takeover, an app whose calls fail is retried with growing delays.
	f.sim.SetFaults(simulator.Faults{})
	f.awaitSettled()
	t.Logf("%d changes, %d workers killed; settled %s after the last death", f.workload.Acked(), kills, time.Since(death).Round(time.Second))
	f.check()
}
