package modeltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/alicebob/miniredis/v2"
	"pgregory.net/rapid"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

const (
	// asynqRecovers is the shortest time in which asynq finds a task whose worker
	// died; a lease of the ledger has run out by then.
	asynqRecovers = 55 * time.Second

	app = "app1"
	// firstSeq is the size of real order numbers: microseconds since 1970.
	firstSeq = 1772366400123456
)

func ledgerKey(name string) string { return "pilotsync:{" + app + "}:" + name }

var syncKey = ledgerKey("sync")

// world is everything there is in one schedule.
type world struct {
	tb interface {
		Helper()
		Logf(string, ...any)
		Fatalf(string, ...any)
	}
	t      *rapid.T // what is drawn is drawn from it; nil where nothing is
	redis  *miniredis.Miniredis
	ledger *ledger.Ledger
	begin  time.Time
	now    time.Time // also Redis's
	faults bool
	story  []string

	byOthers, flushes, dryRuns bool // what this schedule has in it

	// ServerPilot.
	list   []string
	writes []*write
	landed []*write // in the order they took effect
	edits  int      // by hand, or by a write that Redis has forgotten
	drift  bool     // the list was edited: what stands in the ledger may not be on it

	// WordPress, and the queue.
	seq   int64
	asked map[string]request // the last request for each domain
	queue []request
	past  []request
	tasks []*syncTask
	// astray: a task may be gone before its time, since it ran twice at once, or
	// since a lease that Redis would not take back made the next one end as busy.
	// Then only the sweep helps.
	astray bool

	// The workers.
	processes []*process
	started   int
	// dryStarted are those in a dry run. Their ids begin at 1001, so that they don't
	// move the ids of the others.
	dryStarted    int
	verifications []listsync.Record // verifications under way
	attempts      map[string]int    // verifications that were recorded, by domain and CheckSeq
	followed      map[string]bool   // what followed from commits

	model   model
	mayStay map[string]bool // names that were on the list without the ledger's doing
	handSet map[string]bool // those of them that a removal asked for
	epoch   int             // how often Redis was emptied
}

// syncTask is an app:sync task as asynq holds it.
type syncTask struct {
	wake      int64
	state     taskState
	notBefore time.Time
}

type taskState string

const (
	waiting taskState = "waiting"
	active  taskState = "active"
	orphan  taskState = "orphan" // its worker died; asynq finds out in a minute or two
)

func newWorld(redis *miniredis.Miniredis, l *ledger.Ledger) *world {
	redis.FlushAll()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	w := &world{
		redis: redis, ledger: l, begin: begin, now: begin, faults: true, seq: firstSeq,
		list: []string{"hand1.net", "www.b.com", "hand2.net"}, asked: map[string]request{},
		attempts: map[string]int{}, followed: map[string]bool{}, dryStarted: 1000,
		model: newModel(), mayStay: map[string]bool{"www.b.com": true}, handSet: map[string]bool{},
	}
	redis.SetTime(begin)
	return w
}

// breakList is somebody putting a name on the list by hand that ServerPilot
// takes from no one else, so that it refuses every write; mendList takes it off.
func (w *world) breakList() {
	w.edited()
	w.list = append(slices.Clone(w.list), broken)
	w.say("by hand: the list is broken: %v", w.list)
}

func (w *world) mendList() {
	w.edited()
	w.list = slices.DeleteFunc(slices.Clone(w.list), func(name string) bool { return name == broken })
	w.say("by hand: the list is mended: %v", w.list)
}

// close unwinds all goroutines.
func (w *world) close() {
	for _, p := range w.processes {
		p.kill()
	}
}

func (w *world) say(format string, args ...any) {
	w.story = append(w.story, fmt.Sprintf("%9.3f ", w.now.Sub(w.begin).Seconds())+fmt.Sprintf(format, args...))
}

func (w *world) fail(format string, args ...any) {
	w.tb.Helper()
	w.tb.Logf("the schedule (seconds):\n%s", strings.Join(w.story, "\n"))
	w.tb.Fatalf(format, args...)
}

