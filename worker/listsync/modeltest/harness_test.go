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
	// asynqRecovers is the shortest time after which asynq finds a dead worker's task; the
	// ledger's lease has run out by then.
	asynqRecovers = 55 * time.Second

	app = "app1"
	// firstSeq is as large as real order numbers: microseconds since 1970.
	firstSeq = 1772366400123456
)

func ledgerKey(name string) string { return "pilotsync:{" + app + "}:" + name }

var syncKey = ledgerKey("sync")

// harness is the state of one schedule.
type harness struct {
	tb interface {
		Helper()
		Logf(string, ...any)
		Fatalf(string, ...any)
	}
	t      *rapid.T // source of random values; nil in directed tests
	redis  *miniredis.Miniredis
	ledger *ledger.Ledger
	begin  time.Time
	now    time.Time // also the time of Redis
	faults bool
	lines  []string

	othersEdit, redisIsEmptied, dryRuns bool // what may happen in this schedule

	// ServerPilot.
	list   []string
	writes []*write
	landed []*write // in the order they took effect
	edits  int      // by hand, or by a write that Redis has forgotten
	drift  bool     // the list was edited: it may differ from the ledger

	// WordPress, and the queue.
	seq       int64
	requested map[string]request // the last request for each domain
	queue     []request
	past      []request
	tasks     []*syncTask
	// needsRecoverer: a task may be missing, since it ran twice concurrently, or since a
	// lease that couldn't be released ended the next task as busy. Only the recoverer
	// helps then.
	needsRecoverer bool

	// The workers.
	processes []*process
	started   int
	// dryStarted counts workers in a dry run. Their ids begin at 1001, so the ids of the
	// others stay the same without them.
	dryStarted    int
	verifications []listsync.Record // running verifications
	attempts      map[string]int    // recorded attempts, by domain and CheckSeq
	enqueued      map[string]bool   // tasks that were enqueued before commits

	model   model
	mayStay map[string]bool // names that were put on the list by hand
	handSet map[string]bool // names set by hand that a removal request names
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
	orphan  taskState = "orphan" // its worker died; asynq finds it in a minute or two
)

func newHarness(redis *miniredis.Miniredis, l *ledger.Ledger) *harness {
	redis.FlushAll()
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	h := &harness{
		redis: redis, ledger: l, begin: begin, now: begin, faults: true, seq: firstSeq,
		list: []string{"hand1.net", "www.b.com", "hand2.net"}, requested: map[string]request{},
		attempts: map[string]int{}, enqueued: map[string]bool{}, dryStarted: 1000,
		model: newModel(), mayStay: map[string]bool{"www.b.com": true}, handSet: map[string]bool{},
	}
	redis.SetTime(begin)
	return h
}

// breakList puts a name on the list because of which ServerPilot refuses every write;
// mendList removes it.
func (h *harness) breakList() {
	h.edited()
	h.list = append(slices.Clone(h.list), broken)
	h.logf("by hand: the list is broken: %v", h.list)
}

func (h *harness) mendList() {
	h.edited()
	h.list = slices.DeleteFunc(slices.Clone(h.list), func(name string) bool { return name == broken })
	h.logf("by hand: the list is correct again: %v", h.list)
}

// close ends all goroutines.
func (h *harness) close() {
	for _, p := range h.processes {
		p.kill()
	}
}

func (h *harness) logf(format string, args ...any) {
	h.lines = append(h.lines, fmt.Sprintf("%9.3f ", h.now.Sub(h.begin).Seconds())+fmt.Sprintf(format, args...))
}

func (h *harness) fail(format string, args ...any) {
	h.tb.Helper()
	h.tb.Logf("the schedule (seconds):\n%s", strings.Join(h.lines, "\n"))
	h.tb.Fatalf(format, args...)
}

// must checks calls of the ledger without a planned fault.
func (h *harness) must(err error) {
	if err != nil {
		h.fail("%v", err)
	}
}

