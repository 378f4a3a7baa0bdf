package worker

import (
	"context"
	"math/rand/v2"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
	"pilotsync/worker/taskerr"
)

// recheck checks a domain whose verification has ended.
func (r *verifier) recheck(ctx context.Context, v tasks.Verify, before listsync.Record, clock func() time.Time) error {
	if !isRecheckDue(before, v) {
		return nil // removed, verified again, or rechecked already
	}
	facts, err := r.collector.collect(ctx, v, before)
	if err != nil { // rechecks aren't urgent
		return taskerr.RetryAfter(taskerr.MaxBackoff+rand.N(taskerr.MaxBackoff), err)
	}
	now := clock()
	after, entry := evaluateRecheck(before, facts, now)
	if after.State.Checking() {
		next := now.Add(verifyDelay(r.delays, after.Attempt+1, after))
		after.NextAttemptAt = &next
		if err := r.enqueuer.Verify(ctx, v.AppID, after); err != nil {
			return err
		}
	}
	entry.Actor = r.workerID
	ok, err := r.ledger.CommitVerification(ctx, v.AppID, before, after, entry)
	if err != nil || !ok { // after a change another task rechecks the domain
		return err
	}
	r.metrics.Rechecked(after.State)
	if entry.State != "" {
		r.outbox.flushNow(ctx, v.AppID)
		taskLog(ctx, r.log, v.AppID).WithFields(verifyFields(v, before)).WithField("state", after.State).Info("rechecked: " + entry.Describe())
	}
	return nil
}

// isRecheckDue reports whether a recheck is the record's next one.
func isRecheckDue(r listsync.Record, v tasks.Verify) bool {
	return r.Wanted && r.CheckSeq == v.Seq && r.RecheckAt != nil && r.RecheckAt.Equal(v.DueAt)
}

// evaluateRecheck decides what the facts of a recheck mean for a record. The entry has a
// state only if the history needs a line.
func evaluateRecheck(before listsync.Record, facts certcheck.Facts, now time.Time) (after listsync.Record, entry listsync.HistoryEntry) {
	after = before
	after.Limit = max(facts.Limit, before.Attempt)
	after.DNS = facts.SeenDNS()
	setCertificate(&after, facts)
	last := facts
	last.Attempt = facts.Limit
	verdict := certcheck.Evaluate(last)
	entry = listsync.HistoryEntry{Action: listsync.ActionRecheck, Cause: verdict.Cause}
	notify := true
	switch {
	case verdict.State == tasks.Done:
		entry.Cause, notify = keepDone(&after, before, verdict, facts.Expiring(before.Domain), now)
	case before.State == tasks.Done && before.FailedRechecks+1 < listsync.MaxFailedRechecks:
		after.FailedRechecks++
		entry.Action, entry.Attempt = listsync.ActionFailedRecheck, after.FailedRechecks
	case before.State == tasks.Done, before.State == tasks.Failed && facts.Probes[before.Domain].DNS == certcheck.PointsHere:
		verifyFromScratch(&after, before, facts, now)
		entry.Cause = after.Cause
	default:
		apply(&after, verdict)
		notify = verdict.State != before.State
	}
	if after.State != before.State && after.State != tasks.Done {
		after.EndedAt = nil
	}
	after = scheduleRecheck(after, now)
	after.AttemptAt = &now
	if !notify {
		return after, listsync.HistoryEntry{}
	}
	after.UpdatedAt = now
	entry.At, entry.State = now, after.State
	entry.Checks, entry.AutoSSL = checksOf(facts), facts.AutoSSL.Status()
	return after, entry
}

// keepDone records that a domain works. notify is true if it didn't work before, and once for
// a certificate that ends soon; expiring is the cause of that.
func keepDone(after *listsync.Record, before listsync.Record, verdict certcheck.Verdict, expiring tasks.Cause, now time.Time) (cause tasks.Cause, notify bool) {
	apply(after, verdict)
	after.SeenPointing, after.FailedRechecks = true, 0
	notify = before.State != tasks.Done || before.FailedRechecks > 0
	end := after.Certificate.NotAfter
	if now.Before(after.Certificate.AlarmAt()) {
		return verdict.Cause, notify
	}
	after.Explain(expiring, verdict.Warnings...)
	if before.ExpiryNotified == nil || !before.ExpiryNotified.Equal(end) {
		after.ExpiryNotified = &end
		return expiring, true
	}
	return verdict.Cause, notify
}

// verifyFromScratch verifies a domain like a new one. What was broken is often repaired
// within minutes, and a name that finally points here gets its certificate in minutes.
func verifyFromScratch(after *listsync.Record, before listsync.Record, facts certcheck.Facts, now time.Time) {
	facts.Attempt = min(1, facts.Limit-1)
	apply(after, certcheck.Evaluate(facts))
	after.CheckSeq, after.Attempt, after.Limit = max(before.CheckSeq+1, now.UnixMicro()), facts.Attempt, facts.Limit
}
