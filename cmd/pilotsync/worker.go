package main

import (
	"context"
	"errors"
	"sync"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/dashboard"
	"pilotsync/worker"
)

type workerCmd struct {
	workerSettings `embed:""`
}

// Help is shown under the command's own --help.
func (*workerCmd) Help() string {
	return `A worker runs until SIGTERM or SIGINT; then it finishes the calls in hand, hands the rest back and exits with 0. It watches PILOTSYNC_CONFIG and the files of keys, secrets and users, reads them again when they change, and at SIGHUP, and serves the apps and webhooks that are in there; a file that is wrong is named in the log and changes nothing. Run as many as you like, on as many machines as you like. Each setting is a flag or a variable; a flag wins.

Examples:

    pilotsync worker --client-id=cid_… --api-key-file=/run/secrets/key --app-id=app1,app2

    pilotsync worker --config=/etc/pilotsync.yml --redis-url=redis://redis:6379/0

    pilotsync worker --dry-run --log-level=debug`
}

// Run works until ctx ends.
func (c *workerCmd) Run(ctx context.Context, s *streams) error {
	files := newSettingsFiles()
	set, err := c.config(files.readFile)
	if err != nil {
		return err
	}
	silent := false
	defer func() {
		if !silent {
			_ = set.Worker.Redis.Close() // the process ends
		}
	}()
	log := set.logger(s)
	set.Worker.Log = log
	// go-redis knows one log for the whole process, and by default writes to
	// standard error. A worker process has one worker.
	redis.SetLogger(redisLog{log})

	registry := worker.NewRegistry(set.Worker.Redis, version())
	set.Worker.Metrics = worker.NewMetrics(registry)
	super, err := newSupervisor(s, log)
	if err != nil {
		return err
	}
	set.Worker.Ready = super.ready
	w, err := worker.New(set.Worker)
	if err != nil {
		return usageError{err}
	}
	lists, err := newRemoteLists(set.Worker.Redis, set.Worker.APIURL, set.Worker.APIRate, set.Worker.Accounts)
	if err != nil {
		return usageError{err}
	}
	defer lists.close()
	page, err := set.pageSetup.open(ctx, dashboard.Config{
		Redis: set.Worker.Redis, Remote: lists, Metrics: worker.MetricsHandler(registry, log),
	}, true, log)
	if err != nil {
		return err
	}
	defer page.close()
	log.Infof("pilotsync %s: Redis is %s, ServerPilot is %s", version(), set.Redis, set.Worker.APIURL)
	warn := func(keyFiles []string) { s.warnOfExposed(log, keyFiles) }
	warn(set.KeyFiles)
	if set.Worker.DryRun {
		log.Warn("dry run: nothing is written to ServerPilot (PILOTSYNC_DRY_RUN)")
	}

	defer super.watch(ctx, w.Alive)()
	ctx, stop := context.WithCancel(ctx)
	reloaded := reloader{log: log, files: files, atStart: []string{c.RedisURLFile, c.TLSRoots}, load: func(ctx context.Context, read readFile) error {
		return super.reload(func() error { return c.reload(ctx, read, set.Worker.Redis, w, lists, set.pageSetup, warn) })
	}}.run(ctx)
	err = alongside(ctx, w.Run, page.serve)
	stop()
	reloaded()
	switch {
	case errors.Is(err, worker.ErrRedisRefused):
		return redisRefused(set.Redis, err)
	case errors.Is(err, worker.ErrRedisSilent):
		silent = true
		log.Warn(err)
		return nil
	}
	return err
}

// alongside runs main until it returns, and side beside it. Should side fail,
// main is told to end.
func alongside(ctx context.Context, main, side func(context.Context) error) error {
	ctx, stopMain := context.WithCancel(ctx)
	defer stopMain()
	// The page stays up while the worker stops.
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
