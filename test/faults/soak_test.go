//go:build faults

package faults

import (
	"fmt"
	"math/rand/v2"
	"os"
	"syscall"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
)

// TestSoak runs for the time that SOAK gives. In each round of two minutes all faults happen at
// random, to all workers at once. Then they end, and everything must be correct before the next
// round.
func TestSoak(t *testing.T) {
	lasting, err := time.ParseDuration(os.Getenv("SOAK"))
	if err != nil {
		t.Skip("runs for as long as SOAK says, such as SOAK=30m: make soak")
	}
	t.Parallel()
	f := newFixture(t, simulator.Options{Apps: apps(16), Latency: 100 * time.Millisecond}, "--appendfsync", "always")
	hosts := make([]*host, 4)
	for i := range hosts {
		l, redisURL := f.link()
		hosts[i] = &host{f: f, link: l, env: []string{redisURL}}
		hosts[i].process = f.worker(redisURL)
	}
	for began, round := time.Now(), 1; time.Since(began) < lasting && !t.Failed(); round++ {
		f.sim.SetFaults(troubles())
		end := f.load(4, 300*time.Millisecond)
		faults := map[string]int{}
		for chaos := time.Now(); time.Since(chaos) < time.Minute; {
			pass(t, time.Second+rand.N(4*time.Second))
			h := hosts[rand.IntN(len(hosts))]
			h.resumeIfDue()
			what := "a worker killed"
			switch n := rand.IntN(10); {
			case n < 4:
				h.recover()
				h.process.Kill()
				h.process = f.worker(h.env...)
			case n < 6:
				what = "a worker stopped"
				h.stopFor(rand.N(45 * time.Second))
			case n < 7:
				what = "a network cut"
				h.recover()
				h.link.cut()
				h.isCut = true
			case n < 8:
				what = "a network half-open"
				h.recover()
				h.link.toxic("timeout", map[string]any{"timeout": 0})
				h.isDeaf = true
			default:
				what = "Redis killed"
				f.redis.Kill()
				pass(t, rand.N(3*time.Second))
				f.redis.Start()
			}
			faults[what]++
		}
		end()
		for _, h := range hosts {
			h.recover()
		}
		f.sim.SetFaults(simulator.Faults{})
		f.awaitSettled()
		f.check()
		fmt.Printf("soak: round %d, %s: %d changes acknowledged, %v\n", round, time.Since(began).Round(time.Second), f.workload.Acked(), faults)
	}
}

// host is a worker and its network.
type host struct {
	f             *fixture
	process       *harness.Process
	link          *link
	env           []string
	stopped       time.Time // until when it is stopped; zero if it runs
	isCut, isDeaf bool
}

func (h *host) stopFor(d time.Duration) {
	h.process.Signal(syscall.SIGSTOP)
	h.stopped = time.Now().Add(d)
}

func (h *host) resumeIfDue() {
	if !h.stopped.IsZero() && time.Now().After(h.stopped) {
		h.process.Signal(syscall.SIGCONT)
		h.stopped = time.Time{}
	}
}

// recover lets the worker run, on a working network.
func (h *host) recover() {
	if !h.stopped.IsZero() {
		h.process.Signal(syscall.SIGCONT)
		h.stopped = time.Time{}
	}
	if h.isCut {
		h.link.restore()
	}
	if h.isDeaf {
		h.link.heal()
	}
	h.isCut, h.isDeaf = false, false
}
