package listsync

import (
	"context"
	"errors"
	"fmt"
)

// refusal is a change that ServerPilot refuses for its own sake. A later change
// of the same domain is another matter.
type refusal struct {
	domain, message string
	seq             int64
}

// control writes the list as it was read. If ServerPilot refuses even that, the
// fault is in the list and no change is to blame.
func (r *run) control(ctx context.Context, remote []string) error {
	err := r.replace(ctx, remote, WriteIntent{})
	if message, refused := isRefusal(err); refused {
		return faultyList(r.lease.App, message, err)
	}
	if err != nil {
		return err
	}
	r.controlPassed = true
	if err := r.Ledger.EndWrite(ctx, r.lease); err != nil {
		return fmt.Errorf("note the end of a write to app %s: %w", r.lease.App, err)
	}
	return nil
}

func faultyList(app, message string, err error) error {
	return &CallError{Verdict: Blocked, Message: message, Err: fmt.Errorf(
		"ServerPilot refuses app %s's list even as it stands; mend it in ServerPilot's dashboard: %w", app, err)}
}

// bisect follows up on a refused plan: it is halved until the change that
// ServerPilot refuses is alone, and that one is rejected.
func (r *run) bisect(plan Result, on Snapshot, message string, err error) error {
	var next []batch
	if !r.controlPassed {
		next = append(next, batch{control: true})
	}
	switch n := len(plan.Changed); n {
	case 1:
		domain := plan.Changed[0]
		next = append(next, batch{only: keys(plan.Changed), refused: &refusal{domain, message, on.lastSeq(domain)}})
	default:
		next = append(next, batch{only: keys(plan.Changed[:n/2])}, batch{only: keys(plan.Changed[n/2:])})
	}
	r.batches = append(next, r.batches...)
	return nil
}

// lastSeq is the order number of the domain's last change, 0 where there is none.
func (s Snapshot) lastSeq(domain string) int64 {
	if change, waits := s.Pending[domain]; waits {
		return change.Seq
	}
	return s.Records[domain].Seq
}

func isRefusal(err error) (message string, refused bool) {
	var call *CallError
	if errors.As(err, &call) && call.Verdict == Refused {
		return call.Message, true
	}
	return "", false
}
