package modeltest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/worker/listsync"
)

// process is a virtual worker that runs one sync. Its goroutine runs only while the
// scheduler waits for it; the scheduler runs the effect of each call.
type process struct {
	*harness
	id       int
	epoch    int // how often Redis had been emptied when it acquired the lease
	task     *syncTask
	stopping chan struct{}
	stopped  bool
	dry      bool // its worker is in a dry run

	calls  chan *call
	done   chan struct{}
	err    error
	parked *call // the call that waits for the scheduler
	dead   bool  // it gets no more answers, and its calls have no effect

	// What its next write is checked against.
	read            []string // the list as it read it
	landedAtRead    int      // writes that had landed by then
	editsAtRead     int      // edits by others that had been made by then
	known           model    // the model when it read the ledger
	writeBegan      time.Time
	write           *write
	planned         []string // domains that its commit is about
	requestedSyncIn int      // the epoch in which it requested one more sync
}

// call is one call of a process. effect runs in the scheduler.
type call struct {
	name   string
	effect func() error
	redis  bool
	// failure is what a call to ServerPilot returns where it fails without effect.
	failure error
	resume  chan error
}

// callResult is how a call ends.
type callResult int

const (
	succeeds    callResult = iota
	failsBefore            // it has no effect and returns an error
	failsAfter             // it has its effect and returns an error
	diesBefore
	diesAfter
)

func (m callResult) String() string {
	return [...]string{"", " FAILS BEFORE", " FAILS AFTER", " DIES BEFORE", " DIES AFTER"}[m]
}

var (
	errDead  = errors.New("the process is dead")
	errRedis = errors.New("no connection to Redis")

	errAgain   = &listsync.CallError{Kind: listsync.Transient, Err: errors.New("503")}
	errUnknown = &listsync.CallError{Kind: listsync.WriteUnknown, Err: errors.New("no answer")}
)

// limited is the error of a call of an account at its rate limit.
type limited struct{ error }

func (limited) RetryIn() time.Duration { return 0 }
func (e limited) Unwrap() error        { return e.error }

// start begins a sync for a task.
func (h *harness) start(task *syncTask) *process { return h.startAs(task, false) }

// startAs begins a sync for a task, or a dry run.
func (h *harness) startAs(task *syncTask, dry bool) *process {
	id := &h.started
	if dry {
		id = &h.dryStarted
	}
	*id++
	p := &process{harness: h, id: *id, epoch: h.epoch, requestedSyncIn: -1, task: task, dry: dry, stopping: make(chan struct{}),
		calls: make(chan *call), done: make(chan struct{})}
	syncer := &listsync.Syncer{
		API: p, Ledger: p, Enqueuer: p, Rules: rules, Stopping: p.stopping, WorkerID: fmt.Sprint("w", p.id),
		FirstDelay: func(listsync.Record) time.Duration { return time.Minute },
		Now:        func() time.Time { return h.now },
	}
	task.state = active
	h.logf("w%d starts with the task of wake %d", p.id, task.wake)
	h.processes = append(h.processes, p)
	go func() { // awaited by await
		defer close(p.done)
		if dry {
			_, p.err = syncer.DryRun(context.Background(), app)
		} else {
			_, p.err = syncer.Sync(context.Background(), app)
		}
	}()
	p.await()
	return p
}

// await waits until the process makes its next call or ends.
func (p *process) await() {
	select {
	case p.parked = <-p.calls:
	case <-p.done:
		p.parked = nil
	}
}

// step carries out the parked call.
func (p *process) step(m callResult) {
	c := p.parked
	p.advance(time.Millisecond)
	var err error
	switch {
	case m == succeeds || !c.redis && m == failsAfter:
		m = succeeds
		err = c.effect()
	case m == failsBefore && c.redis:
		p.needsRecoverer = true
		err = errRedis
	case m == failsBefore:
		err = c.failure
	case m == failsAfter:
		p.needsRecoverer = true
		_ = c.effect()
		err = errRedis
	case m == diesBefore:
		p.dead = true
	case m == diesAfter:
		_ = c.effect()
		p.dead = true
	}
	if p.dead {
		err = errDead
	}
	p.logf("w%d %s%s%s", p.id, c.name, m, arrow(err))
	c.resume <- err
	p.await()
	if p.parked == nil {
		p.end(p)
	}
}

func arrow(err error) string {
	if err == nil {
		return ""
	}
	return ": " + err.Error()
}

// call blocks until the scheduler has carried out the call.
func (p *process) call(c *call) error {
	if p.dead {
		return errDead
	}
	c.resume = make(chan error)
	p.calls <- c
	return <-c.resume
}

// kill ends the goroutine, in any state.
func (p *process) kill() {
	for p.parked != nil {
		p.dead = true
		p.parked.resume <- errDead
		p.await()
	}
}