// must is for calls of the ledger that no fault was planned for.
func (w *world) must(err error) {
	if err != nil {
		w.fail("%v", err)
	}
}

// ask is WordPress asking for a change.
func (w *world) ask(domain string, remove bool, www tasks.WWW, attempts int) {
	w.seq += 1 + int64(len(domain)%3)
	r := request{domain: domain, remove: remove, www: www, attempts: attempts, seq: w.seq}
	w.asked[domain] = r
	w.queue = append(w.queue, r)
	form := "www." + domain
	switch {
	case remove && w.mayStay[domain]:
		w.handSet[domain] = true
		delete(w.mayStay, domain)
	case !remove && r.wwwRule() != tasks.WWWNever && w.handSet[form]:
		w.mayStay[form] = true // it overrules the removal of its form, which has no effect then
	}
	w.say("asked: %s", r)
}

// deliver is a worker that handles a change task.
func (w *world) deliver(r request, crashes bool) {
	pending := listsync.Pending{Remove: r.remove, RecordedAt: w.now,
		Change: tasks.Change{AppID: app, Domain: r.domain, Seq: r.seq, WWW: r.www, Attempts: r.attempts, RequestedAt: w.now}}
	got, err := w.ledger.Record(context.Background(), pending, listsync.HistoryEntry{At: w.now, State: tasks.Pending, Actor: "request"})
	w.must(err)
	w.say("recorded: %s (superseded %t, again %t, start %t, wake %d)", r, got.Superseded, got.Repeated, got.Start, got.Wake)
	if last := w.model.last[r.domain].seq; got.Superseded != (r.seq < last) || got.Repeated != (r.seq == last) {
		w.fail("%s after #%d: superseded %t, again %t", r, last-firstSeq, got.Superseded, got.Repeated)
	}
	w.model.told(r)
	if crashes {
		w.say("  and its worker dies before it starts the sync")
		return
	}
	if got.Start {
		w.enqueue(got.Wake)
	}
	w.queue = slices.DeleteFunc(w.queue, func(other request) bool { return other == r })
	w.past = append(w.past, r)
}

// wake is a worker that wants one more read of the list.
func (w *world) wake() {
	wake, err := w.ledger.Wake(context.Background(), app)
	w.must(err)
	w.say("one more sync is asked for: wake %d", wake)
	w.enqueue(wake)
}

// enqueue is asynq: a second task of the same id is refused.
func (w *world) enqueue(wake int64) {
	if slices.ContainsFunc(w.tasks, func(t *syncTask) bool { return t.wake == wake }) {
		return
	}
	w.tasks = append(w.tasks, &syncTask{wake: wake, state: waiting})
}

// end is asynq when a handler returns, or when its worker has died.
func (w *world) end(p *process) {
	w.processes = slices.DeleteFunc(w.processes, func(other *process) bool { return other == p })
	w.say("w%d ends: %v", p.id, p.err)
	var notTaken *listsync.NotAcquired
	var call *listsync.CallError
	isNotTaken, isCall := errors.As(p.err, &notTaken), errors.As(p.err, &call)
	lost := errors.Is(p.err, listsync.ErrLeaseLost) && !p.dead
	if lost {
		if isCall && call.Verdict == listsync.Unknown {
			w.must(w.ledger.SetWakeAt(context.Background(), app, w.now.Add(listsync.LandingLimit)))
			w.say("a wake-up is planned for when the write has landed")
			w.astray = true
		} else {
			w.wake()
		}
		p.again = w.epoch
	} else if p.flight != nil && p.flight.epoch != w.epoch {
		w.drift = true // a write that Redis forgot, and that nobody looks after
	}
	if p.dead && !slices.Contains(w.tasks, p.task) {
		w.astray = true // it may have held the lease, and no task of its is left
	}
	if p.task.state != active || !slices.Contains(w.tasks, p.task) {
		return // another has dealt with the task
	}
	pause := time.Second
	switch {
	case p.dead:
		if !slices.ContainsFunc(w.processes, func(other *process) bool { return other.task == p.task }) {
			p.task.state, p.task.notBefore = orphan, w.now.Add(asynqRecovers)
		}
		return
	case p.err == nil, lost, isNotTaken && (notTaken.Idle || notTaken.Busy):
		w.tasks = slices.DeleteFunc(w.tasks, func(t *syncTask) bool { return t == p.task })
		return
	case isNotTaken:
		pause = notTaken.Wait
	case isCall, errors.Is(p.err, errRedis), errors.Is(p.err, listsync.ErrYield):
	case strings.Contains(p.err.Error(), "settled nothing"):
	default:
		w.fail("w%d ends with an error nobody expects: %v", p.id, p.err)
	}
	p.task.state, p.task.notBefore = waiting, w.now.Add(pause)
}

