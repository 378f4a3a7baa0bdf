package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
)

// verify handles ssl:verify: one attempt to see a listed domain work.
func (w *Worker) verify(ctx context.Context, t *asynq.Task) error {
	v, err := tasks.Decode[tasks.Verify](t.Payload())
	if err != nil {
		return unread(err)
	}
	if _, err := w.roster.account(v.AppID); err != nil {
		if elsewhere := w.leftToAnother(ctx, v.AppID); elsewhere != nil {
			return elsewhere
		}
		return &later{after: time.Minute, err: fmt.Errorf("verify %s: %w", v.Domain, err)}
	}
	if w.isStopping() {
		return &later{err: listsync.ErrYield}
	}
	now, err := w.ledger.Now(ctx)
	if err != nil {
		return err
	}
	if now.Before(v.DueAt) {
		// The clock that handed it out is fast. asynq adds the pause to that same
		// clock, so the pause is measured by it; for a right clock it ends when due.
		return &later{after: time.Until(v.DueAt), err: fmt.Errorf("attempt %d for %s is due at %s; Redis has %s",
			v.Attempt, v.Domain, v.DueAt.Format(time.RFC3339), now.Format(time.RFC3339))}
	}
	view, _, err := w.ledger.Domain(ctx, v.AppID, v.Domain)
	if err != nil {
		return err
	}
	if v.Recheck {
		return w.lookAfter(ctx, v, view.Record)
	}
	was := begun(view.Record, v)
	if !due(was, v) {
		return nil // removed, asked for anew, or verified already
	}
	facts, err := w.look(ctx, v, was)
	if err != nil {
		return w.postponed(ctx, v, view.Record, err)
	}
	return w.conclude(ctx, v, was, facts)
}

// due reports whether an attempt is the one that a record waits for.
func due(r listsync.Record, v tasks.Verify) bool {
	return r.Wanted && r.CheckSeq == v.Seq && r.Attempt == v.Attempt-1 && r.State.Checking()
}

// begun returns the record that an attempt starts from. It is the one in the
// ledger, unless an operator wishes a verification later than the one it is in:
// then it starts anew, whatever came of that.
func begun(r listsync.Record, v tasks.Verify) listsync.Record {
	if v.By == "" || v.Seq <= r.CheckSeq || !r.State.Listed() || tasks.IsWildcard(r.Domain) {
		return r
	}
	r.State, r.CheckSeq, r.Attempt, r.SeenPointing, r.NextAttemptAt = tasks.CheckingDNS, v.Seq, 0, false, nil
	r.ClearRecheck()
	return r
}

// look finds out everything an attempt judges by. It fails only if ServerPilot
// can't be asked for what the judgement needs; that burns no attempt.
func (w *Worker) look(ctx context.Context, v tasks.Verify, r listsync.Record) (certcheck.Facts, error) {
	facts := certcheck.Facts{
		Domain: r.Domain, Names: r.Names, Probes: map[string]certcheck.Probe{}, Expected: w.expected,
		Attempt: v.Attempt, Limit: w.limit(r), SeenPointing: r.SeenPointing, App: v.AppID,
	}
	app, err := w.details.App(ctx, v.AppID)
	switch {
	case err == nil:
		if facts.OffList, facts.Repair, err = w.offList(ctx, app, r); err != nil {
			return facts, err
		}
		if facts.AutoSSL, err = w.autoSSL(ctx, app); err != nil {
			return facts, err
		}
	case len(facts.Expected) == 0 || ctx.Err() != nil:
		return facts, err
	}
	if len(facts.Expected) == 0 {
		address, err := w.details.Address(ctx, app)
		if err != nil {
			return facts, err
		}
		if address.IsValid() { // ServerPilot doesn't know a new server's address at once
			facts.Expected = []netip.Prefix{netip.PrefixFrom(address, address.BitLen())}
		}
	}
	names := toProbe(facts)
	looks := make([]certcheck.Probe, len(names))
	var all sync.WaitGroup
	for i, name := range names {
		all.Go(func() { looks[i] = w.checker.Check(ctx, name, facts.Expected) })
	}
	all.Wait()
	for _, look := range looks {
		facts.Probes[look.Name] = look
	}
	return facts, ctx.Err() // a look cut short says nothing
}

// autoSSL turns AutoSSL on where it can be, and says how it stands.
func (w *Worker) autoSSL(ctx context.Context, app serverpilot.App) (certcheck.AutoSSL, error) {
	a := certcheck.AutoSSL{
		Known: true, On: app.SSL.Auto, Custom: app.SSL.Custom,
		Available: app.AutoSSL.Available, Covered: app.AutoSSL.Domains,
	}
	if a.On || a.Custom || !a.Available {
		return a, nil
	}
	if w.dryRun {
		a.DryRun = true
		return a, nil
	}
	// Verifications of a whole app run together; one of them makes the call.
	turn, err := w.ledger.TryLockAutoSSL(ctx, app.ID)
	if err != nil {
		return a, err
	}
	if !turn {
		a.TurnedOn = true // just now, by another, or by us since the details were read
		return a, nil
	}
	log := w.taskLog(ctx, app.ID)
	account, err := w.roster.account(app.ID)
	if err != nil {
		return a, err
	}
	if err := account.limiter.WaitVerify(ctx, 1); err != nil {
		return a, err
	}
	err = account.client.EnableAutoSSL(ctx, app.ID)
	if failed := serverpilot.AsError(err); failed != nil {
		// The next attempt tries again; the handshake shows whether it is needed.
		log.WithError(err).Warn("AutoSSL could not be turned on")
		a.Refused = failed.Message
		return a, nil
	}
	log.Info("AutoSSL turned on")
	a.TurnedOn = true
	return a, nil
}

