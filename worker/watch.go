package worker

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

const (
	// missesMax is how many looks in a row must see a domain that is done not to
	// work until its state says so: a server that restarts isn't a lost certificate.
	missesMax = 3
	// watchPage is how many looks a sweep enqueues for an app; more are for the next
	// sweep, so that a network whose looks are overdue is spread over time.
	watchPage = 100
	// putOff is when a look that was enqueued is enqueued again, should it be lost.
	putOff = 30 * time.Minute

	hourly, daily, weekly = time.Hour, 24 * time.Hour, 7 * 24 * time.Hour
)

// watchPause is the pause before the next look at a domain whose verification
// ended at ended. What is done is looked at daily, and hourly while it doesn't seem
// to work. What isn't, hourly for a day, daily for 30 days, then weekly: customers
// point their DNS late, and get their certificate without asking anyone.
func watchPause(r listsync.Record, now time.Time) time.Duration {
	pause := weekly
	age := now.Sub(*r.EndedAt)
	switch {
	case r.State == tasks.Done && r.FailedRechecks > 0, r.State != tasks.Done && age < daily:
		pause = hourly
	case r.State == tasks.Done, age < 31*daily:
		pause = daily
	}
	return pause + spread(r, pause)
}

// spread is up to a tenth of a pause, the domain's own share, so that those that
// were added together don't all come due together.
func spread(r listsync.Record, pause time.Duration) time.Duration {
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %d", r.Domain, r.CheckSeq)
	return time.Duration(float64(pause) / 10 * float64(h.Sum32()) / (1 << 32))
}

// watched puts into r when it is to be looked at again, if its verification has ended.
func watched(r listsync.Record, now time.Time) listsync.Record {
	if !r.State.Listed() || r.State.Checking() || tasks.IsWildcard(r.Domain) {
		r.ClearRecheck()
		return r
	}
	if r.EndedAt == nil {
		r.EndedAt = &now
	}
	next := now.Add(watchPause(r, now))
	r.RecheckAt = &next
	return r
}

// watchApp enqueues the looks of an app that are due.
func (s sweeper) watchApp(ctx context.Context, app string, now time.Time) error {
	domains, err := s.ledger.DueRechecks(ctx, app, now, watchPage)
	if err != nil || len(domains) == 0 {
		return err
	}
	views, err := s.ledger.Domains(ctx, app, domains...)
	if err != nil {
		return err
	}
	for _, view := range views {
		if r := view.Record; r.RecheckAt != nil {
			v := tasks.Verify{AppID: app, Domain: r.Domain, Seq: r.CheckSeq, Attempt: 1, DueAt: *r.RecheckAt, Recheck: true}
			if err := s.follow.Look(ctx, v); err != nil {
				return err
			}
		}
		if err := s.ledger.PostponeRecheck(ctx, app, view.Domain, now.Add(putOff)); err != nil {
			return err
		}
	}
	return nil
}

// Look enqueues a look that is due.
func (f follow) Look(ctx context.Context, v tasks.Verify) error {
	return f.enqueue(ctx, tasks.TypeSSLVerify, v.ID(), tasks.Encode(v), asynq.Queue(tasks.QueueSSL), asynq.Timeout(verifyTimeout))
}

