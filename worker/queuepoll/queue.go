package queuepoll

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"
)

// maxChance is the longest delay before a worker asks for a retried task.
const maxChance = 100 * time.Millisecond

// queue is what a worker knows about one of asynq's queues.
type queue struct {
	name string
	// ready has a value if tasks may be pending, and dueChanged if a delayed task may be due
	// earlier than before.
	ready, dueChanged chan struct{}

	mu      sync.Mutex
	idle    bool // the last answer was that no task is pending
	waiting bool // the server waits for a notification
	delayed map[string]*delayed
}

// delayed is what is known about one set of delayed tasks.
type delayed struct {
	own     []int64 // when tasks that this process delayed are due: seconds since 1970, ascending
	overdue bool    // a poll found a task that is due
}

func newQueue(name string) *queue {
	return &queue{name: name, ready: make(chan struct{}, 1), dueChanged: make(chan struct{}, 1),
		delayed: map[string]*delayed{kindScheduled: {}, kindRetry: {}}}
}

// claim reports whether the queue's server waits for a task. Only the first claim of a wait is
// true: the caller's task is the one that the server then takes.
func (q *queue) claim() (waiting bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	waiting, q.waiting = q.waiting, false
	return waiting
}

// signal has the queue's server ask for a task.
func (q *queue) signal() {
	q.claim()
	notify(q.ready)
}

// signalSoon does so after a random delay, so that each of several workers may be the first.
func (q *queue) signalSoon() { time.AfterFunc(rand.N(maxChance), q.signal) }

// mustWait reports whether the queue's server has to wait before it asks for a task. Otherwise a
// signal until now counts as answered.
func (q *queue) mustWait() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	select {
	case <-q.ready:
		q.idle = false
	default:
	}
	q.waiting = q.idle
	return q.idle
}

// endWait records that the queue's server waits no longer. If it was signaled, it asks next.
func (q *queue) endWait(signaled bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting, q.idle = false, !signaled
}

// setIdle records whether Redis had no task for the queue's server.
func (q *queue) setIdle(idle bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.idle = idle
}

// delay records that this process delayed a task until a time in seconds.
func (q *queue) delay(set string, until int64) {
	q.mu.Lock()
	d := q.delayed[set]
	if i, found := slices.BinarySearch(d.own, until); !found {
		d.own = slices.Insert(d.own, i, until)
	}
	q.mu.Unlock()
	notify(q.dueChanged)
}

// found records that a poll found a task of a set that is due.
func (q *queue) found(set string) {
	q.mu.Lock()
	q.delayed[set].overdue = true
	q.mu.Unlock()
	notify(q.dueChanged)
}

// isDue reports whether a task of a set may be due.
func (q *queue) isDue(set string, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := q.delayed[set]
	return d.overdue || len(d.own) > 0 && d.own[0] <= now.Unix()
}

// untilDue returns the time until the next task of any set may be due, at most limit. It is
// zero or less if one may be due now.
func (q *queue) untilDue(now time.Time, limit time.Duration) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, d := range q.delayed {
		if d.overdue {
			return 0
		}
		if len(d.own) > 0 {
			limit = min(limit, time.Unix(d.own[0], 0).Sub(now))
		}
	}
	return limit
}

// forwarded records that all tasks of a set that were due at a time are pending.
func (q *queue) forwarded(set string, at int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	d := q.delayed[set]
	d.overdue = false
	d.own = slices.DeleteFunc(d.own, func(due int64) bool { return due <= at })
}

// notify puts a value into a channel of capacity 1 unless it has one.
func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Kinds of asynq's keys of a queue; that of a task is kindTask.
const (
	kindPending   = "pending"
	kindScheduled = "scheduled"
	kindRetry     = "retry"
	kindActive    = "active"
	kindLease     = "lease"
	kindArchived  = "archived"
	kindTask      = "t:"
)

// parseKeys returns the queue of a script's keys, and the kind of each. The queue is empty if the
// script isn't asynq's of one queue.
func parseKeys(keys []string) (queue string, kinds []string) {
	for i, key := range keys {
		name, kind := parseKey(key)
		if name == "" || i > 0 && name != queue {
			return "", nil
		}
		queue, kinds = name, append(kinds, kind)
	}
	return queue, kinds
}

// parseKey splits a key of asynq, such as asynq:{lists}:pending, into queue and kind. Both are
// empty if it isn't one.
func parseKey(key string) (queue, kind string) {
	rest, isQueue := strings.CutPrefix(key, "asynq:{")
	queue, kind, found := strings.Cut(rest, "}:")
	if !isQueue || !found {
		return "", ""
	}
	if strings.HasPrefix(kind, kindTask) {
		kind = kindTask
	}
	return queue, kind
}

// operation is what a script of asynq does to a queue.
type operation int

const (
	opOther operation = iota
	opEnqueue
	opDequeue
	opForward // from the scheduled tasks or the retries to the pending ones
	opExpired // asks for the active tasks of dead workers
	opRequeue // by a worker that stops
	opSchedule
	opRetry
	opArchive
)

// operations has the first keys of each script, by their kinds; empty for any.
var operations = []struct {
	op    operation
	kinds []string
	args  int // number; 0 for any
}{
	{opEnqueue, []string{kindTask, kindPending}, 3},
	{opDequeue, []string{kindPending}, 0},
	{opForward, []string{kindScheduled, kindPending}, 0},
	{opForward, []string{kindRetry, kindPending}, 0},
	{opRequeue, []string{kindActive, "", kindPending}, 0},
	{opExpired, []string{kindLease}, 2},
	{opSchedule, []string{kindTask, kindScheduled}, 0},
	{opRetry, []string{kindTask, "", "", kindRetry}, 0},
	{opArchive, []string{kindTask, "", "", kindArchived}, 0},
}

// operationOf returns what a script does, by the kinds of its keys and its number of arguments.
func operationOf(kinds []string, args int) operation {
	for _, o := range operations {
		if (o.args == 0 || o.args == args) && startsWith(kinds, o.kinds) {
			return o.op
		}
	}
	return opOther
}

func startsWith(kinds, first []string) bool {
	if len(kinds) < len(first) {
		return false
	}
	for i, kind := range first {
		if kind != "" && kinds[i] != kind {
			return false
		}
	}
	return true
}
