package listsync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Budget is how long one Sync continues while new changes keep coming. Then it yields, so
// no app occupies a worker's slot for ever.
const Budget = 5 * time.Minute

// ErrYield: the sync stopped early, between two calls, with changes still pending. The
// worker is shutting down, [Budget] is used up, or the account is at its rate limit. It
// isn't a failure.
var ErrYield = errors.New("the sync yielded with changes pending")

// Syncer runs syncs. Its fields are set once, before the first Sync.
type Syncer struct {
	API      API
	Ledger   Ledger
	Enqueuer Enqueuer
	Rules    Rules
	// FirstDelay returns the delay between the commit and the first attempt to verify a domain.
	FirstDelay func(Record) time.Duration
	// Now is the worker's clock, which may be wrong. So it measures durations; the only time
	// taken from it is that of a [Failure].
	Now func() time.Time
	// MinInterval is the least time from an app's last commit to the next plan. In it the
	// changes of a burst combine, since each plan costs a read and a write of the whole
	// list. The first change of an app doesn't wait. 0 means no interval; it must be well
	// below [LeaseTTL].
	MinInterval time.Duration
	// CommitRetryTimeout is how long the steps after a write are retried if Redis fails. They
	// enqueue verifications, commit, and release the lease of a sync that failed. So after a
	// failover the app needn't wait for the end of [LandingLimit] or of the lease. 0 means one
	// try each; more than [LeaseTTL] is useless.
	CommitRetryTimeout time.Duration
	// ConflictDelay is the delay before a write that conflicted is tried again; it must be
	// well below [LeaseTTL].
	ConflictDelay time.Duration
	// Stopping is closed to stop the sync: no new call starts then.
	Stopping <-chan struct{}
	// WorkerID is this worker's name in the domains' history.
	WorkerID string
	// OnCommit is called after each commit, in the sync's own goroutine; it may be nil.
	OnCommit func(context.Context, Settlement)
}

// Report says what one Sync did.
type Report struct {
	Reads, Writes  int
	Added, Removed []string
	ActionIDs      []string // of ServerPilot's actions, see [Written]
	Settled        int      // number of committed outcomes
}

// Sync brings the app's list in step with the ledger and returns once nothing is pending.
// After an error it must be retried later, unless the error says that nothing is pending, or
// that another sync holds the lease. The error can wrap [ErrLeaseLost], [ErrYield], a
// [*CallError], or an error of the ledger or the enqueuer. It wraps a [*NotAcquired] if the
// sync couldn't begin, or if the app was paused meanwhile. Wherever a Sync stops, even by a
// crash, the next one continues from what the list and the ledger say.
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

// syncFails releases the lease. Its context must outlive the sync's: otherwise the app would
// wait half a minute for the lease to run out.
func (s *Syncer) fail(ctx context.Context, lease Lease, failure *Failure) error {
	return s.retryLedger(ctx, func() error {
		limited, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		return s.Ledger.Fail(limited, lease, failure)
	})
}

// retryLedger calls do, which must be idempotent, until it succeeds, the lease is lost or
// CommitRetryTimeout is over. A stopping worker tries once.
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

// failureOf returns the failure that the domains' reasons name while err keeps their
// changes pending; nil if err isn't a failure.
func (s *Syncer) failureOf(err error) *Failure {
	var paused *NotAcquired
	if errors.Is(err, ErrYield) || errors.Is(err, context.Canceled) || errors.As(err, &paused) {
		return nil
	}
	var call *CallError
	return &Failure{
		Reason:  err.Error(),
		Blocked: errors.As(err, &call) && call.Kind == Blocked,
		Since:   s.Now(),
	}
}

