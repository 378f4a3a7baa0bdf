package listsync

import (
	"context"
	"slices"
	"time"

	"pilotsync/tasks"
)

// Settlement is what one commit settled, for those who watch a [Syncer] at work.
type Settlement struct {
	App   string
	Wrote bool // ServerPilot's list was written for it
	// TakenAt is when the changes were taken from the ledger, At when what became of
	// them was committed.
	TakenAt, At time.Time
	Domains     []Settled // sorted by domain
}

// Settled is what became of one domain.
type Settled struct {
	Outcome
	Fate Fate
	// Change is the change that ended with it; nil where none was waiting.
	Change *Pending
}

// Fate is what became of a change, in a word.
type Fate string

const (
	FateListed    Fate = "listed"    // an addition's names are on the list
	FateUnchanged Fate = "unchanged" // an addition of what was listed before
	FateRemoved   Fate = "removed"   // a removal is done
	FateRejected  Fate = "rejected"  // an addition was refused
	FateKept      Fate = "kept"      // a removal was refused: the names stay
	FateRestored  Fate = "restored"  // no change: names of a listed domain were put back or taken away
)

// Fates lists all there are.
func Fates() []Fate {
	return []Fate{FateListed, FateUnchanged, FateRemoved, FateRejected, FateKept, FateRestored}
}

func fate(o Outcome, change *Pending) Fate {
	switch {
	case o.Record.State == tasks.Rejected:
		return FateRejected
	case change == nil:
		return FateRestored
	case change.Remove && o.Record.State == tasks.Removed:
		return FateRemoved
	case change.Remove:
		return FateKept
	case o.Again:
		return FateUnchanged
	}
	return FateListed
}

// settled tells the watcher of a commit. stale are the domains that it left as
// they were.
func (r *run) settled(ctx context.Context, in Input, plan Result, stale []string) {
	if r.Watch == nil {
		return
	}
	s := Settlement{App: r.lease.App, Wrote: plan.Write, TakenAt: in.Now, At: r.ledgerTime(in)}
	for _, o := range plan.Outcomes {
		if slices.Contains(stale, o.Record.Domain) {
			continue
		}
		var change *Pending
		if c, waited := in.Ledger.Pending[o.Record.Domain]; waited {
			change = &c
		}
		s.Domains = append(s.Domains, Settled{Outcome: o, Fate: fate(o, change), Change: change})
	}
	r.Watch(ctx, s)
}
