// Package share bounds how many slots of a queue one app, account or endpoint has, so that its
// backlog leaves slots to the others. While its tasks are quick they wait for their share, which
// keeps its throughput. Once they aren't, they give their slots back and are handed out later. An
// owner that is alone keeps its slots: its other tasks then stay on the queue, whose latency says
// that more workers are needed. Of those that are handed out later [Waits] says it. A group may leave
// some slots to tasks that come for the first time, so that these don't queue behind a backlog.
package share

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"pilotsync/worker/listsync"
	"pilotsync/worker/taskerr"
)

// Share is the share of one app, account or endpoint within a process.
type Share struct {
	owner        string
	slots        chan struct{}
	forNewcomers chan struct{} // none enters them who comes back
	maxWait      time.Duration

	mu   sync.Mutex
	slow bool          // a task waited in vain, and none has ended quickly since
	took time.Duration // how long the last tasks had their slots, about their mean
	end  time.Time     // from then on no task was told to come back
	back recent        // ids of tasks that were told to come back
}

// meanOf is of how many of the last tasks took is about the mean.
const meanOf = 8

// New returns a share of size slots. A task waits at most maxWait for one of them. Errors name the
// owner, such as "app app1".
func New(owner string, size int, maxWait time.Duration) *Share {
	return newShare(owner, size, 0, maxWait)
}

// newShare is New with some of the slots for newcomers only.
func newShare(owner string, size, newcomers int, maxWait time.Duration) *Share {
	return &Share{owner: owner, slots: make(chan struct{}, size-newcomers), forNewcomers: make(chan struct{}, newcomers), maxWait: maxWait}
}

// Enter returns nil if a task may run; then leave must be called. Otherwise the error is a
// [taskerr.NotReadyError] or that of ctx. With a NotReadyError the task is postponed: postponed is
// called with the time of this call, and the time when the task comes back.
func (s *Share) Enter(ctx context.Context, postponed func(since, until time.Time)) (leave func(), err error) {
	return s.enter(ctx, "", cap(s.slots), postponed)
}

// enter is Enter where an owner whose tasks are slow has few slots besides those for newcomers.
func (s *Share) enter(ctx context.Context, id string, few int, postponed func(since, until time.Time)) (leave func(), err error) {
	began := time.Now()
	slots, forNewcomers := s.slots, s.forNewcomers
	slow, comesBack := s.knows(id)
	if comesBack {
		forNewcomers = nil
	}
	full := slow && len(slots) >= few
	if full {
		slots = nil
	}
	select {
	case slots <- struct{}{}:
		return s.leaveAfter(began, slots), nil
	default:
	}
	select {
	case forNewcomers <- struct{}{}:
		return s.leaveAfter(began, forNewcomers), nil
	default:
	}
	if full {
		return nil, s.postpone(began, id, few, postponed)
	}
	timer := time.NewTimer(s.maxWait)
	defer timer.Stop()
	select {
	case slots <- struct{}{}:
		return s.leaveAfter(time.Now(), slots), nil
	case forNewcomers <- struct{}{}:
		return s.leaveAfter(time.Now(), forNewcomers), nil
	case <-timer.C:
		s.setSlow()
		return nil, s.postpone(began, id, few, postponed)
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a slot of %s: %w", s.owner, ctx.Err())
	}
}

// Await waits for a slot as long as it takes. It returns the error of ctx, or after stopping was
// closed a [taskerr.RetryAfterError].
func (s *Share) Await(ctx context.Context, stopping <-chan struct{}) (leave func(), err error) {
	select {
	case s.slots <- struct{}{}:
		return s.leaveAfter(time.Now(), s.slots), nil
	case <-stopping:
		return nil, taskerr.RetryAfter(0, listsync.ErrYield)
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for a slot of %s: %w", s.owner, ctx.Err())
	}
}

// knows reports whether the owner's tasks are slow, and whether a task was told to come back.
func (s *Share) knows(id string) (slow, comesBack bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.slow, s.back.has(id)
}

func (s *Share) setSlow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.slow = true
}

// leaveAfter returns the function by which a task leaves its slot, which it has had since then.
func (s *Share) leaveAfter(began time.Time, slots chan struct{}) func() {
	return func() {
		took := time.Since(began)
		s.mu.Lock()
		s.took += (took - s.took) / meanOf
		s.slow = s.slow && took > s.maxWait
		s.mu.Unlock()
		<-slots
	}
}

// postpone returns the error of a task that has waited since then, and finds no slot.
func (s *Share) postpone(since time.Time, id string, slots int, postponed func(since, until time.Time)) error {
	now := time.Now()
	at := s.nextTurn(now, id, slots)
	postponed(since, at)
	return taskerr.NotReady(at.Sub(now), fmt.Errorf("%s has its share of the slots: %w", s.owner, listsync.ErrYield))
}

// nextTurn returns when a task comes back. Tasks do so one by one, a little faster than slots are
// left, so that none stays free; but none before the next second.
func (s *Share) nextTurn(now time.Time, id string, slots int) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cap(s.forNewcomers) > 0 { // otherwise the ids don't matter, and take memory
		s.back.add(id)
	}
	at := now.Add(time.Second)
	if s.end.After(at) {
		at = s.end
	}
	s.end = at.Add(max(s.took, time.Second) * 4 / 5 / time.Duration(slots))
	return at
}

// Group has a share for each key, such as an app's id. Its fields must not change after the first
// call.
type Group struct {
	Kind    string // before the key, for errors
	Size    int
	MaxWait time.Duration
	// Postponed is called for each task that comes back later for want of a slot, see [Share.Enter].
	Postponed func(since, until time.Time)
	// Stopping is closed to stop: no task waits then.
	Stopping <-chan struct{}
	// Few is how many slots an owner has whose tasks are slow, while all owners together have
	// Busy slots or more. 0 leaves each its Size.
	Few, Busy int
	// Newcomers is how many of an owner's slots only tasks have that weren't postponed before, by
	// this process. It must be less than Few and Size. A key that is alone doesn't get them.
	Newcomers int

	taken  atomic.Int64
	mu     sync.Mutex
	shares map[string]*Share
}

// Enter is [Share.Enter] of the key's share for a task, or [Share.Await] if there is no other key.
// The task's id matters only to a group with Newcomers. Postponed isn't called while limited returns
// true: then more slots wouldn't help the key's tasks.
func (g *Group) Enter(ctx context.Context, key, id string, alone bool, limited func() bool) (leave func(), err error) {
	g.mu.Lock()
	s := g.shares[key]
	if s == nil {
		if g.shares == nil {
			g.shares = map[string]*Share{}
		}
		s = newShare(g.Kind+" "+key, g.Size, g.Newcomers, g.MaxWait)
		g.shares[key] = s
	}
	g.mu.Unlock()
	if alone {
		return s.Await(ctx, g.Stopping)
	}
	few := g.Size
	if g.Few > 0 && g.taken.Load() >= int64(g.Busy) {
		few = g.Few
	}
	leaveShare, err := s.enter(ctx, id, few-g.Newcomers, func(since, until time.Time) {
		if !limited() {
			g.Postponed(since, until)
		}
	})
	if err != nil {
		return nil, err
	}
	g.taken.Add(1)
	return func() {
		g.taken.Add(-1)
		leaveShare()
	}, nil
}
