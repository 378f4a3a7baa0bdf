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

// However workers, crashes, answers and Redis behave, in the end every wanted domain is on
// the list, and no change is lost. -rapid.checks=N tries more schedules than the default.
func TestNoScheduleLosesAChange(t *testing.T) {
	server, l := setup(t)
	rapid.Check(t, func(t *rapid.T) {
		h := newHarness(server, l)
		defer h.close()
		h.t, h.tb = t, t
		// Only some schedules have each of these: each hides effects of the others.
		h.othersEdit = rapid.IntRange(0, 2).Draw(t, "the list is edited by others") == 2
		h.redisIsEmptied = rapid.IntRange(0, 2).Draw(t, "Redis is emptied") == 2
		h.dryRuns = rapid.IntRange(0, 2).Draw(t, "there are dry runs") == 2
		for range rapid.IntRange(5, 80).Draw(t, "length") {
			h.act()
		}
		h.finish(rapid.Bool().Draw(t, "the recoverer finds what dead workers left"))
		h.checkEnd()
	})
}

func setup(t *testing.T) (*miniredis.Miniredis, *ledger.Ledger) {
	server := miniredis.RunT(t)
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	t.Cleanup(func() { _ = rdb.Close() })
	return server, ledger.New(rdb)
}

// action is a possible next step of the schedule.
type action struct {
	weight int
	do     func()
}

// act draws one of the possible actions and does it.
func (h *harness) act() {
	total, possible := 0, h.actions()
	for _, a := range possible {
		total += a.weight
	}
	n := rapid.IntRange(0, total-1).Draw(h.t, "action")
	for _, a := range possible {
		if n -= a.weight; n < 0 {
			a.do()
			return
		}
	}
}

func (h *harness) actions() []action {
	all := []action{{10, h.requestSome}}
	add := func(possible bool, weight int, do func()) {
		if possible {
			all = append(all, action{weight, do})
		}
	}
	due := h.due(waiting)
	add(len(h.processes) > 0, 30, func() { h.draw(h.processes).step(h.drawCallResult()) })
	add(len(h.processes) > 0, 25, func() {
		p := h.draw(h.processes)
		for n := rapid.IntRange(2, 16).Draw(h.t, "calls"); n > 0 && p.parked != nil; n-- {
			p.step(succeeds)
		}
	})
	add(len(h.queue) > 0, 15, func() {
		r := drawFrom(h, h.queue)
		h.handleChange(r, rapid.IntRange(0, 9).Draw(h.t, "crash") == 9)
	})
	add(len(h.past) > 0, 2, func() { h.handleChange(drawFrom(h, h.past), false) })
	add(len(due) > 0 && len(h.processes) < 3, 20, func() {
		h.startAs(drawFrom(h, due), h.dryRuns && rapid.Bool().Draw(h.t, "dry run"))
	})
	add(h.dryRuns, 3, h.endDryRun)
	add(true, 8, func() {
		d := rapid.SampledFrom([]time.Duration{time.Second, 5 * time.Second, 15 * time.Second, 31 * time.Second}).Draw(h.t, "time")
		h.advance(d)
		h.logf("%s pass", d)
	})
	inFlight := slices.DeleteFunc(slices.Clone(h.writes), func(wr *write) bool { return !wr.inFlight })
	add(len(inFlight) > 0, 5, func() { h.land(drawFrom(h, inFlight)) })
	add(h.othersEdit, 4, h.editByHand)
	// Not within a sync: it takes a list for faulty or not for as long as it runs.
	add(h.othersEdit && len(h.processes) == 0 && !has(h.list, broken), 2, h.breakList)
	add(len(h.processes) == 0 && has(h.list, broken), 20, h.mendList)
	add(true, 3, h.runRecoverer)
	add(true, 8, func() { h.beginVerification(drawFrom(h, domains)) })
	if checking := h.checkedBeforeCommit(); len(checking) > 0 {
		add(true, 60, func() {
			h.beginVerification(drawFrom(h, checking))
			h.finishVerification(len(h.verifications)-1, false)
		})
	}
	add(len(h.verifications) > 0, 10, func() {
		i := rapid.IntRange(0, len(h.verifications)-1).Draw(h.t, "look")
		h.finishVerification(i, rapid.Bool().Draw(h.t, "final"))
	})
	add(len(h.processes) > 0, 1, func() {
		if p := h.draw(h.processes); !p.stopped {
			h.logf("w%d is stopped", p.id)
			p.stopped = true
			close(p.stopping)
		}
	})
	orphans := h.due(orphan)
	add(len(orphans) > 0, 3, func() {
		t := drawFrom(h, orphans)
		t.state = waiting
		h.logf("asynq recovers the task of wake %d", t.wake)
	})
	busy := h.inState(active)
	add(len(busy) > 0 && len(h.processes) < 3, 2, func() {
		h.needsRecoverer = true
		h.start(drawFrom(h, busy))
	})
	add(h.redisIsEmptied, 2, h.emptyRedis)
	return all
}

