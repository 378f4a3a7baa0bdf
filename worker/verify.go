package worker

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/appcache"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
	"pilotsync/worker/share"
	"pilotsync/worker/taskerr"
)

// unservedVerifyDelay is the delay of a verification of an app that no live worker serves.
const unservedVerifyDelay = time.Minute

// earlyVerifyDelay is the most that a verification waits which comes before its time, by this worker's
// clock.
const earlyVerifyDelay = time.Minute

// verifyHandler handles ssl:verify: an attempt, or a recheck, of one domain.
type verifyHandler struct {
	accounts share.Group // by client id
	apps     share.Group
	// unanswered has few slots for names whose DNS gave no answer the last time, so they come
	// after all others. It is by app; allUnanswered is for all of them.
	unanswered, allUnanswered share.Group
	cache                     *appcache.Cache
	registry                  *registry.Registry
	ledger                    *ledger.Ledger
	verifier                  *verifier
	stopping                  <-chan struct{}
}

func (h *verifyHandler) handle(ctx context.Context, t *asynq.Task) error {
	v, err := tasks.Decode[tasks.Verify](t.Payload())
	if err != nil {
		return taskerr.Undecodable(err)
	}
	client, err := h.registry.Client(v.AppID)
	if err != nil {
		return h.unserved(ctx, v, err)
	}
	// The task leaves its slot to others while other apps of its account are first.
	if err := h.cache.MayGetApp(v.AppID, !v.Recheck); err != nil {
		return err
	}
	leave, err := h.enter(ctx, v, client)
	if err != nil {
		return err
	}
	defer leave()
	select {
	case <-h.stopping:
		return taskerr.RetryAfter(0, listsync.ErrYield)
	default:
	}
	view, _, now, err := h.ledger.DomainAt(ctx, v.AppID, v.Domain)
	if err != nil {
		return err
	}
	clock := ledgerClock(now)
	if wait := v.DueAt.Sub(now); wait > 0 {
		// This worker's clock is ahead of Redis's. asynq adds the delay to that clock, so another
		// worker may count it from later. But a delay that is over at once has the task come back
		// five times a second.
		return taskerr.RetryAfter(max(time.Until(v.DueAt), min(wait, earlyVerifyDelay)), fmt.Errorf("attempt %d for %s is due at %s; Redis has %s",
			v.Attempt, v.Domain, v.DueAt.Format(time.RFC3339), now.Format(time.RFC3339)))
	}
	if v.By != "" && v.Attempt == 1 {
		if err := h.ledger.AuditVerification(ctx, v); err != nil {
			return err
		}
	}
	if v.Recheck {
		return h.verifier.recheck(ctx, v, view.Record, clock)
	}
	return h.verifier.attempt(ctx, v, view.Record, clock)
}

// enter takes a slot of each group that the verification needs one of.
func (h *verifyHandler) enter(ctx context.Context, v tasks.Verify, client *registry.Client) (leave func(), err error) {
	served, limited := h.registry.Load(), client.Limiter.VerificationsLimited
	type slot struct {
		group *share.Group
		key   string
		alone bool
	}
	var needed []slot
	if v.Unanswered {
		needed = append(needed, slot{&h.unanswered, v.AppID, false}, slot{&h.allUnanswered, "", false})
	} else if len(served.Apps) > 1 { // an app that is alone may have all of its account's
		needed = append(needed, slot{&h.apps, v.AppID, false})
	}
	needed = append(needed, slot{&h.accounts, client.ID, served.OneAccount()})
	var taken []func()
	leave = func() {
		for _, leave := range slices.Backward(taken) {
			leave()
		}
	}
	for _, slot := range needed {
		leaveOne, err := slot.group.Enter(ctx, slot.key, v.ID(), slot.alone, limited)
		if err != nil {
			leave()
			return nil, err
		}
		taken = append(taken, leaveOne)
	}
	return leave, nil
}

// unserved handles a verification of an app that this worker doesn't serve. If no live worker does,
// it waits for one that starts. One that the ledger knows nothing of ends.
func (h *verifyHandler) unserved(ctx context.Context, v tasks.Verify, err error) error {
	if elsewhere := h.registry.LeaveToAnother(ctx, v.AppID); elsewhere != nil {
		return elsewhere
	}
	view, _, _, readErr := h.ledger.DomainAt(ctx, v.AppID, v.Domain)
	if readErr != nil {
		return readErr
	}
	due := isDue(restarted(view.Record, v), v)
	if v.Recheck {
		due = isRecheckDue(view.Record, v)
	}
	if !due {
		return nil
	}
	return taskerr.WaitForWorker(unservedVerifyDelay, fmt.Errorf("verify %s: %w", v.Domain, err))
}

// ledgerClock returns a clock that shows the ledger's time, which was read just now. This
// worker's own clock, which may be wrong, only measures the time since then.
func ledgerClock(now time.Time) func() time.Time {
	read := time.Now()
	return func() time.Time { return now.Add(time.Since(read)) }
}
