package listsync

import (
	"time"

	"pilotsync/tasks"
)

// History texts of requests, the same as in earlier releases.
const (
	AdditionRequested = "asked to be put on the list"
	RemovalRequested  = "asked to be taken off the list"
)

// Record is a domain's state in the ledger, once a sync has processed the domain.
type Record struct {
	Domain string `json:"domain"`
	// Seq is the order number of the last change that was processed.
	Seq int64 `json:"seq"`
	// Wanted: the last request was an addition and was not refused.
	Wanted bool `json:"wanted"`
	// Since is the order number of the addition that made the domain wanted. Another
	// addition changes it only after a removal.
	Since int64 `json:"since,omitempty"`
	// AddSeq is the order number of the domain's last addition, if that isn't Since.
	// A removal of its www form by name counts only if it is later.
	AddSeq int64 `json:"add_seq,omitempty"`
	// WWW is the rule by which the domain was listed. It is resolved when the change is
	// processed, so a changed setting alone changes no list.
	WWW    tasks.WWW   `json:"www,omitempty"`
	SiteID int64       `json:"site_id,omitempty"`
	State  tasks.State `json:"state"`
	// Names are the domain's names on the list, the domain first; for a removed or rejected
	// domain, the names that it had.
	Names  []string `json:"names"`
	Reason string   `json:"reason"`
	// Problems are those that the last attempt found.
	Problems []tasks.Problem `json:"problems,omitempty"`

	// CheckSeq is the order number of the change that started the verification.
	CheckSeq int64 `json:"check_seq,omitempty"`
	// Attempt is the number of attempts made so far.
	Attempt int `json:"attempt"`
	// Attempts is the limit of attempts in the domain's last addition; 0 means the worker's
	// setting.
	Attempts int `json:"attempts,omitempty"`
	// Limit is the verification's limit of attempts, for readers; 0 if a worker of an
	// earlier release wrote the record.
	Limit int `json:"limit,omitempty"`
	// SeenPointing: in some attempt DNS pointed at the app's server.
	SeenPointing  bool       `json:"pointed_here,omitempty"`
	Certificate   *Cert      `json:"certificate,omitempty"`
	RequestedAt   time.Time  `json:"requested_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	AttemptAt     *time.Time `json:"attempt_at,omitempty"`
	NextAttemptAt *time.Time `json:"next_attempt_at,omitempty"`

	// A domain whose verification has ended is rechecked.
	EndedAt   *time.Time `json:"ended_at,omitempty"` // when it ended
	RecheckAt *time.Time `json:"watch_at,omitempty"` // when the next recheck is due
	// FailedRechecks counts the failed rechecks in a row of a domain that is done.
	FailedRechecks int `json:"misses,omitempty"`
	// ExpiryNotified is the certificate's end that an event has already warned of.
	ExpiryNotified *time.Time `json:"expiry_told,omitempty"`

	V tasks.Version `json:"v"`

	// Version is the JSON that was read. A commit replaces the record only if the ledger
	// still has exactly this; empty means that there was no record.
	Version string `json:"-"`
}

// ClearRecheck clears the fields that only a domain with an ended verification has.
func (r *Record) ClearRecheck() {
	r.EndedAt, r.RecheckAt, r.FailedRechecks, r.ExpiryNotified = nil, nil, 0, nil
}

// Cert is the certificate that a verification found for the domain itself.
type Cert struct {
	Issuer   string    `json:"issuer"`
	NotAfter time.Time `json:"not_after"`
}

// Check is what a verification found for one name, in words.
type Check struct {
	Name string `json:"name"`
	DNS  string `json:"dns"`
	TLS  string `json:"tls,omitempty"` // empty if it wasn't checked
}

// Pending is a recorded change that no sync has processed yet.
type Pending struct {
	tasks.Change
	Remove     bool      `json:"remove"`
	RecordedAt time.Time `json:"recorded_at"`
	// Preview says what a sync would do about it, by the last dry run; empty without one.
	Preview string `json:"preview,omitempty"`

	// Version is the JSON that was read, with fields that only a later release knows.
	Version string `json:"-"`
}

// Snapshot is the whole ledger of one app at one moment.
type Snapshot struct {
	Records map[string]Record
	Pending map[string]Pending // the last pending change of each domain
	// WantedSince has, for each domain whose last recorded change is an addition, the order
	// number of the first addition after its last removal.
	WantedSince map[string]int64
	// Owned are the names that pilotsync put on the list, or was asked to own.
	Owned map[string]bool
	// Tombstones are the names that pilotsync removed from the list within [TombstoneTTL]
	// and has not written since. If one is back on the list, another program's late write
	// usually put it there, which was based on an older list.
	Tombstones map[string]bool
	// InFlight are names that a write without a known outcome may have put on the list.
	// Those that are on it count as owned.
	InFlight []string
	// At is the time of the snapshot by the ledger's clock, which all workers share; a
	// worker's own clock may be wrong.
	At time.Time
}

// TombstoneTTL is how long after its removal a name is removed again if it reappears
// without a request. After that it counts as set by hand.
const TombstoneTTL = 24 * time.Hour

// HistoryEntry is one line of a domain's history.
type HistoryEntry struct {
	At time.Time `json:"at"`
	// State is empty if a later release wrote the line: then only At can be read.
	State   tasks.State `json:"state"`
	Reason  string      `json:"reason"`
	Attempt int         `json:"attempt,omitempty"`
	// Actor is who caused it: the operator, "site 7" or "request" for a change, otherwise
	// the worker's name.
	Actor string `json:"who"`
	// Checks and AutoSSL describe what a verification found.
	Checks  []Check `json:"checks,omitempty"`
	AutoSSL string  `json:"autossl,omitempty"`
}
