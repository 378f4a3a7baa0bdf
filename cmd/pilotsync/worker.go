package main

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/config"
	"pilotsync/internal/dashboard"
	"pilotsync/internal/serverpilot"
	"pilotsync/internal/terminal"
	"pilotsync/worker"
	"pilotsync/worker/metrics"
	"pilotsync/worker/redismonitor"
	"pilotsync/worker/registry"
	"pilotsync/worker/webhook"
)

type workerCmd struct {
	config.WorkerSettings `embed:""`
}

// Help is shown under the command's own --help.
func (*workerCmd) Help() string {
	return `A worker runs until SIGTERM or SIGINT. Then it finishes its running calls, returns all other tasks to the queue, and exits with 0. It reads PILOTSYNC_CONFIG and the files of keys, secrets and users again when one changes, and at SIGHUP. A wrong file is named in the log and changes nothing. Any number of workers can run, on any number of machines. Each setting is a flag or a variable; a flag wins.

Examples:

    pilotsync worker --client-id=cid_… --api-key-file=/run/key --app-id=app1

    pilotsync worker --config=/etc/pilotsync.yml --redis-url=redis://redis

    pilotsync worker --dry-run --log-level=debug`
}

// Run works until ctx ends.
func (c *workerCmd) Run(ctx context.Context, s *terminal.Streams) error {
	files := config.NewFiles()
	set, err := c.Parse(files.ReadFile)
	if err != nil {
		return err
	}
	silent := false
	defer func() {
		if !silent {
			set.Redis.Close()
		}
	}()
	log := newLogger(s, set.Log)
	// go-redis knows one log for the whole process, and by default writes to
	// standard error. A worker process has one worker.
	redis.SetLogger(redisLog{log})

	rdb := set.Redis.Client
	registry := metrics.NewRegistry(rdb, version())
	super, err := newSupervisor(s, log)
	if err != nil {
		return err
	}
	cfg := workerConfig(set)
	cfg.Log, cfg.Metrics, cfg.Ready = log, metrics.NewWorker(registry), super.ready
	w, err := worker.New(cfg)
	if err != nil {
		return usageError{err}
	}
	lists, err := serverpilot.NewLists(rdb, set.APIURL, set.APIRate, set.Accounts)
	if err != nil {
		return usageError{err}
	}
	defer lists.Close()
	served, err := openDashboard(ctx, set.Dashboard, dashboard.Config{
		Redis: rdb, Remote: lists, Metrics: metrics.Handler(registry, log),
	}, true, log)
	if err != nil {
		return err
	}
	defer served.close()
	log.Infof("pilotsync %s: Redis is %s, ServerPilot is %s", version(), set.Redis.Shown, set.APIURL)
	warnOfExposed(s, log, set.KeyFiles)
	if set.DryRun {
		log.Warn("dry run: nothing is written to ServerPilot (PILOTSYNC_DRY_RUN)")
	}

	defer super.watch(ctx, w.Alive)()
	ctx, stop := context.WithCancel(ctx)
	waitReloads := reloader{log: log, files: files, atStart: []string{c.RedisURLFile, c.TLSRoots}, load: func(ctx context.Context, read config.ReadFile) error {
		return super.reload(func() error {
			set, err := c.reload(ctx, read, rdb, w, lists, set.Dashboard)
			warnOfExposed(s, log, set.KeyFiles)
			return err
		})
	}}.run(ctx)
	err = alongside(ctx, w.Run, served.serve)
	stop()
	waitReloads()
	switch {
	case errors.Is(err, redismonitor.ErrRefused):
		return redisRefused(set.Redis.Shown, err)
	case errors.Is(err, worker.ErrRedisSilent):
		silent = true
		log.Warn(err)
		return nil
	}
	return err
}

// workerConfig is what a worker is made from, without its log and what reports on it.
func workerConfig(set config.Worker) worker.Config {
	cfg := worker.Config{Redis: set.Redis.Client, APIURL: set.APIURL, APIRate: set.APIRate, Rules: set.Rules, SSLDelays: set.SSLDelays,
		AppDefaults: set.AppDefaults, AppSettings: set.AppSettings, Check: set.Check, DryRun: set.DryRun, Reconcile: worker.Reconcile(set.Reconcile), Concurrency: set.Concurrency, KeepFinished: set.KeepFinished, KeepRemoved: set.KeepRemoved,
		Webhook: webhook.Target(set.Webhook), Webhooks: map[string]webhook.Target{}}
	for _, a := range set.Accounts {
		cfg.Accounts = append(cfg.Accounts, registry.Account(a))
	}
	for app, hook := range set.Webhooks {
		cfg.Webhooks[app] = webhook.Target(hook)
	}
	return cfg
}

// alongside runs main until it returns, and side at the same time. If side fails, it
// cancels main.
func alongside(ctx context.Context, main, side func(context.Context) error) error {
	ctx, stopMain := context.WithCancel(ctx)
	defer stopMain()
	// The dashboard stays up while the worker stops.
	sideCtx, stopSide := context.WithCancel(context.WithoutCancel(ctx))
	defer stopSide()
	var sideErr error
	var running sync.WaitGroup
	running.Go(func() {
		if sideErr = side(sideCtx); sideErr != nil {
			stopMain()
		}
	})
	err := main(ctx)
	stopSide()
	running.Wait()
	return errors.Join(err, sideErr)
}
