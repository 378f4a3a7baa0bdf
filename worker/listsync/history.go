package listsync

import (
	"fmt"
	"slices"
	"time"

	"pilotsync/tasks"
)

// HistoryEntry is one line of a domain's history.
type HistoryEntry struct {
	At time.Time `json:"at"`
	// State is empty if a later release wrote the line: then only At can be read, and Reason
	// says so.
	State  tasks.State `json:"state"`
	Action Action      `json:"action,omitempty"` // empty in entries of earlier releases
	// Attempt is the number of a verification's attempt, or of the failed recheck in a row.
	Attempt int `json:"attempt,omitempty"`
	// Actor is who caused it: the operator, "site 7" or "request" for a change, otherwise
	// the worker's name.
	Actor string `json:"who"`
	tasks.Cause
	// Reason is the cause in words. It is set when an entry is read, and stored only in
	// entries of earlier releases.
	Reason string `json:"reason"`
	// Checks are what a verification found of each name, and AutoSSL says in a few words how
	// the app's AutoSSL stood.
	Checks  []NameResult `json:"checks,omitempty"`
	AutoSSL string       `json:"autossl,omitempty"`
	// ActionID is the id of ServerPilot's action for the write that changed the domain's names;
	// empty if there is none. See [Written].
	ActionID string `json:"actionid,omitempty"`
}

// HasProblem reports whether one of the names didn't work, or soon would not.
func (e HistoryEntry) HasProblem() bool {
	return e.IsProblem() || e.Action == ActionFailedRecheck || slices.ContainsFunc(e.Checks, func(n NameResult) bool { return n.IsProblem() })
}

// Describe returns the entry's cause in words, a clause without a full stop.
func (e HistoryEntry) Describe() string {
	if e.Action == ActionFailedRecheck {
		return fmt.Sprintf("doesn't work (recheck %d of %d): %s", e.Attempt, MaxFailedRechecks, e.Sentence())
	}
	return e.Sentence()
}

// NameResult is what a verification found of one name.
type NameResult struct {
	Name string `json:"name"`
	tasks.Cause
	// Result is the cause in words. It is set when an entry is read, and stored only in
	// entries of earlier releases.
	Result string `json:"result"`
}

// Action is what a history entry is about.
type Action string

const (
	ActionAdd    Action = "add"    // an addition was requested
	ActionRemove Action = "remove" // a removal was requested
	ActionSync   Action = "sync"
	ActionVerify Action = "verify" // an attempt of a verification
	// ActionRecheck is the check of a domain whose verification has ended. Only those that
	// change something have an entry.
	ActionRecheck Action = "recheck"
	// ActionFailedRecheck is a recheck of a domain that stays done for the moment. Attempt
	// counts those in a row.
	ActionFailedRecheck Action = "failed-recheck"
)

// MaxFailedRechecks is how many rechecks in a row must fail until a domain that is done is
// verified from scratch. A server that restarts isn't a lost certificate.
const MaxFailedRechecks = 3
