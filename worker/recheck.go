package worker

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/taskerr"
)

// maxFailedRechecks is how many rechecks in a row must fail until a domain that is done
// is verified from scratch: a server that restarts isn't a lost certificate.
const maxFailedRechecks = 3

// recheck checks a domain whose verification has ended.
func (r *verifier) recheck(ctx context.Context, v tasks.Verify, before listsync.Record) error {
	if !before.Wanted || before.CheckSeq != v.Seq || before.RecheckAt == nil || !before.RecheckAt.Equal(v.DueAt) {
		return nil // removed, verified again, or rechecked already
	}
	facts, err := r.collector.collect(ctx, v, before)
	if err != nil { // rechecks aren't urgent
		return taskerr.RetryAfter(taskerr.MaxBackoff+rand.N(taskerr.MaxBackoff), err)
	}
	now, err := r.ledger.Now(ctx)
	if err != nil {
		return err
	}
	after, entry := evaluateRecheck(before, facts, now)
	if after.State.Checking() {
		next := now.Add(verifyDelay(r.delays, after.Attempt+1, after))
		after.NextAttemptAt = &next
		if err := r.enqueuer.Verify(ctx, v.AppID, after); err != nil {
			return err
		}
	}
	entry.Actor = r.workerID
	ok, err := r.ledger.Verified(ctx, v.AppID, before, after, entry)
	if err != nil || !ok { // after a change another task rechecks the domain
		return err
	}
	r.metrics.Rechecked(after.State)
	if entry.State != "" {
		r.outbox.flushNow(ctx, v.AppID)
		taskLog(ctx, r.log, v.AppID).WithFields(verifyFields(v, before)).WithField("state", after.State).Info("rechecked: " + entry.Reason)
	}
	return nil
}

// evaluateRecheck decides what the facts of a recheck mean for a record. The entry has a
// state only if the history needs a line.
func evaluateRecheck(before listsync.Record, facts certcheck.Facts, now time.Time) (after listsync.Record, entry listsync.HistoryEntry) {
	after = before
	after.Limit = max(facts.Limit, before.Attempt)
	setCertificate(&after, facts)
	last := facts
	last.Attempt = facts.Limit // so the reason has the remedy
	verdict := certcheck.Evaluate(last)
	reason, notify := verdict.Reason, true
	switch {
	case verdict.State == tasks.Done:
		reason, notify = keepDone(&after, before, verdict, facts.App, now)
	case before.State == tasks.Done && before.FailedRechecks+1 < maxFailedRechecks:
		after.FailedRechecks++
		reason = fmt.Sprintf("doesn't work (recheck %d of %d): %s", after.FailedRechecks, maxFailedRechecks, verdict.Reason)
	case before.State == tasks.Done, before.State == tasks.Failed && facts.Probes[before.Domain].DNS == certcheck.PointsHere:
		reason = verifyFromScratch(&after, before, facts, now)
	default:
		apply(&after, verdict)
		notify = verdict.State != before.State
	}
	if after.State != before.State && after.State != tasks.Done {
		after.EndedAt = nil
	}
	after = scheduleRecheck(after, now)
	after.AttemptAt = &now
	if notify {
		after.UpdatedAt = now
		entry.At, entry.State, entry.Reason = now, after.State, reason
		entry.Checks, entry.AutoSSL = checksOf(facts)
	}
	return after, entry
}

// keepDone records that a domain works. notify is true if it didn't work before, and once for
// a certificate that ends soon.
func keepDone(after *listsync.Record, before listsync.Record, verdict certcheck.Verdict, app string, now time.Time) (reason string, notify bool) {
	apply(after, verdict)
	after.SeenPointing, after.FailedRechecks = true, 0
	reason, notify = verdict.Reason, before.State != tasks.Done || before.FailedRechecks > 0
	end := after.Certificate.NotAfter
	if end.Sub(now) >= ledger.ExpiringWithin {
		return reason, notify
	}
	after.Reason = fmt.Sprintf("its certificate ends on %s and was not renewed yet; check the SSL settings of app %s in ServerPilot", end.UTC().Format(time.DateOnly), app)
	after.Problems = append(after.Problems, tasks.Problem{Name: before.Domain, Cause: tasks.CauseCertificateExpiring})
	if before.ExpiryNotified == nil || !before.ExpiryNotified.Equal(end) {
		after.ExpiryNotified = &end
		return after.Reason, true
	}
	return reason, notify
}

// verifyFromScratch restarts the verification of a domain. Failures are often repaired within
// minutes, and a name that finally points here gets its certificate in minutes.
func verifyFromScratch(after *listsync.Record, before listsync.Record, facts certcheck.Facts, now time.Time) (reason string) {
	facts.Attempt = min(1, facts.Limit-1)
	verdict := certcheck.Evaluate(facts)
	apply(after, verdict)
	after.CheckSeq, after.Attempt, after.Limit = max(before.CheckSeq+1, now.UnixMicro()), facts.Attempt, facts.Limit
	return verdict.Reason
}