// conclude puts the attempt down and starts what follows from it.
func (w *Worker) conclude(ctx context.Context, v tasks.Verify, was listsync.Record, facts certcheck.Facts) error {
	verdict := certcheck.Evaluate(facts)
	now, err := w.ledger.Now(ctx)
	if err != nil {
		return err
	}
	is := was
	is.State, is.Reason, is.SeenPointing, is.Attempt = verdict.State, verdict.Reason, verdict.SeenPointing, v.Attempt
	is.Limit = max(facts.Limit, v.Attempt)
	is.Problems = verdict.Problems
	is.AttemptAt, is.UpdatedAt, is.NextAttemptAt = &now, now, nil
	if look := facts.Probes[was.Domain]; !look.NotAfter.IsZero() {
		is.Certificate = &listsync.Cert{Issuer: look.Issuer, NotAfter: look.NotAfter}
	}
	if !verdict.Final {
		next := now.Add(checkPause(w.delays, v.Attempt+1, is))
		is.NextAttemptAt = &next
		if err := w.follow.Verify(ctx, v.AppID, is); err != nil {
			return err
		}
	}
	is = watched(is, now)
	event := listsync.HistoryEntry{At: now, State: is.State, Reason: is.Reason, Attempt: v.Attempt, Actor: w.name}
	if v.By != "" {
		event.Actor = v.By
	}
	event.Checks, event.AutoSSL = seen(facts)
	done, err := w.ledger.Verified(ctx, v.AppID, was, is, event)
	if err != nil {
		return err
	}
	log := w.taskLog(ctx, v.AppID).WithFields(checkFields(v, was))
	if !done {
		if current, ok, err := w.ledger.Domain(ctx, v.AppID, v.Domain); err != nil || ok && due(begun(current.Record, v), v) {
			// Only its names or its reason changed meanwhile: look again with those.
			return &later{after: soon, err: errors.Join(fmt.Errorf("%s changed while it was verified", v.Domain), err)}
		}
		log.Debug("verified for nothing: the domain was changed meanwhile")
		return nil
	}
	w.metrics.verified(was, is, now)
	w.tellNow(ctx, v.AppID)
	log.WithField("state", is.State).Info("verified: " + is.Reason)
	return nil
}

// seen is what an attempt saw, as the history has it.
func seen(facts certcheck.Facts) (checks []listsync.Check, autoSSL string) {
	for _, name := range facts.Names {
		check := listsync.Check{Name: name, DNS: "not looked at"}
		if look, looked := facts.Probes[name]; looked {
			check.DNS, check.TLS = look.DescribeDNS(), look.DescribeTLS()
		} else if slices.Contains(facts.OffList, name) {
			check.DNS = "not looked at: it is not on ServerPilot's list"
		}
		checks = append(checks, check)
	}
	return checks, facts.AutoSSL.Describe()
}

// postponed is the end of an attempt that could not be made, since ServerPilot
// could not be asked. The pause grows with the time the attempt is overdue.
func (w *Worker) postponed(ctx context.Context, v tasks.Verify, was listsync.Record, cause error) error {
	now, err := w.ledger.Now(ctx)
	if err != nil {
		return errors.Join(cause, err)
	}
	w.metrics.verifications.WithLabelValues(postponed).Inc()
	pause := min(max(now.Sub(v.DueAt)/2, 5*time.Second), syncPauseMax)
	if failed := serverpilot.AsError(cause); failed != nil {
		pause = max(pause, failed.RetryAfter+rounding)
		is := was
		is.Reason = "could not be checked yet: " + cause.Error()
		is.UpdatedAt = now
		if is.Reason != was.Reason {
			if _, err := w.ledger.Verified(ctx, v.AppID, was, is, listsync.HistoryEntry{}); err != nil {
				return errors.Join(cause, err)
			}
		}
	}
	return &later{after: pause, err: cause}
}

// limit is how many attempts a domain's verification has: as its last addition asked for,
// or as many as there are configured delays.
func (w *Worker) limit(r listsync.Record) int { return cmp.Or(r.Attempts, len(w.delays)) }

// checkPause is the pause before a domain's given attempt, counted from 1: as
// configured, and up to a tenth more, so that domains that were added together
// don't all come due together. Attempts beyond the configured delays repeat the last
// one. The share is the domain's own, the same for each of its attempts, so its pauses
// decrease as little as the configured ones do.
func checkPause(delays []time.Duration, attempt int, r listsync.Record) time.Duration {
	delay := delays[min(attempt, len(delays))-1]
	return delay + spread(r, delay)
}
