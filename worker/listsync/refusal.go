package listsync

import (
	"context"
	"errors"
	"fmt"
)

// refusal is a change that ServerPilot refuses because of the domain itself. It doesn't
// apply to a later change of the domain.
type refusal struct {
	domain, message string
	seq             int64
}

// control writes the list unchanged. If ServerPilot refuses even that, the current list is
// at fault, not a change.
func (r *run) control(ctx context.Context, remote []string) error {
	_, err := r.replace(ctx, remote, WriteIntent{})
	if message, refused := isRefusal(err); refused {
		return faultyList(r.lease.App, message, err)
	}
	if err != nil {
		return err
	}
	r.controlPassed = true
	if err := r.Ledger.EndWrite(ctx, r.lease); err != nil {
		return fmt.Errorf("record the end of a write to app %s: %w", r.lease.App, err)
	}
	return nil
}

func faultyList(app, message string, err error) error {
	return &CallError{Kind: Blocked, Message: message, Err: fmt.Errorf(
		"ServerPilot refuses app %s's current list, even unchanged; correct the list in ServerPilot's dashboard: %w", app, err)}
}

// bisect halves a refused plan, until the change that ServerPilot refuses is alone in its
// batch. That change is rejected.
func (r *run) bisect(plan Result, snapshot Snapshot, message string) {
	var next []batch
	if !r.controlPassed {
		next = append(next, batch{control: true})
	}
	if n := len(plan.Changed); n == 1 {
		domain := plan.Changed[0]
		next = append(next, batch{only: keys(plan.Changed), refused: &refusal{domain, message, snapshot.lastSeq(domain)}})
	} else {
		next = append(next, batch{only: keys(plan.Changed[:n/2])}, batch{only: keys(plan.Changed[n/2:])})
	}
	r.batches = append(next, r.batches...)
}

// conflictLimit is how many answers 409 in a row to a write count as a refusal.
const conflictLimit = 3

// conflict tries a batch again that got the answer 409, since that may be a passing
// conflict. If it repeats, one of the names may always conflict: then the batch is
// bisected. No change is rejected before ServerPilot accepted the unchanged list and
// answered 409 to the change again.
func (r *run) conflict(ctx context.Context, b batch, plan Result, snapshot Snapshot, err error) {
	b.conflicts++
	switch {
	case b.conflicts < conflictLimit:
		r.batches = append([]batch{b}, r.batches...)
		r.wait(ctx, r.ConflictDelay)
		return
	case len(plan.Changed) == 1 && !r.controlPassed:
		b.conflicts = 0
		r.batches = append([]batch{{control: true}, b}, r.batches...)
		return
	}
	var call *CallError
	errors.As(err, &call)
	r.bisect(plan, snapshot, call.Message)
}

func isConflict(err error) bool {
	var call *CallError
	return errors.As(err, &call) && call.Conflict
}

func isRefusal(err error) (message string, refused bool) {
	var call *CallError
	if errors.As(err, &call) && call.Kind == ListRefused {
		return call.Message, true
	}
	return "", false
}
