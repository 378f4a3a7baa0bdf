package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// shutdownLimit is how long a stopping worker waits for what is under way: a
// call to ServerPilot ends within 20 s. Then asynq puts the task back.
const shutdownLimit = serverpilot.CallTimeout + 2*time.Second

// leaveLimit is when a stopping worker leaves though asynq still waits for Redis. Its
// loops stop one after the other, and each may wait through several dials of a host
// that drops packets. It leaves the rest of the process some seconds of half a minute.
const leaveLimit = shutdownLimit + 4*time.Second

// How often an idle queue is asked for tasks; asynq varies it by half. A person
// waits for changes and lists, and nobody for the others.
const (
	quick = 100 * time.Millisecond
	calm  = 600 * time.Millisecond // half as long again at most, and a stopping worker waits it out
)

// gather is the least time between two rounds of an app's sync: its list is read and
// written at most twice a second. Who asks for one domain never waits for it; a burst
// that goes on is put into fewer writes, each of the whole list, and after each
// ServerPilot renews the web server's configuration.
const gather = 500 * time.Millisecond

// Worker takes tasks off the queue and does them.
type Worker struct {
	log       *logrus.Entry
	metrics   *Metrics
	name      string
	ready     func() // never nil
	ledger    *knownLedger
	follow    follow
	syncer    *listsync.Syncer
	checker   *certcheck.Checker
	details   *details
	roster    *roster
	toTakeUp  toTakeUp
	expected  []netip.Prefix
	delays    []time.Duration
	dryRun    bool
	reconcile Reconcile
	rdb       redis.UniversalClient
	poster    *http.Client

	servers   []server
	sweeper   sweeper
	watch     *redisWatch
	strays    *strayWatch
	announcer announcer
	stopping  chan struct{}
	base      context.Context // ends when the worker has waited long enough
	end       context.CancelFunc
}

// server is one of the asynq servers, with what it hands its tasks to.
type server struct {
	*asynq.Server
	handlers map[string]asynq.HandlerFunc // by task type
}

// New wires up a worker; [Worker.Run] starts it.
func New(cfg Config) (*Worker, error) {
	w := &Worker{
		log: logrus.NewEntry(cfg.Log), name: name(),
		ledger:  &knownLedger{Ledger: ledger.New(cfg.Redis), log: logrus.NewEntry(cfg.Log), told: map[string]string{}},
		follow:  follow{client: asynq.NewClientFromRedisClient(cfg.Redis)},
		checker: certcheck.New(cfg.Check), roster: &roster{}, toTakeUp: toTakeUp{apps: map[string]time.Time{}},
		expected: cfg.Expected, delays: cfg.SSLDelays, dryRun: cfg.DryRun, reconcile: cmp.Or(cfg.Reconcile, Repair),
		rdb: cfg.Redis, poster: newPoster(), ready: cfg.Ready,
		stopping: make(chan struct{}),
	}
	if w.ready == nil {
		w.ready = func() {}
	}
	if w.metrics = cfg.Metrics; w.metrics == nil {
		w.metrics = NewMetrics(prometheus.NewRegistry())
	}
	w.metrics.dryRun.Set(one(cfg.DryRun))
	w.watch = &redisWatch{rdb: cfg.Redis, ledger: w.ledger.Ledger, log: w.log}
	w.base, w.end = context.WithCancel(context.Background())
	s, err := w.serving(cfg, &served{})
	if err != nil {
		return nil, err
	}
	w.roster.now.Store(s)
	w.details = newDetails(w.base, w.roster, slices.Min(cfg.SSLDelays))
	rules := cfg.Rules
	rules.Attempts = len(cfg.SSLDelays)
	w.syncer = &listsync.Syncer{
		API: listAPI{w.roster, w.metrics.ambiguousWrites}, Ledger: w.ledger, Enqueuer: w.follow, Rules: rules,
		FirstDelay: func(r listsync.Record) time.Duration { return checkPause(w.delays, 1, r) },
		Now:        time.Now, MinInterval: gather, CommitRetryTimeout: listsync.LeaseTTL, Stopping: w.stopping, WorkerID: w.name, OnCommit: w.settled,
	}
	if w.strays, err = newStrayWatch(cfg.Redis, w.log, w.metrics, func(ctx context.Context) bool { return w.watch.check(ctx) != nil }); err != nil {
		return nil, err
	}
	w.announcer = newAnnouncer(w)
	w.sweeper = sweeper{w, asynq.NewInspectorFromRedisClient(cfg.Redis), map[string]int64{}}
	w.servers = []server{
		w.server(cfg, tasks.QueueDomains, changeSlots, quick, map[string]asynq.HandlerFunc{
			tasks.TypeDomainAdd: w.change, tasks.TypeDomainRemove: w.change}),
		w.server(cfg, tasks.QueueLists, cfg.Concurrency, quick, map[string]asynq.HandlerFunc{tasks.TypeAppSync: w.sync}),
		w.server(cfg, tasks.QueueSSL, verifySlots, calm, map[string]asynq.HandlerFunc{tasks.TypeSSLVerify: w.verify}),
		w.server(cfg, tasks.QueueEvents, eventSlots, calm, map[string]asynq.HandlerFunc{tasks.TypeEventDeliver: w.deliver}),
	}
	return w, nil
}

