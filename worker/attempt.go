package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/serverpilot"
	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/metrics"
	"pilotsync/worker/taskerr"
)

// verifier verifies domains in three steps: it collects facts, evaluates them and records
// the result.
type verifier struct {
	collector *collector
	ledger    *ledger.Ledger
	enqueuer  followup.Enqueuer
	outbox    *outbox
	metrics   *metrics.Worker
	delays    []time.Duration
	workerID  string
	log       *logrus.Entry
}

// attempt makes one numbered attempt to verify a listed domain.
func (r *verifier) attempt(ctx context.Context, v tasks.Verify, current listsync.Record, clock func() time.Time) error {
	before := restarted(current, v)
	if !isDue(before, v) {
		return nil // removed, requested again, or verified already
	}
	facts, err := r.collector.collect(ctx, v, before)
	var notReady *taskerr.NotReadyError
	switch {
	case errors.As(err, &notReady):
		return err
	case err != nil:
		return r.postpone(ctx, v, current, err, clock())
	}
	return r.record(ctx, v, before, facts, clock())
}

// isDue reports whether an attempt is the record's next one.
func isDue(r listsync.Record, v tasks.Verify) bool {
	return r.Wanted && r.CheckSeq == v.Seq && r.Attempt == v.Attempt-1 && r.State.Checking()
}

// restarted returns the record that an attempt starts from. That is the one in the ledger,
// unless an operator requested a later verification than the record's: then the
// verification restarts, whatever its result was.
func restarted(r listsync.Record, v tasks.Verify) listsync.Record {
	if v.By == "" || v.Seq <= r.CheckSeq || !r.State.Listed() || tasks.IsWildcard(r.Domain) {
		return r
	}
	r.State, r.CheckSeq, r.Attempt, r.SeenPointing, r.NextAttemptAt = tasks.CheckingDNS, v.Seq, 0, false, nil
	r.ClearRecheck()
	return r
}

// evaluateAttempt decides what the facts of an attempt mean for a record.
func evaluateAttempt(v tasks.Verify, before listsync.Record, facts certcheck.Facts, now time.Time, delays []time.Duration) (listsync.Record, listsync.HistoryEntry) {
	verdict := certcheck.Evaluate(facts)
	after := before
	apply(&after, verdict)
	after.Attempt, after.Limit = v.Attempt, max(facts.Limit, v.Attempt)
	after.AttemptAt, after.UpdatedAt, after.NextAttemptAt = &now, now, nil
	after.DNS = facts.SeenDNS()
	setCertificate(&after, facts)
	if !verdict.Final {
		next := now.Add(verifyDelay(delays, v.Attempt+1, after))
		after.NextAttemptAt = &next
	}
	after = scheduleRecheck(after, now)
	entry := listsync.HistoryEntry{At: now, State: after.State, Action: listsync.ActionVerify, Cause: after.Cause, Attempt: v.Attempt, Actor: v.By}
	entry.Checks, entry.AutoSSL = checksOf(facts), facts.AutoSSL.Status()
	return after, entry
}

// apply puts a verdict into a record.
func apply(r *listsync.Record, v certcheck.Verdict) {
	r.State, r.SeenPointing = v.State, v.SeenPointing
	r.Explain(v.Cause, v.Warnings...)
}

// setCertificate puts the domain's certificate into a record, if the probe got one.
func setCertificate(r *listsync.Record, facts certcheck.Facts) {
	if probe := facts.Probes[r.Domain]; !probe.NotAfter.IsZero() {
		r.Certificate = &listsync.Cert{Issuer: probe.Issuer, NotAfter: probe.NotAfter, NotBefore: probe.NotBefore}
	}
}

// record evaluates an attempt, enqueues the next and records the result.
func (r *verifier) record(ctx context.Context, v tasks.Verify, before listsync.Record, facts certcheck.Facts, now time.Time) error {
	after, entry := evaluateAttempt(v, before, facts, now, r.delays)
	if entry.Actor == "" {
		entry.Actor = r.workerID
	}
	if after.NextAttemptAt != nil {
		if err := r.enqueuer.Verify(ctx, v.AppID, after); err != nil {
			return err
		}
	}
	ok, err := r.ledger.CommitVerification(ctx, v.AppID, before, after, entry)
	if err != nil {
		return err
	}
	log := taskLog(ctx, r.log, v.AppID).WithFields(verifyFields(v, before))
	if !ok {
		if current, found, err := r.ledger.Domain(ctx, v.AppID, v.Domain); err != nil || found && isDue(restarted(current.Record, v), v) {
			// Only its names or its reason changed meanwhile: verify it again with those.
			return taskerr.RetryAfter(taskerr.Soon, errors.Join(fmt.Errorf("%s changed while it was verified", v.Domain), err))
		}
		log.Debug("the verification has no effect: the domain was changed meanwhile")
		return nil
	}
	r.metrics.Verified(before, after, now)
	r.outbox.flushNow(ctx, v.AppID)
	log.WithField("state", after.State).Info("verified: " + after.Reason())
	return nil
}

// checksOf returns what a verification found of each name, for the history.
func checksOf(facts certcheck.Facts) (checks []listsync.NameResult) {
	for _, name := range facts.Names {
		if _, probed := facts.Probes[name]; probed || slices.Contains(facts.OffList, name) {
			checks = append(checks, listsync.NameResult{Name: name, Cause: facts.CauseIfConnected(name)})
		}
	}
	return checks
}

// explainPostponed records why an attempt could not be made. A problem that an earlier attempt
// found stays the cause, since it still has to be repaired; the failure is then a warning.
func explainPostponed(r *listsync.Record, collectErr error) {
	c := tasks.Cause{Code: tasks.CauseCouldNotCheck, Params: tasks.Params{Message: text.Limit(collectErr.Error(), tasks.MaxParamText)}}
	if !r.IsProblem() || r.Code == c.Code {
		r.Explain(c)
		return
	}
	warnings := slices.DeleteFunc(slices.Clone(r.Warnings), func(w tasks.Cause) bool { return w.Code == c.Code })
	r.Explain(r.Cause, append(warnings, c)...)
}

// postpone delays an attempt whose facts could not be collected. The delay grows with the time
// that the attempt is overdue.
func (r *verifier) postpone(ctx context.Context, v tasks.Verify, before listsync.Record, collectErr error, now time.Time) error {
	r.metrics.VerificationPostponed()
	delay := min(max(now.Sub(v.DueAt)/2, 5*time.Second), taskerr.MaxBackoff)
	if failed := serverpilot.AsError(collectErr); failed != nil {
		delay = max(delay, failed.RetryAfter+taskerr.Rounding)
		after := before
		explainPostponed(&after, collectErr)
		after.UpdatedAt = now
		if after.Reason() != before.Reason() {
			if _, err := r.ledger.CommitVerification(ctx, v.AppID, before, after, listsync.HistoryEntry{}); err != nil {
				return errors.Join(collectErr, err)
			}
		}
	}
	return taskerr.RetryAfter(delay, collectErr)
}
