package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/internal/config"
	"pilotsync/tasks"
	"pilotsync/worker/inspect"
	"pilotsync/worker/ledger"
	"pilotsync/worker/queuestats"
)

// checkQueues reads the queues and the live workers.
func checkQueues(ctx context.Context, cfg config.Worker) []Result {
	inspector := inspect.New(cfg.Redis.Client) // not closed: the client isn't its own
	servers, err := inspector.Servers()
	results := []Result{evaluateWorkers(servers, time.Now(), err)}
	l := ledger.New(cfg.Redis.Client)
	live, err := l.Workers(ctx)
	results = append(results, evaluateDryRun(live, err), checkLedger(ctx, l))

	known, _, err := queuestats.Names(ctx, cfg.Redis.Client) // for a missing queue asynq has no error to decide on
	if err != nil {
		return append(results, redisUnreadable(CheckBacklog, err))
	}
	queues := map[string]*asynq.QueueInfo{} // the existing ones
	for _, name := range tasks.Queues() {
		if !slices.Contains(known, name) {
			continue
		}
		if queues[name], err = inspector.GetQueueInfo(name); err != nil {
			return append(results, redisUnreadable(CheckBacklog, err))
		}
	}
	now, err := l.Now(ctx)
	if err != nil {
		return append(results, redisUnreadable(CheckBacklog, err))
	}
	apps, err := l.AppStates(ctx)
	if err != nil {
		return append(results, redisUnreadable(CheckBacklog, err))
	}
	results = append(results, evaluateBacklog(queues, apps, now), checkTasks(inspector, queues), evaluateArchive(queues))
	apps, unserved := ledger.SplitUnserved(apps, append(live, asWorker(cfg.Accounts)))
	results = append(results, evaluateTrouble(apps)...)
	return append(results, evaluateServed(apps, unserved, cfg.Accounts)...)
}

// asWorker returns a worker with these settings, which may not run yet.
func asWorker(accounts []config.Account) (w ledger.Worker) {
	for _, a := range accounts {
		w.Apps = append(w.Apps, a.Apps...)
	}
	return w
}

// redisUnreadable is the result of a check whose data in Redis could not be read.
func redisUnreadable(check string, err error) Result {
	return warning(check, fmt.Sprintf("what is in Redis could not be read: %v", err), "See what the error says; a user of Redis needs the keys that begin with asynq: and pilotsync:.")
}

// evaluateWorkers: a worker is a process that has an asynq server for each queue.
func evaluateWorkers(servers []*asynq.ServerInfo, now time.Time, err error) Result {
	if err != nil {
		return redisUnreadable(CheckWorkers, err)
	}
	since, served := map[string]time.Time{}, map[string]bool{}
	for _, s := range servers {
		if s.Status != "active" {
			continue
		}
		name := fmt.Sprintf("%s/%d", s.Host, s.PID)
		if at, known := since[name]; !known || s.Started.Before(at) {
			since[name] = s.Started
		}
		for queue := range s.Queues {
			served[queue] = true
		}
	}
	var names []string
	for name, at := range since {
		names = append(names, fmt.Sprintf("%s (for %s)", name, rounded(now.Sub(at))))
	}
	slices.Sort(names)
	idle := slices.DeleteFunc(tasks.Queues(), func(q string) bool { return served[q] })
	switch {
	case len(names) == 0:
		return failure(CheckWorkers, "no worker is alive: changes wait on the queue", "Start one: pilotsync worker.")
	case slices.Equal(idle, []string{tasks.QueueChecks}): // workers of 0.1.0
		return warning(CheckWorkers, "no worker checks domains before they are added: the workers are of an earlier release", "Update the workers.")
	case len(idle) > 0:
		return failure(CheckWorkers, "no worker serves the queues "+strings.Join(idle, ", "), "Restart the workers; if that doesn't help, other programs use these queues of this Redis.")
	case len(names) > 5:
		return ok(CheckWorkers, fmt.Sprintf("%d workers are alive, among them %s", len(names), strings.Join(names[:5], ", ")))
	}
	return ok(CheckWorkers, "alive: "+strings.Join(names, ", "))
}

// evaluateDryRun evaluates the live workers. A worker in a dry run beside one that writes is a
// mistake: chance decides which of them processes a change.
func evaluateDryRun(live []ledger.Worker, err error) Result {
	if err != nil {
		return redisUnreadable(CheckDryRun, err)
	}
	var names, apps []string
	for _, w := range ledger.InDryRun(live) {
		names, apps = append(names, w.Name), append(apps, w.Apps...)
	}
	if names == nil {
		return ok(CheckDryRun, "no worker is in a dry run")
	}
	var both []string
	for _, w := range live {
		for _, app := range w.Apps {
			if !w.DryRun && slices.Contains(apps, app) {
				both = append(both, app)
			}
		}
	}
	slices.Sort(both)
	detail := "in a dry run, so nothing is written to ServerPilot: " + strings.Join(names, ", ")
	if both = slices.Compact(both); len(both) > 0 {
		return warning(CheckDryRun, detail+"; other workers do write the lists of "+strings.Join(both, ", "),
			"Stop the workers in the dry run, or the others: beside each other they delay every change.")
	}
	return warning(CheckDryRun, detail, "Restart the worker without PILOTSYNC_DRY_RUN once you have seen enough; it syncs the lists at once.")
}

