package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hibiken/asynq"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/metrics"
	"pilotsync/worker/registry"
	"pilotsync/worker/taskerr"
	"pilotsync/worker/tasklist"
)

const (
	// recheckPage is how many rechecks a pass enqueues for an app. The next pass enqueues
	// more, so the overdue rechecks of a whole network are spread over time.
	recheckPage = 100
	// recheckLostAfter is how long after it was enqueued a recheck is enqueued again, in case
	// its task was lost.
	recheckLostAfter = 30 * time.Minute
	// leastReconciliations is how many reconciliations a pass may enqueue with few apps. With many
	// it is twice their share of an hour. After an outage the others wait for their next hour:
	// otherwise all lists would be read at once.
	leastReconciliations = 10
)

// recoverer finds what a dead worker left: active changes, apps with pending changes but
// without a sync, and overdue verifications. asynq also hands out a dead worker's tasks again,
// but only after one to two minutes, and only tasks that were enqueued before the crash. The
// recoverer also enqueues the rechecks and reconciliations that are due, and prunes domains that
// ended long ago.
//
// It finds apps by the agenda. One worker at a time is the recoverer of all apps. What needs an
// app's configuration, each worker does for the apps that it serves.
type recoverer struct {
	ledger     *ledger.Ledger
	registry   *registry.Registry
	enqueuer   followup.Enqueuer
	outbox     *outbox
	dryRuns    *dryRunEnder
	reconciler *reconciler
	loss       *lossDetector
	changes    *changeHandler
	retrier    *retrier
	inspector  *asynq.Inspector
	states     taskStates
	metrics    *metrics.Worker
	log        *logrus.Entry
	// keepRemoved is how long domains are kept that were removed or rejected; 0 for ever.
	keepRemoved time.Duration

	served   *registry.Served // whose apps this worker has visited
	complete string           // identity of the ledger whose apps this worker has read as the recoverer
	now      time.Time        // of this worker's last pass, by Redis's clock
	lacking  int              // how many apps the agenda lacked at this worker's last pass as the recoverer
}

