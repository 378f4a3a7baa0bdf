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
	err := r.replace(ctx, remote, Writing{})
	if message, refused := isRefusal(err); refused {
		return faultyList(r.lease.App, message, err)
	}
	if err != nil {
		return err
	}
	r.sound = true
	if err := r.Ledger.EndWrite(ctx, r.lease); err != nil {
		return fmt.Errorf("note the end of a write to app %s: %w", r.lease.App, err)
	}
	return nil
}

func faultyList(app, message string, err error) error {
	return &CallError{Verdict: Blocked, Message: message, Err: fmt.Errorf(
		"ServerPilot refuses app %s's list even as it stands; mend it in ServerPilot's dashboard: %w", app, err)}
}

// takeApart follows up on a refused plan: it is halved until the change that
// ServerPilot refuses is alone, and that one is rejected.
func (r *run) takeApart(plan Result, on Snapshot, message string, err error) error {
	var next []part
	if !r.sound {
		next = append(next, part{control: true})
	}
	switch n := len(plan.Movers); n {
	case 1:
		domain := plan.Movers[0]
		next = append(next, part{only: keys(plan.Movers), refused: &refusal{domain, message, on.lastSeq(domain)}})
	default:
		next = append(next, part{only: keys(plan.Movers[:n/2])}, part{only: keys(plan.Movers[n/2:])})
	}
	r.parts = append(next, r.parts...)
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
