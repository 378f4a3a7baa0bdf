package listsync

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// API is what a sync needs from ServerPilot. Other programs can replace the whole list at
// any time, without a condition. So an implementation must neither retry a write by itself
// nor send one after its deadline.
//
// An error of List or Replace is, or wraps, a [*CallError]. Any other error counts as
// [Transient] for List and as [Unknown] for Replace.
type API interface {
	// Ready returns nil if the account's rate limit allows one read and one write now. It
	// doesn't wait: otherwise its error wraps [ErrYield], and has a method RetryIn, which
	// returns how long to wait. A sync that has begun calls it again then, and has its turn
	// sooner than one that hasn't.
	Ready(ctx context.Context, app string, begun bool) error
	// List returns the app's domain names in ServerPilot's order. An answer without a list
	// is an error, never an empty list.
	List(ctx context.Context, app string) ([]string, error)
	// Replace replaces the whole list by names and returns ServerPilot's answer. No byte of the
	// request may be sent after notAfter.
	Replace(ctx context.Context, app string, names []string, notAfter time.Time) (Written, error)
}

// Written is ServerPilot's answer to a write.
type Written struct {
	Names []string // the list
	// ActionID is the id of ServerPilot's action: the work of the app's server that makes the
	// write take effect. It is empty if ServerPilot named none.
	ActionID string
}

// CallErrorKind is what a failed call means for the sync.
type CallErrorKind int

const (
	// Transient: the call had no effect; a later one may succeed.
	Transient CallErrorKind = iota
	// WriteUnknown: the write may have taken effect, or may still do so.
	WriteUnknown
	// Blocked: no call for this app can succeed before an operator acts.
	Blocked
	// ListRefused: ServerPilot doesn't accept this list. The write had no effect.
	ListRefused
)

// CallError is a failed call.
type CallError struct {
	Kind    CallErrorKind
	Message string // ServerPilot's own words, for ListRefused; otherwise may be empty
	// Conflict: ServerPilot answered 409 to a write, of kind Transient. The conflict may
	// pass, or be one of the list's names for as long as that is on it.
	Conflict   bool
	RetryAfter time.Duration // the delay that ServerPilot asked for; 0 for none
	Err        error
}

func (e *CallError) Error() string { return e.Err.Error() }
func (e *CallError) Unwrap() error { return e.Err }

// Time limits: a call ends before the lease that it needs.
const (
	// CallLimit ends a call to ServerPilot.
	CallLimit = 20 * time.Second
	// LeaseTTL is how long a lease lasts unless it is renewed.
	LeaseTTL = 30 * time.Second
	// LandingLimit is how long after its start a write may still take effect: a request
	// sent by CallLimit has ten seconds to arrive.
	LandingLimit = 30 * time.Second
)

// ErrLeaseLost: the caller doesn't have the lease any more. The call changed nothing. But
// an earlier write may have overlapped with another sync's, so after this error the app
// must be synced again.
var ErrLeaseLost = errors.New("the app's lease was lost")

// NotAcquired says why a lease can't be acquired.
type NotAcquired struct {
	// Idle: nothing is pending. Busy: another sync holds the lease and will process all
	// that is pending. Paused: an operator paused the app; resuming it enqueues a sync.
	// If none of them is set, an earlier write may still take effect.
	Idle, Busy, Paused bool
	// Wait is the time until such a write has taken effect or is lost.
	Wait time.Duration
}

func (e *NotAcquired) Error() string {
	switch {
	case e.Idle:
		return "nothing is pending"
	case e.Busy:
		return "another sync holds the lease"
	case e.Paused:
		return "the app is paused"
	}
	return fmt.Sprintf("a write of unknown outcome may still take effect within %s", e.Wait.Round(time.Millisecond))
}

// Ledger is what a sync needs from the ledger. All methods but Acquire and Snapshot return
// [ErrLeaseLost] if the caller doesn't have the lease any more.
type Ledger interface {
	// Acquire acquires the app's lease for [LeaseTTL]; the error may be a [*NotAcquired].
	Acquire(ctx context.Context, app string) (Lease, error)
	// Renew extends the lease to LeaseTTL from now; the error is a [*NotAcquired] if the
	// app was paused meanwhile.
	Renew(ctx context.Context, lease Lease) error
	// Snapshot returns what plans need of the app's ledger, at one moment; an unknown app has
	// an empty one. The names are those of the list, and further domains of the plan, in
	// canonical form.
	Snapshot(ctx context.Context, app string, names ...string) (Snapshot, error)
	// BeginWrite renews the lease and records that a write is in flight for LandingLimit,
	// with the names that it claims. These stay recorded, with those of earlier writes,
	// until a commit.
	BeginWrite(ctx context.Context, lease Lease, w WriteIntent) error
	// EndWrite records that the outcome of a write is certain: the next write needn't wait
	// for it.
	EndWrite(ctx context.Context, lease Lease) error
	// Commit replaces the records of the outcomes, and clears what is in flight. It skips a
	// domain whose record or last change is newer than the plan knew. It returns these
	// domains; their changes stay pending. The events of the outcomes get into the outbox
	// in the same step.
	Commit(ctx context.Context, lease Lease, c Commit) (stale []string, err error)
	// Release releases the lease if nothing is pending and the app wasn't woken since the
	// lease was acquired, and reports whether it did. If not, the caller must plan again.
	Release(ctx context.Context, lease Lease) (released bool, err error)
	// RecordDryRun records the previews of those changes that are still pending as planned, and
	// releases the lease. If a change came meanwhile, or the app was woken, it keeps the
	// lease and returns false. Records, owned names and writes stay as they are.
	RecordDryRun(ctx context.Context, lease Lease, result DryRunResult) (released bool, err error)
	// Fail releases the lease although changes are pending. failure is nil for a sync that
	// stopped early without a failure.
	Fail(ctx context.Context, lease Lease, failure *Failure) error
}

// Lease is the right to sync one app.
type Lease struct {
	App, Token string
	// SinceLastCommit is the time from the app's last commit until the lease was acquired, by
	// the ledger's clock, to 1 ms. It is decades if there was no commit.
	SinceLastCommit time.Duration
}

// WriteIntent describes a write that is about to start.
type WriteIntent struct {
	// Claim are the names that are owned if the write takes effect.
	Claim []string
	// Added and Removed are the names that it changes, and Size is the number of names on
	// the new list. They are for the app's history, which skips writes without a change.
	Added, Removed []string
	Size           int
	WorkerID       string
}

// Commit is what one plan changes in the ledger.
type Commit struct {
	Outcomes        []Outcome
	Listed          int      // names on the list
	Own             []string // names that are owned from now on
	Disown          []string // names that aren't owned from now on
	Tombstones      []string // names that the write removed, see [Snapshot]
	ClearTombstones []string // names that lose their tombstone
	ActionID        string   // see [Written]; empty also if the plan wrote nothing
	Changed         []string // the domains whose names the write changed
	WorkerID        string
}

// Failure is why an app's sync fails.
type Failure struct {
	Reason  string
	Blocked bool      // see [Blocked]
	Since   time.Time // by the worker's clock; the ledger keeps that of the first failure in a row
}

// Enqueuer enqueues the tasks that follow from a sync. It is called before the commit. So
// enqueueing a task twice must be harmless, and a task whose outcome is never committed
// must detect that and end.
type Enqueuer interface {
	// Verify enqueues the first verification of each record for its NextAttemptAt. Its
	// error names the record.
	Verify(ctx context.Context, app string, records ...Record) error
}
