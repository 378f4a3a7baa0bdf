package modeltest

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// However workers, crashes, answers and Redis behave: in the end every wanted
// domain is on the list, and no change was lost on the way. -rapid.checks=N
// tries more schedules than the usual.
func TestNoScheduleLosesAChange(t *testing.T) {
	server, l := setup(t)
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(server, l)
		defer w.close()
		w.t, w.tb = t, t
		// In every schedule each of these would blur what the others bring about.
		w.byOthers = rapid.IntRange(0, 2).Draw(t, "the list is edited by others") == 2
		w.flushes = rapid.IntRange(0, 2).Draw(t, "Redis is emptied") == 2
		w.dryRuns = rapid.IntRange(0, 2).Draw(t, "there are dry runs") == 2
		for range rapid.IntRange(5, 80).Draw(t, "length") {
			w.act()
		}
		w.settle(rapid.Bool().Draw(t, "the sweep finds what died"))
		w.checkEnd()
	})
}

func setup(t *testing.T) (*miniredis.Miniredis, *ledger.Ledger) {
	server := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	return server, ledger.New(rdb)
}

// action is something that can happen next.
type action struct {
	weight int
	do     func()
}

// act does one thing that is possible now, drawn at random.
func (w *world) act() {
	total, possible := 0, w.actions()
	for _, a := range possible {
		total += a.weight
	}
	n := rapid.IntRange(0, total-1).Draw(w.t, "action")
	for _, a := range possible {
		if n -= a.weight; n < 0 {
			a.do()
			return
		}
	}
}

func (w *world) actions() []action {
	all := []action{{10, w.askSome}}
	add := func(possible bool, weight int, do func()) {
		if possible {
			all = append(all, action{weight, do})
		}
	}
	due := w.due(waiting)
	add(len(w.processes) > 0, 30, func() { w.draw(w.processes).step(w.drawMode()) })
	add(len(w.processes) > 0, 25, func() {
		p := w.draw(w.processes)
		for n := rapid.IntRange(2, 16).Draw(w.t, "calls"); n > 0 && p.parked != nil; n-- {
			p.step(goesOn)
		}
	})
	add(len(w.queue) > 0, 15, func() {
		r := drawn(w, w.queue)
		w.deliver(r, rapid.IntRange(0, 9).Draw(w.t, "crash") == 9)
	})
	add(len(w.past) > 0, 2, func() { w.deliver(drawn(w, w.past), false) })
	add(len(due) > 0 && len(w.processes) < 3, 20, func() {
		w.startAs(drawn(w, due), w.dryRuns && rapid.Bool().Draw(w.t, "dry run"))
	})
	add(w.dryRuns, 3, w.endDryRun)
	add(true, 8, func() {
		d := rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Second, 15 * time.Second, 31 * time.Second}).Draw(w.t, "time")
		w.pass(d)
		w.say("%s pass", d)
	})
	flying := slices.DeleteFunc(slices.Clone(w.writes), func(wr *write) bool { return !wr.flying })
	add(len(flying) > 0, 5, func() { w.land(drawn(w, flying)) })
	add(w.byOthers, 4, w.byHand)
	// Not within a sync: it judges a refusal by a list that stays sound or unsound.
	add(w.byOthers && len(w.processes) == 0 && !has(w.list, broken), 2, w.breakList)
	add(len(w.processes) == 0 && has(w.list, broken), 20, w.mendList)
	add(true, 3, w.sweep)
	add(true, 8, func() { w.beginVerification(drawn(w, domains)) })
	if checking := w.checkedBeforeCommit(); len(checking) > 0 {
		add(true, 60, func() {
			w.beginVerification(drawn(w, checking))
			w.verified(len(w.verifications)-1, false)
		})
	}
	add(len(w.verifications) > 0, 10, func() {
		i := rapid.IntRange(0, len(w.verifications)-1).Draw(w.t, "look")
		w.verified(i, rapid.Bool().Draw(w.t, "final"))
	})
	add(len(w.processes) > 0, 1, func() {
		if p := w.draw(w.processes); !p.stopped {
			w.say("w%d is asked to stop", p.id)
			p.stopped = true
			close(p.stopping)
		}
	})
	orphans := w.due(orphan)
	add(len(orphans) > 0, 3, func() {
		t := drawn(w, orphans)
		t.state = waiting
		w.say("asynq recovers the task of wake %d", t.wake)
	})
	busy := w.inState(active)
	add(len(busy) > 0 && len(w.processes) < 3, 2, func() {
		w.astray = true
		w.start(drawn(w, busy))
	})
	add(w.flushes, 2, w.flush)
	return all
}

