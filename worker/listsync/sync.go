package listsync

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Budget is how long one Sync continues while new changes keep coming. Then it yields:
// no app keeps a worker's slot for ever.
const Budget = 5 * time.Minute

// ErrYield: the sync stopped early, between two calls, with changes still
// pending: the worker is shutting down, [Budget] is used up, or the account is at its rate limit.
// Not a failure.
var ErrYield = errors.New("the sync yielded with changes pending")

// Syncer runs syncs. Its fields are set once, before the first Sync.
type Syncer struct {
	API      API
	Ledger   Ledger
	Enqueuer Enqueuer
	Rules    Rules
	// FirstDelay returns the delay between the commit and the first verification.
	FirstDelay func(Record) time.Duration
	Now        func() time.Time
	// MinInterval is the least time from an app's last commit to the next round for it, in
	// which the changes of a burst combine: each round costs a read and a write of the
	// whole list, however few they are. The first change of a quiet app doesn't wait.
	// Zero for none; well below [LeaseTTL].
	MinInterval time.Duration
	// CommitRetryTimeout is for how long the commit of what was written, and the release
	// of the lease, are retried if the ledger fails. After a failover of Redis the app then
	// needn't wait until the write can't take effect, nor until the lease runs out. Zero for
	// one try each; more than [LeaseTTL] is of no use.
	CommitRetryTimeout time.Duration
	// Stopping is closed when no new call may start.
	Stopping <-chan struct{}
	// WorkerID is this worker's name in the domains' history.
	WorkerID string
	// OnCommit is called after each commit, in the sync's own goroutine; it may be nil.
	OnCommit func(context.Context, Settlement)
}

// Report is what one Sync did.
type Report struct {
	Reads, Writes  int
	Added, Removed []string
	Settled        int // changes and domains whose outcome was committed
}

// Sync brings the app's list in step with the ledger and returns once nothing
// is pending. It must be retried later if it returns an error: a [*NotAcquired] before it
// began, or when the app was paused, [ErrLeaseLost], [ErrYield], a [*CallError], or an
// error of the ledger or the enqueuer. Wherever it stops, even by a crash, the next Sync
// continues from what the list and the ledger say.
func (s *Syncer) Sync(ctx context.Context, app string) (report Report, err error) {
	err = s.leased(ctx, app, func(r *run) error {
		defer func() { report = r.report }()
		return r.settle(ctx)
	})
	return report, err
}

// leased calls do with the app's lease. If do fails, the lease is released.
func (s *Syncer) leased(ctx context.Context, app string, do func(*run) error) error {
	lease, err := s.Ledger.Acquire(ctx, app)
	if err != nil {
		return err
	}
	err = do(&run{Syncer: s, lease: lease, deadline: s.Now().Add(Budget)})
	if err != nil && !errors.Is(err, ErrLeaseLost) {
		if failErr := s.fail(context.WithoutCancel(ctx), lease, s.failureOf(err)); failErr != nil {
			err = fmt.Errorf("%w (and its lease could not be released: %w)", err, failErr)
		}
	}
	return err
}

// fail releases the lease, also after the end of the sync's context: waiting for it to
// run out would cost the app half a minute.
func (s *Syncer) fail(ctx context.Context, lease Lease, trouble *Failure) error {
	return s.retryLedger(ctx, func() error {
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return s.Ledger.Fail(limited, lease, trouble)
	})
}

// retryLedger retries what can be done twice, if the ledger fails. A stopping worker tries
// once.
func (s *Syncer) retryLedger(ctx context.Context, do func() error) error {
	const between = 500 * time.Millisecond
	for left := s.CommitRetryTimeout; ; left -= between {
		err := do()
		if err == nil || errors.Is(err, ErrLeaseLost) || left <= 0 {
			return err
		}
		select {
		case <-s.Stopping:
			return err
		case <-ctx.Done():
			return err
		case <-time.After(between):
		}
	}
}

// failureOf is what the domains' reasons say while err keeps them pending.
func (s *Syncer) failureOf(err error) *Failure {
	var paused *NotAcquired
	if errors.Is(err, ErrYield) || errors.Is(err, context.Canceled) || errors.As(err, &paused) {
		return nil
	}
	var call *CallError
	return &Failure{
		Reason:  err.Error(),
		Blocked: errors.As(err, &call) && call.Verdict == Blocked,
		Since:   s.Now(),
	}
}

