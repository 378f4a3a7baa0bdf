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

// A worker is suspended during a write. It continues long after its lease has ended and another
// worker has written the list.
func TestAWorkerStoppedInAWriteWritesNothingAfterItsLease(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		api   bool
		match func(*testing.T) func([]byte) bool
		// writes is the number of list writes that the suspended worker may have sent.
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
			stopped.Suspend()
			began := time.Now()
			trap.release() // the answer it waits for has come before it continues
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
			// It does continue: it lists the next change, as the only worker. Its earlier call has
			// failed by then.
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