// checkedBeforeCommit returns domains that are about to be committed. Recording a
// verification between plan and commit finds the most mistakes.
func (h *harness) checkedBeforeCommit() (some []string) {
	records := h.records()
	for _, p := range h.processes {
		for _, domain := range p.planned {
			if strings.HasPrefix(p.parked.name, "Commit") && records[domain].State.Checking() {
				some = append(some, domain)
			}
		}
	}
	return some
}

// requestSome requests one to three changes, perhaps of one domain.
func (h *harness) requestSome() {
	for range rapid.IntRange(1, 3).Draw(h.t, "changes") {
		www := rapid.SampledFrom([]tasks.WWW{"", "", tasks.WWWNever}).Draw(h.t, "www")
		domain, remove, attempts := drawFrom(h, domains), rapid.IntRange(0, 2).Draw(h.t, "kind") == 2, 0
		if !remove && rapid.Bool().Draw(h.t, "a limit") {
			// Low limits more often: a running verification may have made as many attempts.
			attempts = rapid.OneOf(rapid.IntRange(1, 2), rapid.IntRange(1, tasks.MaxAttempts)).Draw(h.t, "attempts")
		}
		h.request(domain, remove, www, attempts)
	}
}

func drawFrom[T any](h *harness, all []T) T {
	return all[rapid.IntRange(0, len(all)-1).Draw(h.t, "which")]
}

func (h *harness) draw(all []*process) *process { return drawFrom(h, all) }

func (h *harness) drawCallResult() callResult {
	n := rapid.IntRange(0, 19).Draw(h.t, "mode")
	return callResult(max(0, n-15)) // each fault once in twenty
}

func (h *harness) inState(s taskState) (some []*syncTask) {
	for _, t := range h.tasks {
		if t.state == s {
			some = append(some, t)
		}
	}
	return some
}

// due returns the tasks in state s whose time has come.
func (h *harness) due(s taskState) []*syncTask {
	return slices.DeleteFunc(h.inState(s), func(t *syncTask) bool { return t.notBefore.After(h.now) })
}

// finish runs everything without further faults until nothing is left to do. The recoverer
// or asynq finds what dead workers left.
func (h *harness) finish(recoverer bool) {
	h.logf("NO MORE FAULTS")
	h.faults = false
	if has(h.list, broken) {
		for len(h.processes) > 0 {
			h.processes[0].step(succeeds)
		}
		h.mendList()
	}
	h.runUntilIdle(recoverer)
	if !h.drift {
		return
	}
	// Only a reconciliation detects changes of the list by other programs.
	h.logf("RECONCILIATION")
	h.wake()
	h.runUntilIdle(recoverer)
}

func (h *harness) runUntilIdle(recoverer bool) {
	for range 2000 {
		orphans := h.inState(orphan)
		inFlight := slices.ContainsFunc(h.writes, func(wr *write) bool { return wr.inFlight })
		switch due := h.due(waiting); {
		case len(h.queue) > 0:
			h.handleChange(h.queue[0], false)
		case len(h.processes) > 0:
			for _, p := range slices.Clone(h.processes) {
				p.step(succeeds)
			}
		case len(due) > 0:
			h.start(due[0])
		case inFlight || len(h.inState(waiting)) > 0:
			h.advance(time.Second)
		case len(orphans) > 0 && !recoverer:
			h.advance(asynqRecovers)
			orphans[0].state = waiting
			h.logf("asynq recovers the task of wake %d", orphans[0].wake)
		case recoverer || h.needsRecoverer:
			h.advance(31 * time.Second)
			h.endDryRun()
			if h.runRecoverer(); len(h.inState(waiting)) == 0 {
				return
			}
		default:
			if h.endDryRun(); len(h.inState(waiting)) == 0 {
				return
			}
		}
	}
	h.fail("there is always something left to do")
}