// request is WordPress asking for a change.
func (h *harness) request(domain string, remove bool, www tasks.WWW, attempts int) {
	h.seq += 1 + int64(len(domain)%3)
	r := request{domain: domain, remove: remove, www: www, attempts: attempts, seq: h.seq}
	h.requested[domain] = r
	h.queue = append(h.queue, r)
	form := "www." + domain
	switch {
	case remove && h.mayStay[domain]:
		h.handSet[domain] = true
		delete(h.mayStay, domain)
	case !remove && r.wwwRule() != tasks.WWWNever && h.handSet[form]:
		h.mayStay[form] = true // it overrides the removal of its form
	}
	h.logf("requested: %s", r)
}

// handleChange is a worker that processes a change task.
func (h *harness) handleChange(r request, crashes bool) {
	pending := listsync.Pending{Remove: r.remove, RecordedAt: h.now,
		Change: tasks.Change{AppID: app, Domain: r.domain, Seq: r.seq, WWW: r.www, Attempts: r.attempts, RequestedAt: h.now}}
	got, err := h.ledger.Record(context.Background(), pending, listsync.HistoryEntry{At: h.now, State: tasks.Pending, Actor: "request"})
	h.must(err)
	h.logf("recorded: %s (superseded %t, again %t, start %t, wake %d)", r, got.Superseded, got.Repeated, got.Start, got.Wake)
	if last := h.model.last[r.domain].seq; got.Superseded != (r.seq < last) || got.Repeated != (r.seq == last) {
		h.fail("%s after #%d: superseded %t, again %t", r, last-firstSeq, got.Superseded, got.Repeated)
	}
	h.model.events(r)
	if crashes {
		h.logf("  and its worker dies before it enqueues the sync")
		return
	}
	if got.Start {
		h.enqueue(got.Wake)
	}
	h.queue = slices.DeleteFunc(h.queue, func(other request) bool { return other == r })
	h.past = append(h.past, r)
}

// wake is a worker that requests one more sync.
func (h *harness) wake() {
	wake, err := h.ledger.Wake(context.Background(), app)
	h.must(err)
	h.logf("one more sync is requested: wake %d", wake)
	h.enqueue(wake)
}

// enqueue is asynq, which refuses a second task with the same id.
func (h *harness) enqueue(wake int64) {
	if slices.ContainsFunc(h.tasks, func(t *syncTask) bool { return t.wake == wake }) {
		return
	}
	h.tasks = append(h.tasks, &syncTask{wake: wake, state: waiting})
}

// end is asynq when a handler returns or its worker dies.
func (h *harness) end(p *process) {
	h.processes = slices.DeleteFunc(h.processes, func(other *process) bool { return other == p })
	h.logf("w%d ends: %v", p.id, p.err)
	var notAcquired *listsync.NotAcquired
	var call *listsync.CallError
	isNotAcquired, isCall := errors.As(p.err, &notAcquired), errors.As(p.err, &call)
	lost := errors.Is(p.err, listsync.ErrLeaseLost) && !p.dead
	if lost {
		if isCall && call.Kind == listsync.WriteUnknown {
			h.must(h.ledger.SetWakeAt(context.Background(), app, h.now.Add(listsync.LandingLimit)))
			h.logf("a wake-up is planned for when the write has landed")
			h.needsRecoverer = true
		} else {
			h.wake()
		}
		p.requestedSyncIn = h.epoch
	} else if p.write != nil && p.write.epoch != h.epoch {
		h.drift = true // Redis forgot the write, and no worker waits for it
	}
	if p.dead && !slices.Contains(h.tasks, p.task) {
		h.needsRecoverer = true // it may have the lease, and its task no longer exists
	}
	if p.task.state != active || !slices.Contains(h.tasks, p.task) {
		return // another worker has finished the task
	}
	delay := time.Second
	switch {
	case p.dead:
		if !slices.ContainsFunc(h.processes, func(other *process) bool { return other.task == p.task }) {
			p.task.state, p.task.notBefore = orphan, h.now.Add(asynqRecovers)
		}
		return
	case p.err == nil, lost, isNotAcquired && (notAcquired.Idle || notAcquired.Busy):
		h.tasks = slices.DeleteFunc(h.tasks, func(t *syncTask) bool { return t == p.task })
		return
	case isNotAcquired:
		delay = notAcquired.Wait
	case isCall, errors.Is(p.err, errRedis), errors.Is(p.err, listsync.ErrYield):
	case strings.Contains(p.err.Error(), "settled nothing"):
	default:
		h.fail("w%d ends with an unexpected error: %v", p.id, p.err)
	}
	p.task.state, p.task.notBefore = waiting, h.now.Add(delay)
}

