package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sirupsen/logrus"

	"pilotsync/internal/quota"
	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/appcache"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/followup"
	"pilotsync/worker/inspect"
	"pilotsync/worker/janitor"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/loglimit"
	"pilotsync/worker/metrics"
	"pilotsync/worker/queuepoll"
	"pilotsync/worker/redismonitor"
	"pilotsync/worker/registry"
	"pilotsync/worker/share"
	"pilotsync/worker/taskerr"
	"pilotsync/worker/webhook"
)

// shutdownTimeout is how long a stopping worker waits for its active tasks: a call to
// ServerPilot ends within 20 s. Then asynq puts the tasks back.
const shutdownTimeout = serverpilot.CallTimeout + 2*time.Second

// exitTimeout is when a stopping worker exits although asynq still waits for Redis. asynq's
// loops stop one after the other, and each may dial an unreachable host several times. The
// process has half a minute to stop, so this leaves some seconds for the rest of it.
const exitTimeout = shutdownTimeout + 4*time.Second

// minSyncInterval is the least time between two plans of an app: its list is read and written
// at most twice a second. A single request never waits for it. A long burst is combined into
// fewer writes, since ServerPilot renews the web server's configuration after each.
const minSyncInterval = 500 * time.Millisecond

// conflictDelay is the delay before a write is tried again that ServerPilot answered by 409.
const conflictDelay = time.Second

// driftTimeout is how long [Worker.Drift] takes at most, with its wait for the rate limit.
const driftTimeout = 10*time.Second + serverpilot.CallTimeout

// ErrRedisSilent: the worker stopped while Redis didn't answer. Goroutines of asynq still
// wait for Redis. So the process must exit without closing [Config.Redis]: a closed client makes
// asynq panic.
var ErrRedisSilent = errors.New("stopped without an answer from Redis")

// Worker takes tasks off the queues and handles them.
type Worker struct {
	log         *logrus.Entry
	id          string
	ready       func() // never nil
	registry    *registry.Registry
	monitor     *redismonitor.Monitor
	sender      *webhook.Sender
	reconciler  *reconciler
	retrier     *retrier
	functions   *functionLoader
	maintenance *maintenance
	forgetter   *unservedForgetter
	janitor     *janitor.Janitor
	announcer   *announcer
	poller      *queuepoll.Poller
	connections *connections
	queues      []queueServer
	stopping    chan struct{}
	end         context.CancelFunc // of the context of all tasks
}

