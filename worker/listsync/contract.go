package listsync

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// API is what a sync needs of ServerPilot. The list it guards can be written by
// others at any time, whole, without a condition, so an implementation must
// neither retry a write by itself nor send one after its time.
//
// Every error is, or wraps, a [*CallError]; anything else counts as [Again] for
// List and as [Unknown] for Replace.
type API interface {
	// Ready waits until one read and one write may be made, where the account's
	// calls are limited; where that would take long, it returns [ErrYield].
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
	// Transient: it had no effect; a later try may go well.
	Transient Verdict = iota
	// Unknown: a write that may have landed, or may land yet.
	Unknown
	// Blocked: a person has to act before any call for this app can go well.
	Blocked
	// Refused: ServerPilot doesn't take this list. It had no effect.
	Refused
)

// CallError is a failed call.
type CallError struct {
	Verdict    Verdict
	Message    string        // ServerPilot's own words, for Refused; else may be empty
	RetryAfter time.Duration // not before this pause, where ServerPilot asked for one
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
	// LandingLimit is when a write counts as landed or lost for good, from its
	// start: what is under way after CallLimit has ten seconds to get there.
	LandingLimit = 30 * time.Second
)

// ErrLeaseLost: the lease is somebody else's now, or nobody's. The call changed
// nothing; but a write made before may have crossed somebody else's, so whoever
// gets this error from a sync asks for another one.
var ErrLeaseLost = errors.New("the app's lease was lost")

// NotAcquired tells why a lease can't be had.
type NotAcquired struct {
	// Idle: nothing is to be done. Busy: another sync holds the lease and will see
	// to all that is pending. Paused: an operator paused the app; whoever lets it go
	// on starts a sync. None of them: a write may still land.
	Idle, Busy, Paused bool
	// Wait is the time until such a write has landed or is lost.
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
// Take and Snapshot return [ErrLeaseLost] if the lease is not the caller's any more.
type Ledger interface {
	// Acquire gets the app's lease for [LeaseTTL]; the error may be a [*NotAcquired].
	Acquire(ctx context.Context, app string) (Lease, error)
	// Renew extends the lease by another LeaseTTL; the error may be a [*NotAcquired] of
	// an app that was paused meanwhile.
	Renew(ctx context.Context, lease Lease) error
	Snapshot(ctx context.Context, app string) (Snapshot, error)
	// BeginWrite renews the lease and notes that a write is in flight for
	// LandingLimit, which may put the names that it claims on the list. They stay
	// noted, with those of earlier writes, until a commit.
	BeginWrite(ctx context.Context, lease Lease, w WriteIntent) error
	// EndWrite takes the note of the time back after a write that certainly had
	// no effect or certainly had its effect, so that the next needn't wait.
	EndWrite(ctx context.Context, lease Lease) error
	// Commit replaces the records of the outcomes, each only if neither its
	// record nor its domain's last change is newer than planned on, and clears
	// what is in flight. It returns the domains whose turn it wasn't; their
	// changes stay pending. What an outcome tells the outside is kept for it in the
	// same step.
	Commit(ctx context.Context, lease Lease, c Commit) (stale []string, err error)
	// Release gives the lease back if nothing is pending and nobody asked for one
	// more sync meanwhile, and reports whether it did.
	Release(ctx context.Context, lease Lease) (released bool, err error)
	// Preview puts down what a dry run found, at each change that still waits as it was
	// planned, and gives the lease back. It doesn't, and returns false, if a change came
	// meanwhile or somebody asked for one more sync. Domains, names and writes stay as
	// they are.
	Preview(ctx context.Context, lease Lease, p Preview) (released bool, err error)
	// Fail gives the lease back although changes are pending.
	Fail(ctx context.Context, lease Lease, trouble *Failure) error
}

// Lease is the right to sync one app.
type Lease struct {
	App, Token string
	// SinceLastCommit is how long ago the app's last commit was when the lease was taken, by
	// the ledger's clock, to 1 ms; decades where there was none.
	SinceLastCommit time.Duration
}

// WriteIntent is a write that is about to be made.
type WriteIntent struct {
	// Claim are the names that count as ours should it land.
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
	Own             []string // names that are ours from now on
	Disown          []string // names that aren't any more
	Tombstones      []string // names that the write took off, see [Snapshot]
	ClearTombstones []string // names that don't count as gone any more
	WorkerID        string
}

// Failure is why an app's sync doesn't get on.
type Failure struct {
	Reason  string
	Blocked bool      // a person has to act
	Since   time.Time // when it began; later troubles without a success between don't move it
}

// Enqueuer starts what follows from a sync. It is called before the commit;
// starting the same thing twice must be harmless, and what was started for an
// outcome that is then not committed must find that out and end.
type Enqueuer interface {
	// Verify starts the first verification of each record at its NextAttemptAt. Its error
	// names the record.
	Verify(ctx context.Context, app string, records ...Record) error
}