func (w *Worker) server(cfg Config, queue string, slots int, check time.Duration, handlers map[string]asynq.HandlerFunc) server {
	return server{handlers: handlers, Server: asynq.NewServerFromRedisClient(paced{cfg.Redis, w.stopping}, asynq.Config{
		Concurrency:              slots,
		Queues:                   map[string]int{queue: 1},
		TaskCheckInterval:        check,
		DelayedTaskCheckInterval: time.Second,
		RetryDelayFunc:           retryDelay,
		IsFailure:                isFailure,
		ErrorHandler:             asynq.ErrorHandlerFunc(w.failed),
		ShutdownTimeout:          shutdownLimit,
		BaseContext:              func() context.Context { return w.base },
		Logger:                   queueLog{w.log.WithField("queue", queue), w.watch},
		LogLevel:                 asynq.WarnLevel,
	})}
}

// Run works until ctx ends. Then it takes no new task, lets the calls in hand
// finish, hands the rest back and returns; that takes at most half a minute. It
// waits for Redis if that is away, at the start as well as later. It returns an
// error only if Redis refuses us ([ErrRedisRefused]), or doesn't answer while the
// worker stops ([ErrRedisSilent]).
func (w *Worker) Run(ctx context.Context) error {
	defer w.end()
	if err := w.watch.await(ctx); err != nil || ctx.Err() != nil {
		return err
	}
	if err := w.switchOn(ctx); err != nil {
		w.log.WithError(err).Warn("webhooks that are switched off stay so")
	}
	var running sync.WaitGroup
	for i, s := range w.servers {
		if err := s.Start(s); err != nil {
			for _, started := range w.servers[:i] {
				started.Shutdown()
			}
			return fmt.Errorf("start the servers: %w", err)
		}
	}
	w.log.WithField("apps", w.roster.look().apps).Infof("worker %s is ready", w.name)
	w.ready()
	running.Go(func() { w.watch.run(ctx) })
	running.Go(func() { w.sweeper.run(ctx) })
	running.Go(func() { w.strays.run(ctx) })
	running.Go(func() { w.announcer.run(ctx) })
	<-ctx.Done()

	w.log.Info("stopping: no new task is taken, calls in hand are finished")
	close(w.stopping)
	for _, s := range w.servers {
		running.Go(s.Shutdown)
	}
	left := !within(leaveLimit, running.Wait)
	for _, a := range w.roster.look().accounts {
		a.client.Close()
	}
	w.poster.CloseIdleConnections()
	if left {
		return fmt.Errorf("%w: the tasks in hand were not handed back; other workers go on with them within two minutes", ErrRedisSilent)
	}
	w.log.Info("stopped")
	return nil
}

// within reports whether wait returned within the limit. If it didn't, it goes on in a
// goroutine of its own.
func within(limit time.Duration, wait func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		wait()
	}()
	over := time.NewTimer(limit)
	defer over.Stop()
	select {
	case <-done:
		return true
	case <-over.C:
		return false
	}
}

// ProcessTask implements [asynq.Handler]. asynq's own mux would have an unknown
// type tried again and again.
func (s server) ProcessTask(ctx context.Context, t *asynq.Task) error {
	handle, known := s.handlers[t.Type()]
	if !known {
		return never(fmt.Errorf("%w: no such task type on this queue: %.80q", tasks.ErrPayload, t.Type()))
	}
	return handle(ctx, t)
}

// failed is the one place where a task's error is logged.
func (w *Worker) failed(ctx context.Context, t *asynq.Task, err error) {
	id, _ := asynq.GetTaskID(ctx)
	log := w.log.WithFields(taskFields(t)).WithField("task_id", id).WithField("type", fmt.Sprintf("%.80s", t.Type()))
	var call *listsync.CallError
	var pause *later
	switch {
	case errors.Is(err, listsync.ErrYield):
		log.Info(err)
	case errors.Is(err, errElsewhere): // each second, until that worker takes it
		log.Debug(err)
	case errors.As(err, &call) && call.Verdict == listsync.Blocked:
		log.Error("blocked until a person acts: " + err.Error())
	case errors.Is(err, asynq.SkipRetry):
		log.Error("archived: " + err.Error())
	case errors.As(err, &pause):
		log.WithField("pause", pause.after.Round(time.Millisecond).String()).Warn("tried again later: " + err.Error())
	default:
		log.Warn("tried again: " + err.Error())
	}
}

// taskLog is the log with the fields that every line about a task has.
func (w *Worker) taskLog(ctx context.Context, app string) *logrus.Entry {
	id, _ := asynq.GetTaskID(ctx)
	return w.log.WithField("app", app).WithField("task_id", id)
}

func (w *Worker) isStopping() bool {
	select {
	case <-w.stopping:
		return true
	default:
		return false
	}
}
