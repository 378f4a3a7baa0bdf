package listsync

import (
	"time"

	"pilotsync/tasks"
)

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

// Snapshot is the ledger of one app at one moment. It may lack the records and tombstones of
// domains that aren't wanted and have no pending change. But it has those of the names that are
// on the list, owned or in flight. It also has those of the www form or the base of each name.
type Snapshot struct {
	Records map[string]Record
	Pending map[string]Pending // the last pending change of each domain
	// WantedSince has, for each domain whose last recorded change is an addition, the order
	// number of the first addition after its last removal.
	WantedSince map[string]int64
	// Owned are the names that pilotsync put on the list, or was asked to own.
	Owned map[string]bool
	// Tombstones are the names that pilotsync removed from the list within [TombstoneTTL]
	// and has not written since. If one is back on the list, a late write of another program,
	// based on an older list, usually put it there.
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

// lastSeq returns the order number of the domain's last change, or 0.
func (s Snapshot) lastSeq(domain string) int64 {
	if change, waits := s.Pending[domain]; waits {
		return change.Seq
	}
	return s.Records[domain].Seq
}
