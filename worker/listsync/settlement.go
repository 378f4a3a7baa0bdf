package listsync

import (
	"context"
	"slices"
	"time"

	"pilotsync/tasks"
)

// Settlement is what one commit settled, see [Syncer.OnCommit].
type Settlement struct {
	App   string
	Wrote bool // the plan wrote ServerPilot's list
	// ActionID is the id of the write's action, see [Written].
	ActionID string
	// TakenAt is the time of the snapshot that has the changes, At that of the commit; both
	// by the ledger's clock.
	TakenAt, At time.Time
	Domains     []Settled // sorted by domain
}

// Settled is the committed outcome of one domain.
type Settled struct {
	Outcome
	Resolution Resolution
	// Change is the change that ended with it; nil if none was pending.
	Change *Pending
	// ActionID is the id of the action, if the write changed the domain's names. See [Written].
	ActionID string
}

// Resolution is how a change ended, in a word.
type Resolution string

const (
	ResolutionListed    Resolution = "listed"    // an addition's names are on the list
	ResolutionUnchanged Resolution = "unchanged" // the domain of an addition was already listed
	ResolutionRemoved   Resolution = "removed"   // a removal is done
	ResolutionRejected  Resolution = "rejected"  // an addition was refused
	ResolutionKept      Resolution = "kept"      // a removal was refused: the names stay
	ResolutionRestored  Resolution = "restored"  // no change: names of a listed domain were put back or removed
)

// Resolutions returns all resolutions.
func Resolutions() []Resolution {
	return []Resolution{ResolutionListed, ResolutionUnchanged, ResolutionRemoved, ResolutionRejected, ResolutionKept, ResolutionRestored}
}

func resolutionOf(o Outcome, change *Pending) Resolution {
	switch {
	case o.Record.State == tasks.Rejected:
		return ResolutionRejected
	case change == nil:
		return ResolutionRestored
	case change.Remove && o.Record.State == tasks.Removed:
		return ResolutionRemoved
	case change.Remove:
		return ResolutionKept
	case o.AlreadyListed:
		return ResolutionUnchanged
	}
	return ResolutionListed
}

// settled calls OnCommit after a commit, which skipped the stale domains.
func (r *run) settled(ctx context.Context, in Input, plan Result, action string, stale []string) {
	if r.OnCommit == nil {
		return
	}
	s := Settlement{App: r.lease.App, Wrote: plan.Write, ActionID: action, TakenAt: in.Now, At: r.ledgerTime(in)}
	for _, o := range plan.Outcomes {
		if slices.Contains(stale, o.Record.Domain) {
			continue
		}
		var change *Pending
		if c, waited := in.Ledger.Pending[o.Record.Domain]; waited {
			change = &c
		}
		settled := Settled{Outcome: o, Resolution: resolutionOf(o, change), Change: change}
		if slices.Contains(plan.Changed, o.Record.Domain) {
			settled.ActionID = action
		}
		s.Domains = append(s.Domains, settled)
	}
	r.OnCommit(ctx, s)
}
