package listsync

import (
	"time"

	"pilotsync/tasks"
)

// What a domain's history says of requests. Earlier releases wrote the same.
const (
	AdditionRequested = "asked to be put on the list"
	RemovalRequested  = "asked to be taken off the list"
)

// Record is what the ledger has of one domain once a sync has processed it.
type Record struct {
	Domain string `json:"domain"`
	// Seq is the order number of the last change that was processed.
	Seq int64 `json:"seq"`
	// Wanted: the last request is an addition, and it was not refused.
	Wanted bool `json:"wanted"`
	// Since is the order number of the addition that made the domain wanted; another
	// addition doesn't change it, a removal in between does.
	Since int64 `json:"since,omitempty"`
	// AddSeq is the order number of the domain's last addition if that isn't Since.
	// A removal of its www form by name counts only if it is later.
	AddSeq int64 `json:"add_seq,omitempty"`
	// WWW is the rule by which this domain was listed. It is resolved when the change is
	// processed, so that a changed setting moves no names by itself.
	WWW    tasks.WWW   `json:"www,omitempty"`
	SiteID int64       `json:"site_id,omitempty"`
	State  tasks.State `json:"state"`
	// Names are those of its names that are on the list, the domain first; for a removed
	// or rejected domain, those that it had.
	Names  []string `json:"names"`
	Reason string   `json:"reason"`
	// Problems are what the last verification found wrong; each replaces them.
	Problems []tasks.Problem `json:"problems,omitempty"`

	// CheckSeq is the order number of the change that started the verification.
	CheckSeq int64 `json:"check_seq,omitempty"`
	// Attempt is the number of verifications made so far.
	Attempt int `json:"attempt"`
	// Attempts is the limit that the domain's last addition asked for; 0 leaves it to the
	// worker's setting.
	Attempts int `json:"attempts,omitempty"`
	// Limit is the number of attempts that the verification has, or had, for readers; 0
	// where a worker of an earlier release wrote the record.
	Limit int `json:"limit,omitempty"`
	// SeenPointing: DNS was seen pointing at the app's server in some attempt.
	SeenPointing  bool       `json:"pointed_here,omitempty"`
	Certificate   *Cert      `json:"certificate,omitempty"`
	RequestedAt   time.Time  `json:"requested_at"`
	UpdatedAt     time.Time  `json:"updated_at"`
	AttemptAt     *time.Time `json:"attempt_at,omitempty"`
	NextAttemptAt *time.Time `json:"next_attempt_at,omitempty"`

	// Once a verification has ended the domain is rechecked.
	EndedAt   *time.Time `json:"ended_at,omitempty"` // when it ended
	RecheckAt *time.Time `json:"watch_at,omitempty"` // when the next recheck is due
	// FailedRechecks counts the rechecks in a row that found a domain not to work which
	// is done.
	FailedRechecks int `json:"misses,omitempty"`
	// ExpiryNotified is the end of the certificate whose approach was notified.
	ExpiryNotified *time.Time `json:"expiry_told,omitempty"`

	V tasks.Version `json:"v"`

	// Version is the record as it was read. A commit replaces the record only if
	// the ledger still holds exactly this; empty means that there was none.
	Version string `json:"-"`
}

// ClearRecheck forgets what belongs to a verification that has ended.
func (r *Record) ClearRecheck() {
	r.EndedAt, r.RecheckAt, r.FailedRechecks, r.ExpiryNotified = nil, nil, 0, nil
}

// Cert is what a verification saw of the certificate of the domain itself.
type Cert struct {
	Issuer   string    `json:"issuer"`
	NotAfter time.Time `json:"not_after"`
}

// Check is what a verification saw of one name.
type Check struct {
	Name string `json:"name"`
	DNS  string `json:"dns"`
	TLS  string `json:"tls,omitempty"` // empty where it wasn't looked at
}

// Pending is a change that is recorded and not dealt with yet.
type Pending struct {
	tasks.Change
	Remove     bool      `json:"remove"`
	RecordedAt time.Time `json:"recorded_at"`
	// Preview is what a sync would do about it, in words, as the last dry run found it;
	// empty where none did.
	Preview string `json:"preview,omitempty"`

	// Version is the change as it was read, with fields that only a later program knows.
	Version string `json:"-"`
}

// Snapshot is the whole ledger of one app at one moment.
type Snapshot struct {
	Records map[string]Record
	Pending map[string]Pending // the last change of each domain that waits
	// WantedSince holds, for every domain whose last recorded change is an addition, the
	// order number of the first addition after its last removal.
	WantedSince map[string]int64
	// Owned are the names that we put on the list and that were not removed since.
	Owned map[string]bool
	// Tombstones are the names that a write of ours took off the list within [TombstoneTTL], and
	// that no write of ours has touched since. One of them that is back on the list
	// was put there by somebody who hadn't seen that it left: by a late write, as a
	// rule.
	Tombstones map[string]bool
	// InFlight are names that a write without a known outcome may have put on the
	// list: those that are there were put there by us.
	InFlight []string
	// At is when it was taken, by the ledger's clock. That is the same for all
	// workers, while a worker's own may be wrong.
	At time.Time
}

// TombstoneTTL is how long a name that left the list is taken off once more, should it
// come back unasked for. After that it counts as set by hand.
const TombstoneTTL = 24 * time.Hour

// Entry is one line of a domain's history.
type HistoryEntry struct {
	At time.Time `json:"at"`
	// State is empty in a line of a later form, of which nothing but At can be read.
	State   tasks.State `json:"state"`
	Reason  string      `json:"reason"`
	Attempt int         `json:"attempt,omitempty"`
	// Actor caused it: the operator, "site 7" or "request" for a change, the worker's
	// name otherwise.
	Actor string `json:"who"`
	// What a verification saw, in words: of each name, and of the app's AutoSSL.
	Checks  []Check `json:"checks,omitempty"`
	AutoSSL string  `json:"autossl,omitempty"`
}
