//go:build faults

package faults

import (
	"syscall"
	"testing"
	"time"

	"pilotsync/internal/simulator"
	"pilotsync/test/harness"
	"pilotsync/worker/listsync"
)

// A worker is stopped in the middle of a write and goes on when its lease is long
// over, and another worker has written the list meanwhile.
func TestAWorkerStoppedInAWriteWritesNothingAfterItsLease(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		api   bool
		match func(*testing.T) func([]byte) bool
		// writes are how many list writes of the stopped worker may have left it.
		writes int
	}{
		{"stopped when it was about to write", false, func(t *testing.T) func([]byte) bool { return script(t, "begin_write") }, 0},
		{"stopped when it was about to hear of its write", true, func(*testing.T) func([]byte) bool { return listWrite }, 1},
		{"stopped when it was about to hear of its commit", false, func(t *testing.T) func([]byte) bool { return script(t, "commit") }, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, simulator.Options{Apps: []simulator.App{appWithDomains("app1")}, Latency: 200 * time.Millisecond})
			onRedis, redisURL := f.tapRedis()
			onAPI, apiURL := f.tapAPI()
			at := onRedis
			if c.api {
				at = onAPI
			}
			trap := at.hold(answered, c.match(t))
			stopped := f.worker(redisURL, apiURL)
			f.add("app1", "one.example.com", "two.example.com")
			trap.await(t)
			stopped.Signal(syscall.SIGSTOP)
			began := time.Now()
			trap.release() // what it waits for is there, when it can look again
			other := f.worker()
			f.awaitSettled()
			f.add("app1", "three.example.com")
			harness.Await(t, "the lease is long over", func() error {
				if time.Since(began) < listsync.LeaseTTL+5*time.Second {
					return errStill
				}
				return f.settled()
			})
			written := len(f.sent("app1"))

			stopped.Signal(syscall.SIGCONT)
			other.Terminate()
			// It does go on: it lists what is asked for next, for there is no other. What
			// it was at before has had the time to fail, too.
			f.add("app1", "four.example.com")
			f.awaitSettled()
			pass(t, 5*time.Second)
			if got, most := len(onAPI.listWrites()), c.writes+1; got > most {
				t.Errorf("the stopped worker sent %d list writes, want at most %d", got, most)
			}
			if got := len(f.sent("app1")); got != written+1 {
				t.Errorf("there are %d writes of the list, want one more than the %d before the stopped worker went on", got, written)
			}
			f.check()
			f.checkAddedOnce("app1")
		})
	}
}