// lookAfter is a look at a domain whose verification has ended.
func (w *Worker) lookAfter(ctx context.Context, v tasks.Verify, was listsync.Record) error {
	if !was.Wanted || was.CheckSeq != v.Seq || was.RecheckAt == nil || !was.RecheckAt.Equal(v.DueAt) {
		return nil // removed, verified anew, or looked at already
	}
	facts, err := w.look(ctx, v, was)
	if err != nil {
		return &later{after: syncPauseMax + rand.N(syncPauseMax), err: err} // nobody waits for it
	}
	now, err := w.ledger.Now(ctx)
	if err != nil {
		return err
	}
	is, event := afterLook(was, facts, now)
	if is.State.Checking() {
		next := now.Add(checkPause(w.delays, is.Attempt+1, is))
		is.NextAttemptAt = &next
		if err := w.follow.Verify(ctx, v.AppID, is); err != nil {
			return err
		}
	}
	event.Actor = w.name
	done, err := w.ledger.Verified(ctx, v.AppID, was, is, event)
	if err != nil || !done { // changed meanwhile: then its next look is another's business
		return err
	}
	w.metrics.watched.WithLabelValues(string(is.State)).Inc()
	if event.State != "" {
		w.tellNow(ctx, v.AppID)
		w.taskLog(ctx, v.AppID).WithFields(checkFields(v, was)).WithField("state", is.State).Info("looked at again: " + event.Reason)
	}
	return nil
}

// afterLook decides what a look means for a record. The event has a state where
// there is something to tell.
func afterLook(was listsync.Record, facts certcheck.Facts, now time.Time) (is listsync.Record, event listsync.HistoryEntry) {
	is = was
	is.Limit = max(facts.Limit, was.Attempt)
	facts.Attempt = facts.Limit // so that the reason says what to do
	verdict := certcheck.Evaluate(facts)
	look := facts.Probes[was.Domain]
	if !look.NotAfter.IsZero() {
		is.Certificate = &listsync.Cert{Issuer: look.Issuer, NotAfter: look.NotAfter}
	}
	what := verdict.Reason
	switch {
	case verdict.State == tasks.Done:
		is.State, is.Reason, is.SeenPointing, is.FailedRechecks = tasks.Done, verdict.Reason, true, 0
		is.Problems = verdict.Problems
		if was.State != tasks.Done || was.FailedRechecks > 0 {
			event.State = is.State
		}
		if end := is.Certificate.NotAfter; end.Sub(now) < ledger.ExpiringWithin {
			is.Reason = fmt.Sprintf("its certificate ends on %s and was not renewed yet; look at the SSL settings of app %s in ServerPilot", end.UTC().Format(time.DateOnly), facts.App)
			is.Problems = append(is.Problems, tasks.Problem{Name: was.Domain, Cause: tasks.CauseCertificateExpiring})
			if was.ExpiryNotified == nil || !was.ExpiryNotified.Equal(end) {
				is.ExpiryNotified, event.State, what = &end, is.State, is.Reason
			}
		}
	case was.State == tasks.Done && was.FailedRechecks+1 < missesMax:
		is.FailedRechecks++
		event.State = is.State
		what = fmt.Sprintf("doesn't work (look %d of %d): %s", is.FailedRechecks, missesMax, verdict.Reason)
	case was.State == tasks.Done, was.State == tasks.Failed && look.DNS == certcheck.PointsHere:
		// It is verified as if it were new: what was broken is often mended in minutes,
		// and a name that points here at last gets its certificate in minutes.
		facts.Attempt = min(1, facts.Limit-1)
		verdict = certcheck.Evaluate(facts)
		is.State, is.Reason, is.SeenPointing = verdict.State, verdict.Reason, verdict.SeenPointing
		is.Problems = verdict.Problems
		is.CheckSeq, is.Attempt = max(was.CheckSeq+1, now.UnixMicro()), facts.Attempt
		is.Limit = facts.Limit
		event.State, what = is.State, verdict.Reason
	default:
		if verdict.State != was.State {
			event.State = verdict.State
		}
		is.State, is.Reason, is.SeenPointing = verdict.State, verdict.Reason, verdict.SeenPointing
		is.Problems = verdict.Problems
	}
	if is.State != was.State && is.State != tasks.Done {
		is.EndedAt = nil
	}
	is = watched(is, now)
	is.AttemptAt = &now
	if event.State != "" {
		is.UpdatedAt = now
		event.At, event.Reason = now, what
		event.Checks, event.AutoSSL = seen(facts)
	}
	return is, event
}
