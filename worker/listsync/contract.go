package listsync

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// API is what a sync needs of ServerPilot. Others can replace the list at any time, whole
// and without a condition. So an implementation must neither retry a write by itself nor
// send one after its deadline.
//
// Every error is, or wraps, a [*CallError]; any other counts as [Transient] for List and
// as [Unknown] for Replace.
type API interface {
	// Ready waits until the account's rate limit allows one read and one write; if that
	// would take long, it returns [ErrYield].
	Ready(ctx context.Context, app string) error
	// List returns the app's domain names in ServerPilot's order. An answer
	// without a list is an error, never an empty list.
	List(ctx context.Context, app string) ([]string, error)
	// Replace makes names the whole list and returns what ServerPilot answered.
	// No byte of it may be sent after notAfter.
	Replace(ctx context.Context, app string, names []string, notAfter time.Time) ([]string, error)
}

// Verdict is what a failed call means for the sync.
type Verdict int

const (
	// Transient: it had no effect; a later try may succeed.
	Transient Verdict = iota
	// Unknown: a write that may have taken effect, or may yet.
	Unknown
	// Blocked: a person has to act before any call for this app can succeed.
	Blocked
	// Refused: ServerPilot doesn't accept this list. It had no effect.
	Refused
)

// CallError is a failed call.
type CallError struct {
	Verdict    Verdict
	Message    string        // ServerPilot's own words, for Refused; else may be empty
	RetryAfter time.Duration // the delay that ServerPilot asked for; 0 for none
	Err        error
}

func (e *CallError) Error() string { return e.Err.Error() }
func (e *CallError) Unwrap() error { return e.Err }

// Time limits, one inside the other: a call ends before the lease it runs under.
const (
	// CallLimit ends a call to ServerPilot.
	CallLimit = 20 * time.Second
	// LeaseTTL is how long a lease lasts unless it is renewed.
	LeaseTTL = 30 * time.Second
	// LandingLimit is how long a write may take effect, from its start: what was sent by
	// CallLimit has ten seconds to arrive.
	LandingLimit = 30 * time.Second
)

// ErrLeaseLost: another sync has the lease now, or none has. The call changed nothing. But
// an earlier write may have crossed that of another sync, so after this error the app must
// be synced again.
var ErrLeaseLost = errors.New("the app's lease was lost")

// NotAcquired says why a lease can't be acquired.
type NotAcquired struct {
	// Idle: there is nothing to do. Busy: another sync holds the lease and will process
	// all that is pending. Paused: an operator paused the app; resuming it enqueues a
	// sync. None of them: a write may still take effect.
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
	return fmt.Sprintf("a write of unknown outcome may land within %s", e.Wait.Round(time.Millisecond))
}

// Ledger is what a sync needs of the record of every domain. All methods but
// Acquire and Snapshot return [ErrLeaseLost] if the lease is not the caller's any more.
type Ledger interface {
	// Acquire acquires the app's lease for [LeaseTTL]; the error may be a [*NotAcquired].
	Acquire(ctx context.Context, app string) (Lease, error)
	// Renew extends the lease by another LeaseTTL; the error may be a [*NotAcquired] of
	// an app that was paused meanwhile.
	Renew(ctx context.Context, lease Lease) error
	Snapshot(ctx context.Context, app string) (Snapshot, error)
	// BeginWrite renews the lease and records that a write is in flight for
	// LandingLimit, which may put the names that it claims on the list. They stay
	// recorded, with those of earlier writes, until a commit.
	BeginWrite(ctx context.Context, lease Lease, w WriteIntent) error
	// EndWrite records that a write certainly had no effect, or certainly had its effect:
	// the next needn't wait for it.
	EndWrite(ctx context.Context, lease Lease) error
	// Commit replaces the records of the outcomes, each only if neither its
	// record nor its domain's last change is newer than planned on, and clears
	// what is in flight. It returns the domains that it didn't replace; their changes
	// stay pending. The events of the outcomes get into the outbox in the same step.
	Commit(ctx context.Context, lease Lease, c Commit) (stale []string, err error)
	// Release releases the lease if nothing is pending and the app wasn't woken
	// meanwhile, and reports whether it did.
	Release(ctx context.Context, lease Lease) (released bool, err error)
	// Preview records what a dry run found, with each change that still waits as it was
	// planned, and releases the lease. If a change came meanwhile, or the app was woken, it
	// keeps the lease and returns false. Domains, names and writes stay as they are.
	Preview(ctx context.Context, lease Lease, p Preview) (released bool, err error)
	// Fail releases the lease although changes are pending.
	Fail(ctx context.Context, lease Lease, failure *Failure) error
}

// Lease is the right to sync one app.
type Lease struct {
	App, Token string
	// SinceLastCommit is how long before the lease was acquired the app's last commit was,
	// by the ledger's clock, to 1 ms; decades if there was none.
	SinceLastCommit time.Duration
}

// WriteIntent is a write that is about to be made.
type WriteIntent struct {
	// Claim are the names that are owned should it take effect.
	Claim []string
	// Added and Removed are what it changes, and Size is the number of names on the
	// list then: for the app's history, which has no line for one that changes nothing.
	Added, Removed []string
	Size           int
	WorkerID       string
}

// Commit is what one plan changes in the ledger.
type Commit struct {
	Outcomes        []Outcome
	Listed          int      // names on the list
	Own             []string // names that are owned from now on
	Disown          []string // names that aren't owned any more
	Tombstones      []string // names that the write removed, see [Snapshot]
	ClearTombstones []string // names whose tombstone goes
	WorkerID        string
}

// Failure is why an app's sync fails.
type Failure struct {
	Reason  string
	Blocked bool      // a person has to act
	Since   time.Time // of the first failure in a row
}

// Enqueuer enqueues what follows from a sync. It is called before the commit. Enqueueing
// the same task twice must be harmless, and a task for an outcome that is then not
// committed must detect that and end.
type Enqueuer interface {
	// Verify enqueues the first verification of each record for its NextAttemptAt. Its
	// error names the record.
	Verify(ctx context.Context, app string, records ...Record) error
}