// backlogAge is how long a change may wait without a warning. A sync takes seconds, and a
// failing one is tried again after five minutes at most.
const backlogAge = 5 * time.Minute

func evaluateBacklog(queues map[string]*asynq.QueueInfo, apps []ledger.App, now time.Time) Result {
	var parts, paused []string
	var oldest time.Duration // of the changes that wait for a worker or a sync
	for _, name := range tasks.Queues() {
		q := queues[name]
		if q == nil {
			continue
		}
		if q.Paused {
			paused = append(paused, name)
		}
		oldest = max(oldest, q.Latency)
		if n := q.Pending + q.Scheduled + q.Retry; n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, n))
		}
	}
	pending, dry := 0, 0
	for _, app := range apps {
		if app.DryRun != nil { // they wait for the dry run to end
			dry += app.Pending
			continue
		}
		pending += app.Pending
		if !app.Oldest.IsZero() {
			oldest = max(oldest, now.Sub(app.Oldest))
		}
	}
	if pending > 0 {
		parts = append(parts, fmt.Sprintf("changes in the ledger %d", pending))
	}
	if dry > 0 {
		parts = append(parts, fmt.Sprintf("changes that only a dry run has planned %d", dry))
	}
	detail := "nothing waits"
	if len(parts) > 0 {
		detail = "waiting: " + strings.Join(parts, ", ")
	}
	if oldest > 0 {
		detail += fmt.Sprintf("; the oldest has waited for %s", rounded(oldest))
	}
	switch {
	case len(paused) > 0:
		return failure(CheckBacklog, "paused: "+strings.Join(paused, ", ")+"; "+detail, "Resume the queues in asynqmon: nothing is taken off them.")
	case oldest >= backlogAge:
		return warning(CheckBacklog, detail, "See the checks 'workers' and 'trouble', and the worker's log; 'pilotsync status --state=pending' tells what each change waits for.")
	}
	return ok(CheckBacklog, detail)
}

// evaluateArchive: an archived task is one that failed for good. Failed events have a separate command.
func evaluateArchive(queues map[string]*asynq.QueueInfo) Result {
	var parts []string
	for _, name := range tasks.Queues() {
		if q := queues[name]; q != nil && q.Archived > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", name, q.Archived))
		}
	}
	if len(parts) == 0 {
		return ok(CheckArchive, "no task has failed for good")
	}
	return warning(CheckArchive, "tasks that failed for good: "+strings.Join(parts, ", "),
		"asynqmon's archive shows why; delete them there once it is dealt with. Events: 'pilotsync events --failed'.")
}

func evaluateTrouble(apps []ledger.App) []Result {
	var results []Result
	for _, app := range apps {
		switch t := app.Failure; {
		case t == nil:
		case t.Blocked:
			results = append(results, about(app.ID, failure(CheckTrouble, "blocked until a person acts: "+t.Reason, "Do what the reason says; the app is tried every five minutes, and when a worker starts."))...)
		default:
			results = append(results, about(app.ID, warning(CheckTrouble, "in trouble and tried again: "+t.Reason, "If it lasts, see the worker's log."))...)
		}
		if c := app.ActionWarning(); c != nil {
			results = append(results, about(app.ID, warning(CheckTrouble, c.Sentence(), c.Remedy()))...)
		}
	}
	if results == nil {
		return []Result{ok(CheckTrouble, "no app is blocked or in trouble")}
	}
	return results
}

// unservedNamed is how many apps that no worker has ever served have results of their own.
const unservedNamed = 5

// evaluateServed warns of changes that wait for an app that no worker serves. Any producer can invent
// apps, so many that no worker has ever served have one result together.
func evaluateServed(apps, unserved []ledger.App, accounts []config.Account) []Result {
	served := map[string]bool{}
	for _, a := range accounts {
		for _, app := range a.Apps {
			served[app] = true
		}
	}
	if len(served) == 0 {
		return nil // the check of the settings reports that
	}
	var results []Result
	waits := func(app ledger.App) bool { return !served[app.ID] && app.Pending > 0 }
	unserved = slices.DeleteFunc(slices.Clone(unserved), func(app ledger.App) bool { return !waits(app) })
	if many := ledger.NewUnserved(unserved); many.Count > unservedNamed {
		results = append(results, warning(CheckServed, fmt.Sprintf("%d changes wait for %d apps that no worker has ever served, and that aren't among those of these settings", many.Changes, many.Count),
			"'pilotsync apps' shows those that changed last. Put the ids of real ones into WU_SERVER_PILOT_APP_ID or PILOTSYNC_CONFIG, and find the producer that invents the others."))
		unserved = nil
	}
	for _, app := range append(apps, unserved...) {
		if waits(app) {
			results = append(results, about(app.ID, warning(CheckServed, fmt.Sprintf("%d changes wait for this app, which isn't among those of these settings", app.Pending),
				"Put its id into WU_SERVER_PILOT_APP_ID or PILOTSYNC_CONFIG, unless another worker serves it."))...)
		}
	}
	if results == nil {
		return []Result{ok(CheckServed, "every app with changes is among those of these settings")}
	}
	return results
}
