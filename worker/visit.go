package worker

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/registry"
)

const (
	// busyInterval is the time between visits of an app with work. It is less than the time
	// between two passes, so each pass visits it.
	busyInterval = 10 * time.Second
	// visitsAtOnce is how many apps a pass works for at the same time.
	visitsAtOnce = 16
	// prunesAtOnce is how many apps a pass prunes, and prunedPages how many pages of each.
	prunesAtOnce, prunedPages = 20, 5
)

// pass is one pass of the recoverer, or of a worker that only works for its own apps.
type pass struct {
	*recoverer
	all    bool // it is the recoverer's
	served *registry.Served
	now    time.Time            // before any work was read
	seen   map[string]time.Time // when the visits that are due were planned for
	live   []ledger.Worker      // loaded when needed

	complete bool // it reads all apps
	changed  bool // it reads all apps of this worker
	unlisted bool // the agenda has apps that the list of apps lacks
	names    names
	agenda   ledger.Agenda

	reconciliations int // how many may still be enqueued
	prunes          int // how many apps may still be pruned
}

// visitAll reads the work of apps, does what is due, and plans their next visits. The visit of
// an app that failed stays due.
func (p *pass) visitAll(ctx context.Context, apps []string) error {
	read := p.ledger.Work
	if p.all && p.names == namesLacking {
		read = p.ledger.WorkWithNames
	}
	began := time.Now()
	works, err := read(ctx, apps...)
	if err != nil {
		return err
	}
	if p.changed {
		p.retrier.observe(began, works)
	}
	nameErr := errors.Join(p.listApps(ctx, works), p.addNames(ctx, works))
	states, err := p.syncStates(ctx, works)
	if err != nil {
		return err
	}
	if p.live, err = p.others(ctx, works); err != nil {
		return err
	}
	plans, errs := make([]*ledger.PlannedVisit, len(works)), make([]error, len(works))
	var group errgroup.Group
	group.SetLimit(visitsAtOnce)
	for i, w := range works {
		at := w.DueAt(p.now)
		reconcile := p.reconciles(w)
		w.Prune, w.Unindexed = p.takesPrune(w), p.reindexes(w)
		if !reconcile && !w.Prune && !w.Numbers && !w.Unindexed && !w.TimesAhead && (at.IsZero() || at.After(p.now)) {
			plans[i] = p.plan(w) // most apps; this takes no command
			continue
		}
		group.Go(func() error {
			errs[i] = ctx.Err()
			if errs[i] == nil && reconcile {
				errs[i] = p.enqueuer.Reconcile(ctx, tasks.Sync{AppID: w.App, Hour: appHour(w.App, p.now)})
			}
			if errs[i] == nil {
				plans[i], errs[i] = p.visit(ctx, w, states[w.App])
			}
			return nil
		})
	}
	_ = group.Wait() // errs has the errors
	errs = append(errs, nameErr)
	if !p.all {
		return errors.Join(errs...)
	}
	var planned []ledger.PlannedVisit
	for _, p := range plans {
		if p != nil {
			planned = append(planned, *p)
		}
	}
	return errors.Join(append(errs, p.ledger.PlanVisits(ctx, p.now, planned))...)
}

// names says what a pass does for the index of names.
type names int

const (
	namesUseless names = iota // workers live that don't add to it, so readers don't use it
	namesLacking              // such workers have lived since it was complete
	namesCounted              // an app's number of names is compared with that of its domains
)

// addNames adds to the index of names what it lacks: of all apps, or of those whose hour has begun.
func (p *pass) addNames(ctx context.Context, works []ledger.Work) error {
	switch {
	case !p.all || p.names == namesUseless:
		return nil
	case p.names == namesLacking:
		return p.ledger.CompleteNames(ctx, works, p.now)
	}
	agenda := p.agenda
	if p.complete { // with apps that aren't due
		agenda = ledger.Agenda{}
	}
	return p.ledger.AddMissingNames(ctx, agenda, slices.DeleteFunc(slices.Clone(works), func(w ledger.Work) bool {
		return w.Unindexed || !p.complete && !firstOfHour(w.App, p.seen[w.App], p.now)
	}))
}

// listApps adds apps to the list of apps, which may have been lost.
func (p *pass) listApps(ctx context.Context, works []ledger.Work) error {
	if !p.unlisted {
		return nil
	}
	var apps []string
	for _, w := range works {
		if w.Known() {
			apps = append(apps, w.App)
		}
	}
	return p.ledger.ListApps(ctx, apps...)
}

// reconciles reports whether this pass enqueues an app's reconciliation.
func (p *pass) reconciles(w ledger.Work) bool {
	if !p.all || p.reconciliations == 0 || !p.reconciler.due(w, p.seen[w.App], p.now) {
		return false
	}
	p.reconciliations--
	return true
}

// reindexes reports whether this pass makes up for what an app's indexes lack: once an hour.
func (p *pass) reindexes(w ledger.Work) bool {
	return p.all && w.Unindexed && (p.complete || firstOfHour(w.App, p.seen[w.App], p.now))
}

// takesPrune reports whether this pass prunes an app.
func (p *pass) takesPrune(w ledger.Work) bool {
	if !p.all || !w.Prune || p.prunes == 0 {
		return false
	}
	p.prunes--
	return true
}