// run is one Sync under way.
type run struct {
	*Syncer
	lease    Lease
	deadline time.Time
	report   Report
	// batches are the plans to be made next. There is more than one only while a refused
	// list is bisected.
	batches []batch
	// controlPassed: ServerPilot accepted a control write of the current list, so a
	// refusal is about what a plan changes.
	controlPassed bool
	idle          int // plans in a row that settled nothing
	// snapshotAt is when the last snapshot was taken, by the worker's own clock.
	snapshotAt time.Time
	// stale: a record changed between plan and commit, so it doesn't say yet what became
	// of its names, even if no change of its domain is pending.
	stale bool
}

// batch is one plan to be made: of some of the pending changes, or of all.
type batch struct {
	only    map[string]bool
	refused *refusal
	control bool // write the list as it is read
}

// settle plans, writes and commits until nothing is pending.
func (r *run) settle(ctx context.Context) error {
	r.waitInterval(ctx, r.MinInterval-r.lease.SinceLastCommit)
	for {
		if len(r.batches) == 0 {
			r.batches, r.stale = []batch{{}}, false
		}
		next := r.batches[0]
		r.batches = r.batches[1:]
		if err := r.step(ctx, next); err != nil {
			return err
		}
		if len(r.batches) > 0 || r.stale {
			continue
		}
		released, err := r.Ledger.Release(ctx, r.lease)
		if err != nil {
			return fmt.Errorf("release the lease of app %s: %w", r.lease.App, err)
		}
		if released {
			return nil
		}
		r.waitInterval(ctx, r.MinInterval)
	}
}

// waitInterval waits for more of a burst that is under way. It ends early if the sync must
// end; the next step notices that.
func (r *run) waitInterval(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(min(wait, r.MinInterval)) // a clock may have been set back
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Stopping:
	case <-ctx.Done():
	}
}

// step carries out one plan: read, plan, write, commit.
func (r *run) step(ctx context.Context, p batch) error {
	remote, err := r.read(ctx)
	if err != nil {
		return err
	}
	if p.control {
		return r.control(ctx, remote)
	}
	snapshot, err := r.snapshot(ctx)
	if err != nil {
		return err
	}
	in := Input{Remote: remote, Ledger: snapshot, Rules: r.Rules, Now: snapshot.At, Only: p.only}
	if p.refused != nil {
		if snapshot.lastSeq(p.refused.domain) != p.refused.seq {
			return nil // changed meanwhile: to be planned with the others
		}
		in.Refused = map[string]string{p.refused.domain: p.refused.message}
	}
	plan := Plan(in)
	if plan.Write {
		if err := r.checkStop(ctx); err != nil {
			return err
		}
		err := r.replace(ctx, plan.List, WriteIntent{Claim: plan.Claim, Added: plan.Added, Removed: plan.Removed, Size: len(plan.List), WorkerID: r.WorkerID})
		if message, refused := isRefusal(err); refused {
			return r.bisect(plan, snapshot, message, err)
		}
		if err != nil {
			return err
		}
		r.report.Added = append(r.report.Added, plan.Added...)
		r.report.Removed = append(r.report.Removed, plan.Removed...)
	}
	return r.commit(ctx, plan, in)
}

// read returns the app's list as ServerPilot has it, under a renewed lease.
func (r *run) read(ctx context.Context) ([]string, error) {
	app := r.lease.App
	if err := r.checkStop(ctx); err != nil {
		return nil, err
	}
	if err := r.API.Ready(ctx, app); err != nil {
		return nil, err
	}
	if err := r.Ledger.Renew(ctx, r.lease); err != nil {
		return nil, fmt.Errorf("renew the lease of app %s: %w", app, err)
	}
	remote, err := r.API.List(ctx, app)
	if err != nil {
		return nil, err
	}
	r.report.Reads++
	return remote, nil
}

// snapshot returns the ledger. It is read after the list, so that changes that came
// meanwhile take part.
func (r *run) snapshot(ctx context.Context) (Snapshot, error) {
	snapshot, err := r.Ledger.Snapshot(ctx, r.lease.App)
	if err != nil {
		return Snapshot{}, fmt.Errorf("read the ledger of app %s: %w", r.lease.App, err)
	}
	r.snapshotAt = r.Now()
	return snapshot, nil
}