// run is the state of one Sync or DryRun.
type run struct {
	*Syncer
	lease    Lease
	deadline time.Time
	report   Report
	// batches are the next plans. There is more than one only while a refused list is
	// bisected.
	batches []batch
	// bisecting: the present batch is a part of a refused plan.
	bisecting bool
	// controlPassed: ServerPilot accepted a write of the unchanged list, so a change of the
	// plan is the cause of a refusal.
	controlPassed bool
	idle          int // plans in a row that settled nothing
	// snapshotAt is the time of the last snapshot by the worker's own clock.
	snapshotAt time.Time
	// stale: a record changed between plan and commit. So it must be planned again, even if
	// no change of its domain is pending.
	stale bool
}

// batch is one plan to make, of some of the pending changes or of all.
type batch struct {
	only    map[string]bool
	refused *refusal
	control bool // write the list unchanged
	// conflicts is how often in a row ServerPilot answered a write of the batch by 409.
	conflicts int
}

// domains are those that the batch is limited to.
func (b batch) domains() []string { return slices.Collect(maps.Keys(b.only)) }

// settle plans, writes and commits until nothing is pending.
func (r *run) settle(ctx context.Context) error {
	r.waitInterval(ctx, r.MinInterval-r.lease.SinceLastCommit)
	for {
		if r.bisecting = len(r.batches) > 0; !r.bisecting {
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

// waitInterval waits, so more changes of a burst combine. It returns early if the sync must
// end; the next step returns the error then.
func (r *run) waitInterval(ctx context.Context, wait time.Duration) {
	r.wait(ctx, min(wait, r.MinInterval)) // a clock may have been set back
}

// wait waits, or returns early if the sync must end.
func (r *run) wait(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Stopping:
	case <-ctx.Done():
	}
}

// step makes and carries out one plan: read, plan, write, commit.
func (r *run) step(ctx context.Context, b batch) error {
	remote, err := r.read(ctx)
	if err != nil {
		return err
	}
	if b.control {
		return r.control(ctx, remote)
	}
	snapshot, err := r.snapshot(ctx, append(canonicalNames(remote), b.domains()...))
	if err != nil {
		return err
	}
	in := Input{Remote: remote, Ledger: snapshot, Rules: r.Rules, Now: snapshot.At, Only: b.only}
	if b.refused != nil {
		if snapshot.lastSeq(b.refused.domain) != b.refused.seq {
			return nil // there is a newer change, for a later plan
		}
		in.Refusals = map[string]string{b.refused.domain: b.refused.message}
	}
	plan, action := Plan(in), ""
	if plan.Write {
		if err := r.checkStop(ctx); err != nil {
			return err
		}
		action, err = r.replace(ctx, plan.List, WriteIntent{Claim: plan.Claim, Added: plan.Added, Removed: plan.Removed, Size: len(plan.List), WorkerID: r.WorkerID})
		if isConflict(err) {
			r.conflict(ctx, b, plan, snapshot, err)
			return nil
		}
		if message, refused := isRefusal(err); refused {
			r.bisect(plan, snapshot, message)
			return nil
		}
		if err != nil {
			return err
		}
		r.report.Added = append(r.report.Added, plan.Added...)
		r.report.Removed = append(r.report.Removed, plan.Removed...)
		if action != "" {
			r.report.ActionIDs = append(r.report.ActionIDs, action)
		}
	}
	return r.commit(ctx, plan, in, action)
}

// read renews the lease and returns ServerPilot's list.
func (r *run) read(ctx context.Context) ([]string, error) {
	app := r.lease.App
	if err := r.checkStop(ctx); err != nil {
		return nil, err
	}
	if err := r.ready(ctx); err != nil {
		return nil, err
	}
	if err := r.renew(ctx); err != nil {
		return nil, err
	}
	remote, err := r.API.List(ctx, app)
	if err != nil {
		return nil, err
	}
	r.report.Reads++
	return remote, nil
}

// ready returns nil once the rate limit allows a read and a write. It waits for that only while a
// refused plan is bisected. If the sync gave its slot back then, the next one would begin with the
// whole plan, and at a low rate none would end.
func (r *run) ready(ctx context.Context) error {
	for {
		err := r.API.Ready(ctx, r.lease.App, r.bisecting)
		var later interface{ RetryIn() time.Duration }
		if !r.bisecting || !errors.As(err, &later) {
			return err
		}
		r.wait(ctx, min(later.RetryIn(), LeaseTTL/6))
		if err := r.checkStop(ctx); err != nil {
			return err
		}
		if err := r.renew(ctx); err != nil {
			return err
		}
	}
}

func (r *run) renew(ctx context.Context) error {
	if err := r.Ledger.Renew(ctx, r.lease); err != nil {
		return fmt.Errorf("renew the lease of app %s: %w", r.lease.App, err)
	}
	return nil
}

// snapshot returns what a plan with these names needs of the ledger. It must be read after the
// list, so that it includes the changes that came during that call.
func (r *run) snapshot(ctx context.Context, names []string) (Snapshot, error) {
	snapshot, err := r.Ledger.Snapshot(ctx, r.lease.App, names...)
	if err != nil {
		return Snapshot{}, fmt.Errorf("read the ledger of app %s: %w", r.lease.App, err)
	}
	r.snapshotAt = r.Now()
	return snapshot, nil
}

// checkStop returns an error if no further call may start.
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

// replace writes the list, checks ServerPilot's answer and returns the id of its action.
func (r *run) replace(ctx context.Context, list []string, w WriteIntent) (action string, err error) {
	app := r.lease.App
	// The limit counts from before the renewal of the lease. So the write ends before the
	// lease does, however long the renewal takes.
	notAfter := r.Now().Add(CallLimit)
	if err := r.Ledger.BeginWrite(ctx, r.lease, w); err != nil {
		return "", fmt.Errorf("begin a write to app %s: %w", app, err)
	}
	answer, err := r.API.Replace(ctx, app, list, notAfter)
	if err == nil {
		r.report.Writes++
		if !sameNames(answer.Names, list) {
			err = &CallError{Kind: Transient, Err: fmt.Errorf(
				"ServerPilot's answer to a write of %d names to app %s holds other names (%d)", len(list), app, len(answer.Names))}
		}
	}
	var call *CallError
	if err == nil || !errors.As(err, &call) || call.Kind == WriteUnknown {
		return answer.ActionID, err // the write stays in flight until the commit, or for LandingLimit
	}
	if endErr := r.Ledger.EndWrite(ctx, r.lease); endErr != nil {
		return "", fmt.Errorf("%w (and the ledger could not record that it ended: %w)", err, endErr)
	}
	return "", err
}

// commit enqueues the verifications and then commits the outcomes to the ledger.
func (r *run) commit(ctx context.Context, plan Result, in Input, action string) error {
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
	// If a commit succeeds but its answer is lost, the retry is stale, and the next plan
	// finds nothing to do.
	var stale []string
	err := r.retryLedger(ctx, func() (err error) {
		stale, err = r.Ledger.Commit(ctx, r.lease, Commit{Outcomes: plan.Outcomes, Listed: len(plan.List), Own: plan.Own, Disown: plan.Disown,
			Tombstones: plan.Tombstones, ClearTombstones: plan.ClearTombstones,
			ActionID: action, Changed: plan.Changed, WorkerID: r.WorkerID})
		return err
	})
	if err != nil {
		return fmt.Errorf("commit to the ledger of app %s: %w", app, err)
	}
	r.stale = r.stale || len(stale) > 0
	r.settled(ctx, in, plan, action, stale)
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

// ledgerTime returns the current time of the ledger's clock. The worker's clock only
// measures the time since the snapshot. Otherwise a worker with a wrong clock would start
// verifications too early, or hours late.
func (r *run) ledgerTime(in Input) time.Time { return in.Ledger.At.Add(r.Now().Sub(r.snapshotAt)) }

// sameNames reports whether two lists have the same names in canonical form, in any order.
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