// visit does what is due for an app, and plans its next visit. It plans none, and the app stays
// due, if another worker has to do something.
func (p *pass) visit(ctx context.Context, w ledger.Work, state taskState) (*ledger.PlannedVisit, error) {
	if err := p.checkNumbers(ctx, w); err != nil {
		return nil, err
	}
	if w.TimesAhead {
		if err := p.ledger.CorrectTimes(ctx, w.App); err != nil || !p.all {
			return nil, err
		}
		return &ledger.PlannedVisit{Visit: ledger.Visit{App: w.App, At: p.now.Add(busyInterval)}, Seen: p.seen[w.App]}, nil
	}
	if w.Unindexed {
		if err := p.reindex(ctx, w.App); err != nil {
			return nil, err
		}
		w.FirstRecheck = p.now // there may be some now
	}
	eventsLeft, err := p.flushOutbox(ctx, &w)
	if err != nil {
		return nil, err
	}
	dryRunLeft, err := p.endDryRun(ctx, &w)
	if err != nil || !p.all {
		return nil, err
	}
	if !w.Paused {
		if w.Awake, err = p.recoverSync(ctx, w, state, p.now); err != nil {
			return nil, err
		}
	}
	if !w.FirstDue.IsZero() && w.FirstDue.Add(ledger.OverdueAfter).Before(p.now) {
		if err := p.recoverVerifications(ctx, w.App, p.now); err != nil {
			return nil, err
		}
		w.FirstDue = p.now // there may be others that are due since, but none is overdue
	}
	if !w.FirstRecheck.IsZero() && !w.FirstRecheck.After(p.now) {
		if w.FirstRecheck, err = p.enqueueRechecks(ctx, w.App); err != nil {
			return nil, err
		}
	}
	if w.Prune {
		if w.Prune, err = p.prune(ctx, w.App); err != nil {
			return nil, err
		}
	}
	if eventsLeft || dryRunLeft {
		return nil, nil
	}
	return p.plan(w), nil
}

// flushOutbox flushes an app's outbox, and notes in w that it is empty. It reports whether that is
// left to another worker.
func (p *pass) flushOutbox(ctx context.Context, w *ledger.Work) (left bool, err error) {
	if w.Outbox == 0 {
		return false, nil
	}
	w.Outbox = 0
	if p.serves(w.App) {
		return false, p.outbox.flush(ctx, w.App)
	}
	return p.leftTo(w.App, func(ledger.Worker) bool { return true }), nil
}

// endDryRun wakes an app whose changes wait for the end of a dry run, and notes that in w. It
// reports whether that is left to another worker.
func (p *pass) endDryRun(ctx context.Context, w *ledger.Work) (left bool, err error) {
	if !afterDryRun(*w) {
		return false, nil
	}
	w.DryRun = false
	if p.serves(w.App) && p.dryRuns.enabled {
		w.Awake = true
		return false, p.dryRuns.end(ctx, w.App)
	}
	w.Pending = 0 // waits for the end of the dry run
	return p.leftTo(w.App, func(other ledger.Worker) bool { return !other.DryRun }), nil
}

// plan plans the next visit of an app by what is left of its work. An app that had a sync is
// visited at least once an hour, in case its marks were lost.
func (p *pass) plan(w ledger.Work) *ledger.PlannedVisit {
	at := w.DueAt(p.now)
	if w.Prune {
		at = p.now // there are more pages
	}
	if !at.IsZero() && at.Before(p.now.Add(busyInterval)) {
		at = p.now.Add(busyInterval)
	}
	if hour := nextHour(w.App, p.now); w.Known() && (at.IsZero() || hour.Before(at)) {
		at = hour
	}
	return &ledger.PlannedVisit{Visit: ledger.Visit{App: w.App, At: at}, Seen: p.seen[w.App]}
}

func (p *pass) serves(app string) bool { return p.served.Clients[app] != nil }

// leftTo reports whether another live worker that serves an app is one that can do it.
func (p *pass) leftTo(app string, can func(ledger.Worker) bool) bool {
	return slices.ContainsFunc(p.live, func(other ledger.Worker) bool { return can(other) && slices.Contains(other.Apps, app) })
}

// afterDryRun reports whether an app's changes wait for the end of a dry run.
func afterDryRun(w ledger.Work) bool { return w.DryRun && !w.Awake && !w.Paused }

// others returns the live workers, if work of an app may have to be left to one of them.
func (p *pass) others(ctx context.Context, works []ledger.Work) ([]ledger.Worker, error) {
	if !p.all || !slices.ContainsFunc(works, func(w ledger.Work) bool {
		return w.Outbox > 0 && !p.serves(w.App) || afterDryRun(w) && !(p.serves(w.App) && p.dryRuns.enabled)
	}) {
		return nil, nil
	}
	return p.ledger.Workers(ctx)
}

// syncStates returns the states of the sync tasks of the apps that need one, by app.
func (p *pass) syncStates(ctx context.Context, works []ledger.Work) (map[string]taskState, error) {
	var apps, ids []string
	for _, w := range works {
		if p.all && needsSync(w) {
			apps, ids = append(apps, w.App), append(ids, tasks.Sync{AppID: w.App, Wake: w.Wake}.ID())
		}
	}
	all, err := p.states.all(ctx, tasks.QueueLists, ids)
	if err != nil {
		return nil, err
	}
	states := make(map[string]taskState, len(apps))
	for i, app := range apps {
		states[app] = all[i]
	}
	return states, nil
}
