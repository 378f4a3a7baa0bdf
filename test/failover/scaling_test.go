package failover

import (
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
	"pilotsync/test/workload"
)

// KEDA's rule and the autoscaler's, as deployments/kubernetes/components/keda sets them, with
// seconds in place of minutes.
const (
	fewest, most  = 1, 8
	threshold     = time.Second // of the waiting time; 15 s in production
	stepUp        = 2           // the most workers added at once
	stepDown      = 1
	tolerance     = 0.1             // a deviation from the threshold that changes nothing
	stabilization = 2 * time.Second // scaling down follows the highest count within this time; 600 s in production
	turn          = time.Second     // between decisions; 15 s in production, a minute between steps
)

// scaler scales the workers by the waiting time.
type scaler struct {
	f        *fixture
	running  []*harness.Process
	stopping sync.WaitGroup
	desired  []int         // in the last turns
	longest  time.Duration // that a task has waited
	writes   int           // list writes so far
	best     map[int]int   // number of workers → most writes in a turn

	mu      sync.Mutex    // guards what follows
	stop    time.Duration // the longest that a worker took to stop
	yielded int           // syncs that a stopping worker yielded
}

// wait is the longest time that a ready task has been waiting.
func (s *scaler) wait() (longest time.Duration) {
	s.f.t.Helper()
	inspector := asynq.NewInspectorFromRedisClient(s.f.rdb)
	for _, queue := range []string{tasks.QueueDomains, tasks.QueueLists, tasks.QueueSSL} {
		if info, err := inspector.GetQueueInfo(queue); err == nil { // an unused queue doesn't exist
			longest = max(longest, info.Latency)
		}
	}
	return longest
}

// decide returns the desired number of workers. If tasks wait for k times the threshold, n workers
// become n × k, in steps. Scaling down is delayed.
func (s *scaler) decide(wait time.Duration) int {
	n, ratio := len(s.running), float64(wait)/float64(threshold)
	want := n
	if math.Abs(ratio-1) > tolerance {
		want = int(math.Ceil(float64(n) * ratio))
	}
	s.desired = append(s.desired, want)
	s.desired = s.desired[max(0, len(s.desired)-int(stabilization/turn)-1):]
	if want < n {
		want = min(slices.Max(s.desired), n)
	}
	return min(max(want, n-stepDown, fewest), n+stepUp, most)
}

// until scales until there are n workers and tasks wait for less than the threshold.
func (s *scaler) until(n int, limit time.Duration) {
	s.f.t.Helper()
	tick := time.NewTicker(turn)
	defer tick.Stop()
	for began := time.Now(); ; <-tick.C {
		wait, writes := s.wait(), s.f.sim.Calls("", simulator.WriteList)
		s.f.t.Logf("%d workers wrote %d lists, the oldest task has been waiting for %s", len(s.running), writes-s.writes, wait.Round(10*time.Millisecond))
		s.longest, s.best[len(s.running)], s.writes = max(s.longest, wait), max(s.best[len(s.running)], writes-s.writes), writes
		if len(s.running) == n && (n == most || wait < threshold) {
			return
		}
		if time.Since(began) > limit {
			s.f.t.Fatalf("there are %d workers after %s, want %d, and tasks that wait for less than %s", len(s.running), limit, n, threshold)
		}
		s.scale(s.decide(wait))
	}
}

// scale starts workers, or stops the oldest without waiting for their end.
func (s *scaler) scale(n int) {
	for len(s.running) < n {
		s.running = append(s.running, s.f.start(nil, "worker"))
	}
	for len(s.running) > n {
		p := s.running[0]
		s.running = s.running[1:]
		s.stopping.Go(func() {
			began := time.Now()
			p.Terminate()
			took, back := time.Since(began), strings.Count(p.Written(), "the sync yielded with changes pending")
			s.mu.Lock()
			defer s.mu.Unlock()
			s.stop = max(s.stop, took)
			s.yielded += back
		})
	}
}

// The load grows until eight workers are needed, and then shrinks until one is enough.
func TestFromOneWorkerToEightAndBackUnderLoadLosesNothing(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	const apps, slots = 32, "1"
	f := newFixtureOf(t, redistest.Shipped(t).As, simulator.Options{Apps: appsWithDomains(apps), Latency: 300 * time.Millisecond})
	f.env = append(f.env, "PILOTSYNC_SSL_DELAYS=1h", "PILOTSYNC_API_RATE=0", "PILOTSYNC_CONCURRENCY="+slots)
	s := &scaler{f: f, best: map[int]int{}}
	s.scale(fewest)
	light := f.workload.Load(t, 1, 3*time.Second, f.enqueue)
	var down time.Time
	for _, stage := range []struct {
		pace    time.Duration
		workers int // enough for the load
	}{{30 * time.Millisecond, most}, {300 * time.Millisecond, 6}, {500 * time.Millisecond, 4}} {
		end := f.workload.Load(t, 1, stage.pace, f.enqueue)
		s.until(stage.workers, 2*time.Minute)
		end()
		if down.IsZero() {
			down = time.Now()
		}
	}
	s.until(fewest, 2*time.Minute)
	s.stopping.Wait()
	light()
	f.settle()
	workload.CheckNoOverlap(t, f.sim)
	f.slowest(down)
	t.Logf("tasks waited for up to %s; %d syncs yielded, and a worker took up to %s to stop",
		s.longest.Round(100*time.Millisecond), s.yielded, s.stop.Round(100*time.Millisecond))
	if s.longest < 2*threshold {
		t.Error("one worker was fast enough: the test tested nothing")
	}
	if one, eight := s.best[fewest], s.best[most]; eight < 3*one {
		t.Errorf("one worker wrote up to %d lists a second, and eight no more than %d", one, eight)
	}
}