// leased makes a call that may have an effect only if the process has the lease.
func (p *process) leased(name string, lease listsync.Lease, effect func() error) error {
	return p.call(&call{name: name, redis: true, effect: func() error {
		if p.redis.HGet(syncKey, "token") == lease.Token {
			return effect()
		}
		before := p.redis.Dump()
		if err := effect(); !errors.Is(err, listsync.ErrLeaseLost) {
			p.fail("w%d has lost its lease and gets %v from %s", p.id, err, name)
		}
		if p.redis.Dump() != before {
			p.fail("w%d has lost its lease and changes the ledger by %s", p.id, name)
		}
		return listsync.ErrLeaseLost
	}})
}

func (p *process) Acquire(ctx context.Context, app string) (lease listsync.Lease, err error) {
	err = p.call(&call{name: "Acquire", redis: true, effect: func() (err error) {
		holder := p.redis.HGet(syncKey, "token")
		until := p.redis.HGet(syncKey, "until")
		lease, err = p.ledger.Acquire(ctx, app)
		p.epoch = p.harness.epoch
		if err == nil && holder != "" && until > fmt.Sprint(p.now.UnixMilli()) {
			p.fail("w%d acquires a lease that another process has", p.id)
		}
		return err
	}})
	return lease, err
}

func (p *process) Renew(ctx context.Context, lease listsync.Lease) error {
	return p.leased("Renew", lease, func() error { return p.ledger.Renew(ctx, lease) })
}

func (p *process) Snapshot(ctx context.Context, app string, names ...string) (s listsync.Snapshot, err error) {
	err = p.call(&call{name: "Snapshot", redis: true, effect: func() (err error) {
		s, err = p.ledger.Snapshot(ctx, app, names...)
		p.known = p.model.clone()
		return err
	}})
	return s, err
}

func (p *process) BeginWrite(ctx context.Context, lease listsync.Lease, w listsync.WriteIntent) error {
	return p.leased(fmt.Sprint("BeginWrite ", w.Claim), lease, func() error {
		p.writeBegan = p.now
		return p.ledger.BeginWrite(ctx, lease, w)
	})
}

func (p *process) EndWrite(ctx context.Context, lease listsync.Lease) error {
	return p.leased("EndWrite", lease, func() error { return p.ledger.EndWrite(ctx, lease) })
}

func (p *process) Commit(ctx context.Context, lease listsync.Lease, c listsync.Commit) (stale []string, err error) {
	name := "Commit"
	p.planned = nil
	for _, o := range c.Outcomes {
		p.planned = append(p.planned, o.Record.Domain)
		name += fmt.Sprintf(" %s=%s", o.Record.Domain, o.Record.State)
	}
	err = p.leased(name, lease, func() (err error) {
		stale, err = p.ledger.Commit(ctx, lease, c)
		if err == nil {
			p.checkCommit(p, c, stale)
		}
		return err
	})
	return stale, err
}

func (p *process) Release(ctx context.Context, lease listsync.Lease) (released bool, err error) {
	err = p.leased("Release", lease, func() (err error) {
		released, err = p.ledger.Release(ctx, lease)
		return err
	})
	return released, err
}

func (p *process) RecordDryRun(ctx context.Context, lease listsync.Lease, result listsync.DryRunResult) (released bool, err error) {
	err = p.leased(fmt.Sprint("RecordDryRun +", result.Added, " -", result.Removed), lease, func() (err error) {
		before := p.stateForDryRun()
		released, err = p.ledger.RecordDryRun(ctx, lease, result)
		if diff := cmp.Diff(before, p.stateForDryRun()); diff != "" {
			p.fail("w%d, in a dry run, changes the ledger (-before +after): %s", p.id, diff)
		}
		return err
	})
	return released, err
}

func (p *process) Fail(_ context.Context, lease listsync.Lease, failure *listsync.Failure) error {
	return p.leased("Fail", lease, func() error {
		// Without the caller's time limit, which goes by the real clock.
		return p.ledger.Fail(context.Background(), lease, failure)
	})
}

func (p *process) Verify(_ context.Context, _ string, records ...listsync.Record) error {
	for _, r := range records {
		err := p.call(&call{name: "Verify " + r.Domain, redis: true, effect: func() error {
			p.enqueued[fmt.Sprintf("verify %s %d", r.Domain, r.CheckSeq)] = true
			return nil
		}})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *process) Ready(context.Context, string, bool) error {
	return p.call(&call{name: "Ready", failure: limited{listsync.ErrYield}, effect: func() error { return nil }})
}

func (p *process) List(context.Context, string) (names []string, err error) {
	err = p.call(&call{name: "List", failure: errAgain, effect: func() error {
		names = slices.Clone(p.list)
		p.read, p.landedAtRead, p.editsAtRead = names, len(p.landed), p.edits
		return nil
	}})
	return names, err
}

// Replace is two calls: one sends the write, the other receives the answer.
func (p *process) Replace(_ context.Context, _ string, names []string, notAfter time.Time) (answer listsync.Written, err error) {
	err = p.call(&call{name: fmt.Sprint("Replace ", names), failure: errAgain, effect: func() error {
		return p.send(p, names, notAfter)
	}})
	if err != nil {
		return answer, err
	}
	err = p.call(&call{name: "answer", failure: errUnknown, effect: func() error {
		answer.Names, err = p.answer(p, notAfter)
		return err
	}})
	return answer, err
}