// sweep is the worker's sweep for apps that nobody is at.
func (w *world) sweep() {
	state, err := w.ledger.App(context.Background(), app)
	w.must(err)
	if !state.WakeAt.IsZero() && !w.now.Before(state.WakeAt) {
		w.wake()
		return
	}
	if state.Leased || !state.Awake && (state.Pending == 0 || state.DryRun != nil) {
		return
	}
	for _, t := range w.tasks {
		if t.wake == state.Wake && t.state == waiting {
			return
		}
	}
	wake, ok, err := w.ledger.RenewWake(context.Background(), app, state.Wake)
	w.must(err)
	if ok {
		w.say("the sweep makes wake %d", wake)
		w.enqueue(wake)
	}
}

// endDryRun is a worker without a dry run that finds an app after one.
func (w *world) endDryRun() {
	state, err := w.ledger.App(context.Background(), app)
	w.must(err)
	if state.DryRun != nil && !state.Awake {
		w.wake()
	}
}

// beginVerification begins a verification, verified ends it.
func (w *world) beginVerification(domain string) {
	view, ok, err := w.ledger.Domain(context.Background(), app, domain)
	w.must(err)
	if ok && view.Record.Wanted && view.Record.State.Checking() {
		w.say("a verification of %s begins", domain)
		w.verifications = append(w.verifications, view.Record)
	}
}

func (w *world) verified(i int, final bool) {
	was := w.verifications[i]
	w.verifications = slices.Delete(w.verifications, i, i+1)
	is, next := was, w.now.Add(time.Minute)
	is.Attempt, is.State, is.AttemptAt, is.NextAttemptAt = was.Attempt+1, tasks.CheckingSSL, &w.now, &next
	if final || is.Attempt >= was.Limit {
		is.State, is.NextAttemptAt = tasks.Done, nil
	}
	current := w.redis.HGet(ledgerKey("domains"), was.Domain)
	ok, err := w.ledger.Verified(context.Background(), app, was, is, listsync.HistoryEntry{At: w.now, State: is.State, Actor: "verification"})
	w.must(err)
	if w.say("verified: %s is %s (put down %t)", was.Domain, is.State, ok); ok != (current == was.Version) {
		w.fail("a verification of %s was put down: %t, on %s", was.Domain, ok, current)
	}
	if ok {
		w.attempts[checkOf(is)] = max(w.attempts[checkOf(is)], is.Attempt)
	}
}

// flush empties Redis: ledger, queue and all. WordPress then asks for what it
// wants once more.
func (w *world) flush() {
	w.say("REDIS IS EMPTIED")
	w.redis.FlushAll()
	w.epoch++
	w.model, w.tasks, w.queue, w.past = newModel(), nil, nil, nil
	forgotten := slices.Clone(w.list)
	for _, wr := range w.writes {
		if wr.flying {
			forgotten = append(forgotten, wr.names...)
		}
	}
	for _, name := range forgotten {
		w.mayStay[strings.ToLower(name)] = true
	}
	for _, domain := range domains {
		if r, ok := w.asked[domain]; ok && !r.remove {
			w.ask(domain, false, r.www, r.attempts)
		}
	}
}
