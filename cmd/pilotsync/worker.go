package main

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"os"
	"sync"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/internal/web"
	"pilotsync/worker"
)

type workerCmd struct {
	workerSettings `embed:""`
}

// Help is shown under the command's own --help.
func (*workerCmd) Help() string {
	return `A worker runs until SIGTERM or SIGINT; then it finishes the calls in hand, hands the rest back and exits with 0. Run as many as you like, on as many machines as you like. Each setting is a flag or a variable; a flag wins.

Examples:

    pilotsync worker --client-id=cid_… --api-key-file=/run/secrets/key --app-id=app1,app2

    pilotsync worker --config=/etc/pilotsync.yml --redis-url=redis://redis:6379/0

    pilotsync worker --dry-run --log-level=debug`
}

// Run works until ctx ends.
func (c *workerCmd) Run(ctx context.Context, s *streams) error {
	set, err := c.config(os.ReadFile)
	if err != nil {
		return err
	}
	defer set.Worker.Redis.Close()
	format := set.LogFormat
	if format == "" && !s.Terminal {
		format = "json"
	}
	log := newLogger(s.Err, set.LogLevel, format)
	set.Worker.Log = log
	// go-redis knows one log for the whole process, and by default writes to
	// standard error. A worker process has one worker.
	redis.SetLogger(redisLog{log})

	registry := worker.NewRegistry(set.Worker.Redis, version())
	set.Worker.Metrics = worker.NewMetrics(registry)
	w, err := worker.New(set.Worker)
	if err != nil {
		return usageError{err}
	}
	page, err := listen(set.Listen)
	if err != nil {
		return err
	}
	site, err := web.New(web.Config{Redis: set.Worker.Redis, Version: version(), Log: logrus.NewEntry(log),
		Metrics: worker.MetricsHandler(registry, log)})
	if err != nil {
		return err
	}
	defer func() { _ = site.Close() }()
	log.Infof("pilotsync %s: Redis is %s, ServerPilot is %s", version(), set.Redis, set.Worker.APIURL)
	if set.Worker.DryRun {
		log.Warn("dry run: nothing is written to ServerPilot (PILOTSYNC_DRY_RUN)")
	}

	err = alongside(ctx, w.Run, func(ctx context.Context) error {
		if page == nil {
			return nil
		}
		log.Infof("the page is at http://%s/", page.Addr())
		return web.Serve(ctx, page, site.Handler(), stdlog.New(warnings{log}, "", 0))
	})
	if errors.Is(err, worker.ErrRedisRefused) {
		return redisRefused(set.Redis, err)
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

// listen opens the page's address; it returns nil for an empty one.
func listen(addr string) (net.Listener, error) {
	if addr == "" {
		return nil, nil
	}
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("PILOTSYNC_LISTEN (--listen) is %q, where the page can't be served; it takes a free address, or off: %w", addr, err)
	}
	return l, nil
}