// checkedBeforeCommit are domains whose verification would be put down between
// a plan and its commit, which is when it tells most.
func (w *world) checkedBeforeCommit() (some []string) {
	records := w.records()
	for _, p := range w.processes {
		for _, domain := range p.planned {
			if strings.HasPrefix(p.parked.name, "Commit") && records[domain].State.Checking() {
				some = append(some, domain)
			}
		}
	}
	return some
}

// askSome asks for a change or a few, perhaps of one domain.
func (w *world) askSome() {
	for range rapid.IntRange(1, 3).Draw(w.t, "changes") {
		www := rapid.SampledFrom([]tasks.WWW{"", "", tasks.WWWNever}).Draw(w.t, "www")
		domain, remove, attempts := drawn(w, domains), rapid.IntRange(0, 2).Draw(w.t, "kind") == 2, 0
		if !remove && rapid.Bool().Draw(w.t, "a limit") {
			// Low ones more often: a verification under way has then made as many.
			attempts = rapid.OneOf(rapid.IntRange(1, 2), rapid.IntRange(1, tasks.MaxAttempts)).Draw(w.t, "attempts")
		}
		w.ask(domain, remove, www, attempts)
	}
}

func drawn[T any](w *world, all []T) T {
	return all[rapid.IntRange(0, len(all)-1).Draw(w.t, "which")]
}

func (w *world) draw(all []*process) *process { return drawn(w, all) }

func (w *world) drawMode() mode {
	n := rapid.IntRange(0, 19).Draw(w.t, "mode")
	return mode(max(0, n-15)) // each fault once in twenty
}

func (w *world) inState(s taskState) (some []*syncTask) {
	for _, t := range w.tasks {
		if t.state == s {
			some = append(some, t)
		}
	}
	return some
}

// due are the tasks in a state that asynq would see to now.
func (w *world) due(s taskState) []*syncTask {
	return slices.DeleteFunc(w.inState(s), func(t *syncTask) bool { return t.notBefore.After(w.now) })
}

// settle lets everything run without further faults until all is quiet. What
// died is found by the sweep, or by asynq.
func (w *world) settle(sweeps bool) {
	w.say("NO MORE FAULTS")
	w.faults = false
	if has(w.list, broken) {
		for len(w.processes) > 0 {
			w.processes[0].step(goesOn)
		}
		w.mendList()
	}
	w.quiet(sweeps)
	if !w.drift {
		return
	}
	// Changes that others made to the list are only seen by a reconciliation.
	w.say("RECONCILIATION")
	w.wake()
	w.quiet(sweeps)
}

func (w *world) quiet(sweeps bool) {
	for range 2000 {
		orphans := w.inState(orphan)
		flying := slices.ContainsFunc(w.writes, func(wr *write) bool { return wr.flying })
		switch due := w.due(waiting); {
		case len(w.queue) > 0:
			w.deliver(w.queue[0], false)
		case len(w.processes) > 0:
			for _, p := range slices.Clone(w.processes) {
				p.step(goesOn)
			}
		case len(due) > 0:
			w.start(due[0])
		case flying || len(w.inState(waiting)) > 0:
			w.pass(time.Second)
		case len(orphans) > 0 && !sweeps:
			w.pass(asynqRecovers)
			orphans[0].state = waiting
			w.say("asynq recovers the task of wake %d", orphans[0].wake)
		case sweeps || w.astray:
			w.pass(31 * time.Second)
			w.endDryRun()
			if w.sweep(); len(w.inState(waiting)) == 0 {
				return
			}
		default:
			if w.endDryRun(); len(w.inState(waiting)) == 0 {
				return
			}
		}
	}
	w.fail("it doesn't come to rest")
}