// checkStop ends the sync if no further call may start.
func (r *run) checkStop(ctx context.Context) error {
	select {
	case <-r.Stopping:
		return ErrYield
	case <-ctx.Done():
		return fmt.Errorf("sync of app %s: %w", r.lease.App, ctx.Err())
	default:
	}
	if !r.Now().Before(r.deadline) {
		return ErrYield
	}
	return nil
}

// replace writes the list and makes sure that ServerPilot has it.
func (r *run) replace(ctx context.Context, list []string, w WriteIntent) error {
	app := r.lease.App
	// From before the lease is renewed: so the write ends before the lease does, however
	// long the renewal's answer took.
	notAfter := r.Now().Add(CallLimit)
	if err := r.Ledger.BeginWrite(ctx, r.lease, w); err != nil {
		return fmt.Errorf("begin a write to app %s: %w", app, err)
	}
	answer, err := r.API.Replace(ctx, app, list, notAfter)
	if err == nil {
		r.report.Writes++
		if !sameNames(answer, list) {
			err = &CallError{Verdict: Transient, Err: fmt.Errorf(
				"ServerPilot's answer to a write of %d names to app %s holds other names (%d)", len(list), app, len(answer))}
		}
	}
	var call *CallError
	if err == nil || !errors.As(err, &call) || call.Verdict == Unknown {
		return err // in flight until the commit, or until it can't take effect any more
	}
	if endErr := r.Ledger.EndWrite(ctx, r.lease); endErr != nil {
		return fmt.Errorf("%w (and the ledger could not record that it ended: %w)", err, endErr)
	}
	return err
}

// commit enqueues the verifications and then commits the outcomes to the ledger.
func (r *run) commit(ctx context.Context, plan Result, in Input) error {
	app := r.lease.App
	var listed []Record
	for i := range plan.Outcomes {
		o := &plan.Outcomes[i]
		if o.Verify {
			next := r.ledgerTime(in)
			if !o.Immediate {
				next = next.Add(r.FirstDelay(o.Record))
			}
			o.Record.NextAttemptAt = &next
			listed = append(listed, o.Record)
		}
	}
	if err := r.retryLedger(ctx, func() error { return r.Enqueuer.Verify(ctx, app, listed...) }); err != nil {
		return fmt.Errorf("start the verifications of app %s: %w", app, err)
	}
	// If a commit succeeded but its answer was lost, the second one is stale, and another
	// plan finds that all is done.
	var stale []string
	err := r.retryLedger(ctx, func() (err error) {
		stale, err = r.Ledger.Commit(ctx, r.lease, Commit{Outcomes: plan.Outcomes, Listed: len(plan.List), Own: plan.Own, Disown: plan.Disown,
			Tombstones: plan.Tombstones, ClearTombstones: plan.ClearTombstones, WorkerID: r.WorkerID})
		return err
	})
	if err != nil {
		return fmt.Errorf("commit to the ledger of app %s: %w", app, err)
	}
	r.stale = r.stale || len(stale) > 0
	r.settled(ctx, in, plan, stale)
	settled := len(plan.Outcomes) - len(stale)
	r.report.Settled += settled
	if r.idle++; settled > 0 {
		r.idle = 0
	}
	if r.idle > 10 {
		return fmt.Errorf("app %s: %d plans in a row settled nothing; last stale: %v", app, r.idle, stale)
	}
	return nil
}

// ledgerTime is the ledger's time now. The worker's clock only says how long ago the
// snapshot was taken: a verification is due by the ledger's clock, and a worker with a
// wrong clock must not cause it too early, or hours late.
func (r *run) ledgerTime(in Input) time.Time { return in.Ledger.At.Add(r.Now().Sub(r.snapshotAt)) }

// sameNames reports whether two lists hold the same names, ignoring letter case and order:
// ServerPilot may sort, but it may not lose or invent names.
func sameNames(a, b []string) bool {
	inA, inB := keys(a), keys(b)
	if len(inA) != len(inB) {
		return false
	}
	for name := range inA {
		if !inB[name] {
			return false
		}
	}
	return true
}