// runRecoverer is the recoverer, which finds apps that no worker processes.
func (h *harness) runRecoverer() {
	state, err := h.ledger.App(context.Background(), app)
	h.must(err)
	if !state.WakeAt.IsZero() && !h.now.Before(state.WakeAt) {
		h.wake()
		return
	}
	if state.Leased || !state.Awake && (state.Pending == 0 || state.DryRun != nil) {
		return
	}
	for _, t := range h.tasks {
		if t.wake == state.Wake && t.state == waiting {
			return
		}
	}
	wake, ok, err := h.ledger.RenewWake(context.Background(), app, state.Wake)
	h.must(err)
	if ok {
		h.logf("the recoverer makes wake %d", wake)
		h.enqueue(wake)
	}
}

// endDryRun is a worker that isn't in a dry run and finds an app after one.
func (h *harness) endDryRun() {
	state, err := h.ledger.App(context.Background(), app)
	h.must(err)
	if state.DryRun != nil && !state.Awake {
		h.wake()
	}
}

// beginVerification begins an attempt, finishVerification records it.
func (h *harness) beginVerification(domain string) {
	view, ok, err := h.ledger.Domain(context.Background(), app, domain)
	h.must(err)
	if ok && view.Record.Wanted && view.Record.State.Checking() {
		h.logf("a verification of %s begins", domain)
		h.verifications = append(h.verifications, view.Record)
	}
}

func (h *harness) finishVerification(i int, final bool) {
	before := h.verifications[i]
	h.verifications = slices.Delete(h.verifications, i, i+1)
	after, next := before, h.now.Add(time.Minute)
	after.Attempt, after.State, after.AttemptAt, after.NextAttemptAt = before.Attempt+1, tasks.CheckingSSL, &h.now, &next
	if final || after.Attempt >= before.Limit {
		after.State, after.NextAttemptAt = tasks.Done, nil
	}
	current := h.redis.HGet(ledgerKey("domains"), before.Domain)
	ok, err := h.ledger.CommitVerification(context.Background(), app, before, after, listsync.HistoryEntry{At: h.now, State: after.State, Actor: "verification"})
	h.must(err)
	if h.logf("verified: %s is %s (recorded %t)", before.Domain, after.State, ok); ok != (current == before.Version) {
		h.fail("a verification of %s was recorded: %t, on %s", before.Domain, ok, current)
	}
	if ok {
		h.attempts[checkOf(after)] = max(h.attempts[checkOf(after)], after.Attempt)
	}
}

// emptyRedis empties Redis, with ledger and queue. WordPress then requests its domains again.
func (h *harness) emptyRedis() {
	h.logf("REDIS IS EMPTIED")
	h.redis.FlushAll()
	h.epoch++
	h.model, h.tasks, h.queue, h.past = newModel(), nil, nil, nil
	forgotten := slices.Clone(h.list)
	for _, wr := range h.writes {
		if wr.inFlight {
			forgotten = append(forgotten, wr.names...)
		}
	}
	for _, name := range forgotten {
		h.mayStay[strings.ToLower(name)] = true
	}
	for _, domain := range domains {
		if r, ok := h.requested[domain]; ok && !r.remove {
			h.request(domain, false, r.www, r.attempts)
		}
	}
}