// New wires up a worker; [Worker.Run] starts it. Its error says which account, app or webhook of
// cfg can't be used.
func New(cfg Config) (*Worker, error) {
	log := logrus.NewEntry(cfg.Log)
	w := &Worker{log: log, id: workerID(), ready: cfg.Ready, stopping: make(chan struct{}), monitor: redismonitor.New(cfg.Redis, log)}
	if w.ready == nil {
		w.ready = func() {}
	}
	m := cfg.Metrics
	if m == nil {
		m = metrics.NewWorker(prometheus.NewRegistry())
	}
	m.SetDryRun(cfg.DryRun)
	var base context.Context
	base, w.end = context.WithCancel(context.Background())
	var err error
	if w.registry, err = registry.New(cfg.Redis, cfg.served(), m.APICalled); err != nil {
		return nil, err
	}
	if w.janitor, err = janitor.New(janitor.Config{Redis: cfg.Redis, Log: log, Count: m.Repaired, Down: w.monitor.Down}); err != nil {
		return nil, err
	}
	w.sender = webhook.NewSender(cfg.Redis, m.EventSent, &m.EndpointWaits, log)
	if w.poller, err = queuepoll.New(queuepoll.Config{Redis: cfg.Redis, Stopping: w.stopping, Limits: taskLimits(cfg.KeepFinished), Refused: w.janitor.PutAway, Log: log}); err != nil {
		return nil, err
	}
	l, enqueuer := ledger.New(cfg.Redis), followup.New(w.poller.Client())
	inspector := inspect.New(cfg.Redis)
	states := taskStates{cfg.Redis}
	outbox := &outbox{ledger: l, registry: w.registry, enqueuer: enqueuer, log: log}
	loss := newLossDetector(l, w.registry, w.janitor, log)
	apps, checker := appcache.New(base, w.registry, slices.Min(cfg.SSLDelays)), certcheck.New(cfg.Check)
	w.connections = &connections{connected: connectedInterval, disconnected: disconnectedInterval, apps: apps, registry: w.registry, ledger: l, loss: loss, read: map[string]string{}}
	shared := &sharedNames{apps: apps, registry: w.registry, ledger: l, enqueuer: enqueuer, log: log}
	settled := settlementObserver{metrics: m, log: log}
	actions := &actionReader{ledger: l, registry: w.registry, metrics: m, log: log}
	w.connections.maintenance = maintenance{interval: maintenanceInterval, monitor: w.monitor, log: log, steps: []func(context.Context) error{w.connections.refresh, actions.read}}
	rules := cfg.Rules
	rules.Attempts = len(cfg.SSLDelays)
	syncer := &listsync.Syncer{
		API: listAPI{registry: w.registry, ambiguousWrite: m.AmbiguousWrite, read: w.connections.note}, Ledger: loss, Enqueuer: enqueuer, Rules: rules,
		FirstDelay: func(r listsync.Record) time.Duration { return verifyDelay(cfg.SSLDelays, 1, r) },
		Now:        time.Now, MinInterval: minSyncInterval, ConflictDelay: conflictDelay, CommitRetryTimeout: listsync.LeaseTTL,
		Stopping: w.stopping, WorkerID: w.id, OnCommit: func(ctx context.Context, s listsync.Settlement) {
			settled.observe(ctx, s)
			shared.committed(ctx, s)
			actions.committed(ctx, s)
		},
	}
	w.reconciler = &reconciler{mode: cmp.Or(cfg.Reconcile, Repair), ledger: l, registry: w.registry, syncer: syncer,
		enqueuer: enqueuer, metrics: m, log: log}
	changes := &changeHandler{registry: w.registry, ledger: l, enqueuer: enqueuer, metrics: m, log: log}
	syncs := &syncHandler{shares: share.Group{Kind: "account", Size: cfg.Concurrency, MaxWait: shareMaxWait, Postponed: m.AccountWaits.Add, Stopping: w.stopping}, registry: w.registry, ledger: l, syncer: syncer, reconciler: w.reconciler, enqueuer: enqueuer,
		outbox: outbox, states: states, metrics: m, dryRun: cfg.DryRun, log: log}
	verifications := &verifyHandler{
		accounts: share.Group{Kind: "account", Size: accountVerifySlots, MaxWait: shareMaxWait, Postponed: m.AccountWaits.Add, Stopping: w.stopping},
		apps:     appVerifyShares(m.AppWaits.Add, w.stopping),
		// More slots wouldn't help, so nothing counts their waits.
		unanswered:    share.Group{Kind: "app", Size: unansweredAppSlots, Postponed: func(_, _ time.Time) {}, Stopping: w.stopping},
		allUnanswered: share.Group{Kind: "names without an answer of DNS", Size: unansweredSlots, Postponed: func(_, _ time.Time) {}, Stopping: w.stopping},
		cache:         apps,
		registry:      w.registry, ledger: l, stopping: w.stopping, verifier: &verifier{
			collector: &collector{
				apps: apps, shared: shared, registry: w.registry, ledger: l, enqueuer: enqueuer,
				checker: checker, patience: quota.New(patientNames, patientAppNames), attempts: len(cfg.SSLDelays), dryRun: cfg.DryRun, log: log,
			},
			ledger: l, enqueuer: enqueuer, outbox: outbox, metrics: m, delays: cfg.SSLDelays, workerID: w.id, log: log,
		}}
	events := &eventHandler{ledger: l, registry: w.registry, sender: w.sender, log: log}
	checks := &checkHandler{apps: apps, registry: w.registry, ledger: l, checker: checker, www: rules.WWW, log: log}

	dryRuns := &dryRunEnder{enabled: !cfg.DryRun, ledger: l, enqueuer: enqueuer, log: log}
	w.retrier = &retrier{ledger: l, registry: w.registry, sender: w.sender, dryRuns: dryRuns, enqueuer: enqueuer,
		inspector: inspector, states: states, pending: map[string]time.Time{}}
	recoverer := &recoverer{ledger: l, registry: w.registry, enqueuer: enqueuer, outbox: outbox, dryRuns: dryRuns, reconciler: w.reconciler, loss: loss, changes: changes, retrier: w.retrier, inspector: inspector, states: states, metrics: m, log: log, keepRemoved: cfg.KeepRemoved}
	w.functions = &functionLoader{redis: cfg.Redis, log: log}
	w.forgetter = newUnservedForgetter(l, inspector, log)
	w.maintenance = &maintenance{interval: maintenanceInterval, monitor: w.monitor, log: log, steps: []func(context.Context) error{
		loss.check, w.functions.load, w.retrier.retryPending, recoverer.visitDue, w.forgetter.forget,
	}}
	w.announcer = newAnnouncer(l, w.registry, w.monitor, ledger.Worker{Name: w.id, DryRun: cfg.DryRun}, log)

	servers := serverConfig{redis: w.poller.Client(), base: base, monitor: w.monitor, lines: loglimit.New(), log: log}
	w.queues = []queueServer{
		servers.newServer(tasks.QueueDomains, changeSlots, handlers{tasks.TypeDomainAdd: changes.handle, tasks.TypeDomainRemove: changes.handle}),
		servers.newServer(tasks.QueueLists, 2*cfg.Concurrency, handlers{tasks.TypeAppSync: syncs.handle}),
		servers.newServer(tasks.QueueSSL, verifySlots, handlers{tasks.TypeSSLVerify: verifications.handle}),
		servers.newServer(tasks.QueueEvents, eventSlots, handlers{tasks.TypeEventDeliver: events.handle}),
		servers.newServer(tasks.QueueChecks, checkSlots, handlers{tasks.TypeDomainCheck: checks.handle}),
	}
	return w, nil
}

