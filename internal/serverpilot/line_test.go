package serverpilot

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// ask is one call of wait, at a time in seconds.
type ask struct {
	app    string
	urgent bool
	at     float64
	want   float64 // seconds to wait
	refuse float64 // the rate limit's answer, if not 0
}

func TestTurnsOfALine(t *testing.T) {
	t.Parallel()
	for name, asks := range map[string][]ask{
		"no app waits without need": {{app: "a", urgent: true}, {app: "b", urgent: true}, {app: "c"}},
		"after a refusal each app has its own turn": {{app: "a", urgent: true, refuse: 0.5}, {app: "b", urgent: true, want: 1.5}, {app: "c", urgent: true, want: 2.5},
			{app: "b", urgent: true, at: 1, want: 0.5}, {app: "a", urgent: true, at: 1}, {app: "b", urgent: true, at: 1.5}, {app: "c", urgent: true, at: 2.5}},
		"the tasks of an app share its turn": {{app: "a", urgent: true, refuse: 1}, {app: "b", urgent: true, want: 2}, {app: "b", urgent: true, want: 2}, {app: "b", urgent: true, at: 2}, {app: "b", urgent: true, at: 2}},
		"urgent tasks come first": {{app: "a", refuse: 1}, {app: "b", want: 2}, {app: "c", urgent: true}, {app: "c", urgent: true, refuse: 1}, {app: "d", urgent: true, want: 2},
			{app: "e", want: 4}},
		"a turn of another task gives way to urgent ones":           {{app: "a", refuse: 1}, {app: "b", urgent: true, at: 0.5, refuse: 2}, {app: "a", at: 3, want: 1}},
		"an urgent task doesn't wait for the other turn of its app": {{app: "a", refuse: 1}, {app: "b", want: 2}, {app: "b", urgent: true}},
		"a refusal delays the turns behind it": {{app: "a", urgent: true, refuse: 1}, {app: "b", urgent: true, want: 2}, {app: "a", urgent: true, at: 1, refuse: 3},
			{app: "b", urgent: true, at: 2, want: 3}, {app: "c", urgent: true, at: 2, want: 4}},
		"a turn that no app takes ends": {{app: "a", urgent: true, refuse: 1}, {app: "b", urgent: true, at: 12}, {app: "b", urgent: true, at: 12, refuse: 5},
			{app: "a", urgent: true, at: 12, want: 6}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, begin := line{step: time.Second}, time.Unix(1000, 0)
			for i, a := range asks {
				now := begin.Add(time.Duration(a.at * float64(time.Second)))
				if got := l.wait(a.app, a.urgent, now); got.Seconds() != a.want {
					t.Fatalf("%d: app %s waits %s, want %g s", i+1, a.app, got, a.want)
				}
				if a.refuse > 0 {
					l.refused(a.app, a.urgent, time.Duration(a.refuse*float64(time.Second)), now)
				}
			}
		})
	}
}

// Each task of a line that comes back when it is told to is let through after few tries.
// Neither the number of tasks matters, nor the calls that they share the rate with.
func TestATaskComesBackOnlyAFewTimes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 16))
		apps, each := 1+random.IntN(100), 1+random.IntN(40)
		rate := time.Duration(1+random.IntN(4)) * time.Second // between two calls that the rate allows
		l, now := line{step: time.Second}, time.Unix(1000, 0)
		free := now // when the rate allows the next call
		type task struct {
			app   string
			tries int
			due   time.Time
		}
		var waiting []task
		for i := range apps * each {
			waiting = append(waiting, task{app: fmt.Sprint("app", i%apps), due: now})
		}
		read := map[string]bool{} // an app is read once for its tasks
		for len(waiting) > 0 {
			next := waiting[0].due
			for _, w := range waiting {
				if w.due.Before(next) {
					next = w.due
				}
			}
			now = next
			var later []task
			for _, w := range waiting {
				if w.due.After(now) {
					later = append(later, w)
					continue
				}
				w.tries++
				if w.tries > 20 {
					t.Fatalf("seed %d: a task of %s of %d was tried %d times", seed, w.app, apps, w.tries)
				}
				if read[w.app] {
					continue
				}
				wait := l.wait(w.app, true, now)
				if wait == 0 && free.After(now) {
					wait = free.Sub(now)
					l.refused(w.app, true, wait, now)
				}
				if wait == 0 {
					free, read[w.app] = now.Add(rate), true
					continue
				}
				w.due = now.Add(wait)
				later = append(later, w)
			}
			waiting = later
		}
	}
}
