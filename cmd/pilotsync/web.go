package main

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/internal/config"
	"pilotsync/internal/dashboard"
	"pilotsync/internal/redisurl"
	"pilotsync/internal/serverpilot"
	"pilotsync/internal/terminal"
	"pilotsync/worker/metrics"
)

type webCmd struct {
	config.WebSettings `embed:""`
}

// Help is shown under the command's own --help.
func (*webCmd) Help() string {
	return `Serves the same dashboard as a worker, without processing tasks: for a machine that should have the dashboard but no key. Runs until SIGTERM or SIGINT, and waits for Redis. When a file of accounts, keys or users changes, and at SIGHUP, it reads all of them again. With the account's settings, the page of an app also shows the list at ServerPilot.

Examples:

    pilotsync web --redis-url=redis://redis:6379/0

    htpasswd -B -c pilotsync.users ada      # with :act at its end, ada may act
    pilotsync web --listen=0.0.0.0:8080 --auth=pilotsync.users`
}

// Run serves the dashboard until ctx ends.
func (c *webCmd) Run(ctx context.Context, s *terminal.Streams) error {
	files := config.NewFiles()
	set, err := c.Parse(files.ReadFile)
	if err != nil {
		return err
	}
	defer set.Redis.Close()
	rdb, log := set.Redis.Client, newLogger(s, set.Log)
	redis.SetLogger(redisLog{log})
	cfg := dashboard.Config{Redis: rdb, Metrics: metrics.Handler(metrics.NewRegistry(rdb, version()), log)}
	lists, err := serverpilot.NewLists(rdb, set.APIURL, set.APIRate, set.Accounts)
	if err != nil {
		return usageError{err}
	}
	if lists != nil { // a nil pointer would be an interface that isn't nil
		defer lists.Close()
		cfg.Remote = lists
	}
	served, err := openDashboard(ctx, set.Dashboard, cfg, false, log)
	if err != nil {
		return err
	}
	defer served.close()
	log.Infof("pilotsync %s: Redis is %s", version(), set.Redis.Shown)
	warnOfExposed(s, log, set.KeyFiles)
	watch := func(ctx context.Context) error { return watchRedis(ctx, rdb, log, set.Redis.Shown) }
	ctx, stop := context.WithCancel(ctx)
	waitReloads := reloader{log: log, files: files, atStart: []string{c.RedisURLFile}, load: func(_ context.Context, read config.ReadFile) error {
		set, err := c.reload(read, rdb, lists, set.Dashboard)
		warnOfExposed(s, log, set.KeyFiles)
		return err
	}}.run(ctx)
	err = alongside(ctx, watch, served.serve)
	stop()
	waitReloads()
	return err
}

const (
	redisCheckInterval = time.Second
	redisLogInterval   = 15 * time.Second
)

// watchRedis logs when Redis doesn't answer and when it answers again, until ctx ends.
// It returns an error if Redis refuses us at the start: waiting wouldn't help.
func watchRedis(ctx context.Context, rdb redis.UniversalClient, log *logrus.Logger, shown string) error {
	tick := time.NewTicker(redisCheckInterval)
	defer tick.Stop()
	var since, logged time.Time // zero while Redis answers
	for answered := false; ; {
		limited, cancel := context.WithTimeout(ctx, redisTimeout)
		err := rdb.Ping(limited).Err()
		cancel()
		refused, isRefused := redisurl.AsRefused(rdb, err)
		switch {
		case ctx.Err() != nil:
			return nil
		case err == nil:
			if !since.IsZero() {
				log.Infof("Redis is back, after %s", time.Since(since).Round(time.Second))
			}
			answered, since, logged = true, time.Time{}, time.Time{}
		case !answered && isRefused:
			return redisRefused(shown, refused)
		case time.Since(logged) >= redisLogInterval:
			if since.IsZero() {
				since = time.Now()
			}
			logged = time.Now()
			if isRefused {
				log.WithError(refused).Error("Redis answers, but refuses this dashboard; trying again")
			} else {
				log.WithError(err).Error("Redis is unavailable; waiting for it")
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