// Run processes tasks until ctx ends. Then it takes no new task, finishes the current calls,
// puts the other tasks back and returns; that takes at most half a minute. It waits for Redis
// if that is unavailable, at the start as well as later. It returns an error only in three
// cases. Redis refuses the worker ([redismonitor.ErrRefused]), a queue's server can't be
// started, or Redis doesn't answer while the worker stops ([ErrRedisSilent]).
func (w *Worker) Run(ctx context.Context) error {
	defer w.end()
	if err := w.monitor.Await(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	if err := w.functions.load(ctx); err != nil {
		w.log.WithError(err).Warn("producers' functions could not be loaded into Redis yet; the next maintenance does it")
	}
	switchErr := w.sender.SwitchOn(ctx, w.registry.Load().Endpoints)
	if switchErr != nil {
		w.log.WithError(switchErr).Warn("webhooks that answered 410 (gone) could not be switched on again; the next maintenance does it")
	}
	for i, q := range w.queues {
		if err := q.Start(q.handlers); err != nil {
			close(w.stopping) // ends the waits of the servers that were started
			for _, started := range w.queues[:i] {
				started.Shutdown()
			}
			return fmt.Errorf("start the servers: %w", err)
		}
	}
	apps := w.registry.Load().Apps
	w.log.WithField("apps", apps).Infof("worker %s is ready", w.id)
	w.ready()
	started := time.Now() // before the maintenance, whose first pass reads all apps
	var running sync.WaitGroup
	for _, loop := range []func(context.Context){w.monitor.Run, w.poller.Run, w.maintenance.run, w.janitor.Run, w.announcer.run, w.connections.run} {
		running.Go(func() { loop(ctx) })
	}
	running.Go(func() {
		// Not the webhooks again: since SwitchOn one may have answered that it is gone.
		w.retryApps(ctx, started, apps, switchErr != nil, "failing apps could not be retried yet; the next maintenance does it")
	})
	<-ctx.Done()

	w.log.Info("stopping: no new task is taken, calls under way are finished")
	close(w.stopping)
	for _, q := range w.queues {
		running.Go(q.Shutdown)
	}
	stopped := within(exitTimeout, running.Wait)
	w.registry.Close()
	w.sender.Close()
	if !stopped {
		return fmt.Errorf("%w: the active tasks were not put back; other workers continue them within two minutes", ErrRedisSilent)
	}
	w.log.Info("stopped")
	return nil
}

// Reload replaces the accounts, apps and webhooks by those of cfg, and ignores its other
// fields. Pending changes of new apps and blocked apps are retried without delay, since a key
// may just have been corrected. A current call for an app that is no longer served is finished.
// Then the app waits for a worker that serves it, and its reason says so. If Redis is
// unavailable, all of that happens once it is back.
//
// If cfg can't be served, the error says why, and nothing changes.
func (w *Worker) Reload(ctx context.Context, cfg Config) error {
	now, before, err := w.registry.Replace(cfg.served())
	if err != nil {
		return fmt.Errorf("use the new configuration: %w", err)
	}
	w.announcer.announceNow()
	added, dropped := difference(now.Apps, before.Apps), difference(before.Apps, now.Apps)
	w.log.WithField("apps", now.Apps).Infof("configuration read again: %d apps served, new: [%s], no longer served: [%s]",
		len(now.Apps), strings.Join(added, ", "), strings.Join(dropped, ", "))
	w.retryApps(ctx, time.Now(), append(dropped, now.Apps...), true, "waiting apps could not be retried yet; the next maintenance does it")
	return nil
}

// retryApps retries the apps of a start or reload and, if webhooks is set, switches webhooks on
// again. It logs warning if that fails.
func (w *Worker) retryApps(ctx context.Context, since time.Time, apps []string, webhooks bool, warning string) {
	if err := w.retrier.retryApps(ctx, since, apps, webhooks); err != nil && ctx.Err() == nil {
		w.log.WithError(err).Warn(warning)
	}
}

// Drift returns the plan that a sync of an app would carry out now, and changes nothing. The
// worker needn't run. The error wraps [registry.ErrUnserved] if cfg has no account for the app,
// and [listsync.ErrYield] if the account is at its rate limit. Others are those of
// [listsync.Syncer.Drift].
func (w *Worker) Drift(ctx context.Context, app string) (listsync.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, driftTimeout)
	defer cancel()
	return taskerr.Await(ctx, func() (listsync.Result, error) { return w.reconciler.drift(ctx, app) })
}

// Alive returns an error if the worker hangs, see [redismonitor.Monitor.Alive].
func (w *Worker) Alive() error {
	select {
	case <-w.stopping: // exitTimeout limits it
		return nil
	default:
		return w.monitor.Alive()
	}
}

// within reports whether wait returned within the limit. If it didn't, its goroutine
// remains.
func within(limit time.Duration, wait func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}

// difference returns what is in a and not in b, in its order.
func difference(a, b []string) []string {
	in := make(map[string]bool, len(b))
	for _, s := range b {
		in[s] = true
	}
	return slices.DeleteFunc(slices.Clone(a), func(s string) bool { return in[s] })
}