// visitDue visits the apps that are due.
func (r *recoverer) visitDue(ctx context.Context) error {
	// A little less than the interval: otherwise a worker would miss its next pass.
	all, err := r.ledger.TryLockRecoverer(ctx, maintenanceInterval-time.Second)
	if err != nil {
		return err
	}
	known := 0
	if all {
		if known, err = r.ledger.CountApps(ctx); err != nil { // first, since an app's mark comes before it is known
			return err
		}
	}
	agenda, err := r.ledger.DueVisits(ctx)
	if err != nil {
		return err
	}
	if agenda.Now.Before(r.now) { // Redis's clock was set back: visits are later than they were to be
		r.complete = ""
	}
	r.now = agenda.Now
	// An app without a sync may have no visit. So only a greater number says that visits were lost.
	lacking := max(0, known-agenda.Apps)
	p := pass{recoverer: r, all: all, served: r.registry.Load(), now: agenda.Now, seen: map[string]time.Time{}, names: namesCounted, agenda: agenda,
		reconciliations: leastReconciliations + 2*agenda.Apps*int(maintenanceInterval/time.Second)/int(time.Hour/time.Second)}
	for _, visit := range agenda.Due {
		p.seen[visit.App] = visit.At
	}
	identity := r.loss.known()
	if all {
		if p.names, err = r.namesOf(ctx, agenda); err != nil {
			return err
		}
		if p.names != namesUseless && r.keepRemoved > 0 { // a worker of an earlier release doesn't know the floor
			p.prunes = prunesAtOnce
		}
	}
	p.changed, p.unlisted = r.served != p.served, all && known < agenda.Apps
	p.complete = all && (p.names != namesCounted || identity == "" || r.complete != identity || lacking > r.lacking)
	apps, err := p.apps(ctx, agenda.Due)
	if err != nil {
		return err
	}
	errs := []error{p.visitAll(ctx, apps)}
	if all {
		errs = append(errs, r.recoverChanges(ctx))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	r.served = p.served
	if all {
		r.lacking = lacking
	}
	if p.complete {
		r.complete = identity
	}
	return nil
}

// namesOf returns what a pass does for the index of names.
func (r *recoverer) namesOf(ctx context.Context, agenda ledger.Agenda) (names, error) {
	oldRecoverer, err := r.ledger.OldRecovererAt(ctx)
	if err == nil && oldRecoverer.After(agenda.Now) {
		err = r.ledger.CorrectOldRecoverer(ctx)
	}
	switch {
	case err != nil:
		return namesUseless, err
	case agenda.Now.Sub(oldRecoverer) < ledger.UnmarkedFor:
		return namesUseless, nil
	case agenda.NamesIncomplete(oldRecoverer):
		return namesLacking, nil
	}
	return namesCounted, nil
}

// recoverChanges records the active changes of dead workers. asynq hands their tasks out
// again later; their handler then finds the changes recorded.
func (r *recoverer) recoverChanges(ctx context.Context) error {
	var orphaned []*asynq.TaskInfo
	err := tasklist.Each(ctx, tasks.QueueDomains, r.inspector.ListActiveTasks, func(t *asynq.TaskInfo) {
		if t.IsOrphaned {
			orphaned = append(orphaned, t)
		}
	})
	if err != nil {
		return fmt.Errorf("list the active changes: %w", err)
	}
	for _, t := range orphaned {
		c, result, err := r.changes.record(ctx, t.Type, t.Payload)
		var wait *taskerr.WaitError
		if errors.Is(err, asynq.SkipRetry) || errors.As(err, &wait) {
			continue // when asynq hands it out again, it is archived, or kept for another worker
		}
		if err != nil {
			return err
		}
		r.metrics.Recovered(metrics.LostChange)
		r.log.WithFields(changeFields(c.AppID, c.Domain, c.Seq)).WithField("task_id", t.ID).
			Warn("recovered the change of a dead worker: " + result)
	}
	return nil
}

// recoverSync wakes an app whose wake time has come. It also wakes one that needs a sync but
// has neither a lease nor a task that will acquire it. It reports whether the app is awake now.
func (r *recoverer) recoverSync(ctx context.Context, w ledger.Work, state taskState, now time.Time) (awake bool, err error) {
	if !w.WakeAt.IsZero() && !now.Before(w.WakeAt) {
		return true, r.enqueuer.Wake(ctx, w.App)
	}
	if !needsSync(w) || state.waiting() {
		return w.Awake, nil
	}
	if state.active() { // it is about to acquire the lease, or has just released it, or its worker died
		var lost bool
		if lost, state, err = r.states.lost(ctx, tasks.QueueLists, tasks.Sync{AppID: w.App, Wake: w.Wake}.ID(), now); err != nil || !lost {
			return w.Awake, err
		}
	}
	ok, err := r.enqueuer.RenewWake(ctx, w.App, w.Wake)
	if err != nil || !ok {
		return w.Awake, err
	}
	r.metrics.Recovered(metrics.LostSync)
	r.log.WithField("app", w.App).WithField("pending", w.Pending).Warnf("app woken: its sync was lost (task %s)", state)
	return true, nil
}

// needsSync reports whether an app without a lease needs a sync, which a task should do. A
// paused app gets its sync when it is resumed, and one after a dry run when that ends.
func needsSync(w ledger.Work) bool {
	return !w.Paused && !w.Leased && (w.Awake || w.Pending > 0 && !w.DryRun)
}

// recoverVerifications enqueues overdue verifications again, if their tasks were lost. A task that
// runs isn't lost, nor one that waits for a slot.
func (r *recoverer) recoverVerifications(ctx context.Context, app string, now time.Time) error {
	overdue, err := r.ledger.Overdue(ctx, app, now.Add(-ledger.OverdueAfter))
	if err != nil || len(overdue) == 0 {
		return err
	}
	domains, at := make([]string, len(overdue)), make(map[string]time.Time, len(overdue))
	for i, o := range overdue {
		domains[i], at[o.Domain] = o.Domain, o.At
	}
	views, err := r.ledger.Domains(ctx, app, domains...)
	if err != nil {
		return err
	}
	for _, view := range views {
		if view.Record.NextAttemptAt == nil {
			continue
		}
		if err := r.recoverVerification(ctx, app, view.Record, at[view.Domain], now); err != nil {
			return err
		}
		if err := r.ledger.Postpone(ctx, app, view.Domain, now); err != nil {
			return err
		}
	}
	return nil
}

// recoverVerification enqueues a record's next attempt again, if its task was lost, and also the
// task that an earlier pass enqueued in its place: at is when that pass postponed the domain.
func (r *recoverer) recoverVerification(ctx context.Context, app string, record listsync.Record, at, now time.Time) error {
	next := followup.NextAttempt(app, record)
	lost, state, err := r.states.lost(ctx, tasks.QueueSSL, next.ID(), now)
	if err != nil || !lost {
		return err
	}
	if lost, _, err = r.states.lost(ctx, tasks.QueueSSL, followup.AgainID(next, at), now); err != nil || !lost {
		return err
	}
	if err := r.enqueuer.VerifyAgain(ctx, next, now); err != nil {
		return err
	}
	r.metrics.Recovered(metrics.LostVerification)
	r.log.WithFields(verifyFields(next, record)).WithField("task_id", next.ID()).
		Warnf("verification enqueued again: attempt %d was lost (task %s)", next.Attempt, state)
	return nil
}

// enqueueRechecks enqueues an app's rechecks that are due, and returns when the next one is.
func (r *recoverer) enqueueRechecks(ctx context.Context, app string) (next time.Time, err error) {
	taken, err := r.ledger.TakeRechecks(ctx, app, recheckPage, recheckLostAfter)
	if err != nil {
		return time.Time{}, err
	}
	for _, record := range taken.Records {
		v := followup.NextRecheck(app, record)
		if err := r.enqueuer.Recheck(ctx, v); err != nil {
			return time.Time{}, err
		}
	}
	return taken.Next, nil
}

// checkNumbers sees to an app's order numbers.
func (r *recoverer) checkNumbers(ctx context.Context, w ledger.Work) error {
	if !w.Numbers {
		return nil
	}
	raised, err := r.ledger.CheckNumbers(ctx, w.App)
	if err != nil || raised == "" {
		return err
	}
	r.metrics.Recovered(metrics.RaisedNumber)
	r.log.WithField("app", w.App).Warnf("the app's last order number was %.40q, which no producer was given; it was lowered. Whoever has the login of Redis's user php can set it", raised)
	return nil
}

// reindex adds what an app's indexes lack, since a key of them was lost.
func (r *recoverer) reindex(ctx context.Context, app string) error {
	lacked, err := r.ledger.Reindex(ctx, app)
	if lacked > 0 {
		r.log.WithField("app", app).Warnf("the app's indexes lacked %d domains, which were added: a key of Redis was lost", lacked)
	}
	return err
}

// prune prunes some pages of an app's domains, and reports whether there are more.
func (r *recoverer) prune(ctx context.Context, app string) (more bool, err error) {
	n := 0
	for page := 0; page == 0 || more && err == nil && page < prunedPages; page++ {
		var pruned []string
		pruned, more, err = r.ledger.Prune(ctx, app, r.keepRemoved)
		n += len(pruned)
	}
	if n > 0 {
		r.log.WithField("app", app).Infof("pruned domains that were removed or rejected more than %s ago: %d", r.keepRemoved, n)
	}
	return more, err
}

// apps returns the apps that a pass reads: those that are due. It adds all of this worker if it
// serves others than before, and all if the agenda may lack some. A worker that isn't the
// recoverer reads only its own.
func (p *pass) apps(ctx context.Context, due []ledger.Visit) ([]string, error) {
	var apps []string
	for _, visit := range due {
		if p.all || p.served.Clients[visit.App] != nil {
			apps = append(apps, visit.App)
		}
	}
	if p.changed {
		apps = append(apps, p.served.Apps...)
	}
	if p.complete {
		known, err := p.ledger.Apps(ctx)
		if err != nil {
			return nil, err
		}
		apps = append(apps, known...)
	}
	if p.changed || p.complete {
		slices.Sort(apps)
		apps = slices.Compact(apps)
	}
	return apps, nil
}
