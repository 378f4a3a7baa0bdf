package main

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/internal/config"
	"pilotsync/internal/dashboard"
	"pilotsync/internal/redisurl"
	"pilotsync/worker/metrics"
)

type webCmd struct {
	config.WebSettings `embed:""`
}

// Help is shown under the command's own --help.
func (*webCmd) Help() string {
	return `Serves the page that a worker serves, too, without working: for a machine where the page should be but no key. It runs until SIGTERM or SIGINT, and waits for Redis; when the files of accounts, keys or users change, or at SIGHUP, it reads them again. Where it is given the account's settings, the page of an app shows the list on ServerPilot, too.

Examples:

    pilotsync web --redis-url=redis://redis:6379/0

    htpasswd -B -c pilotsync.users ada      # a line that ends in :act is for one who may act
    pilotsync web --listen=0.0.0.0:8080 --auth=pilotsync.users --health-listen=:8081`
}

// Run serves the dashboard until ctx ends.
func (c *webCmd) Run(ctx context.Context, s *streams) error {
	files := config.NewFiles()
	set, err := c.Parse(files.ReadFile)
	if err != nil {
		return err
	}
	defer set.Redis.Close()
	rdb, log := set.Redis.Client, newLogger(s, set.Log)
	redis.SetLogger(redisLog{log})
	cfg := dashboard.Config{Redis: rdb, Metrics: metrics.Handler(metrics.NewRegistry(rdb, version()), log)}
	lists, err := newRemoteLists(rdb, set.API, set.Accounts)
	if err != nil {
		return usageError{err}
	}
	if lists != nil { // a nil pointer would be an interface that isn't nil
		defer lists.close()
		cfg.Remote = lists
	}
	page, err := openDashboard(ctx, set.Dashboard, cfg, false, log)
	if err != nil {
		return err
	}
	defer page.close()
	log.Infof("pilotsync %s: Redis is %s", version(), set.Redis.Shown)
	s.warnOfExposed(log, set.KeyFiles)
	watch := func(ctx context.Context) error { return watchRedis(ctx, rdb, log, set.Redis.Shown) }
	ctx, stop := context.WithCancel(ctx)
	waitReloads := reloader{log: log, files: files, atStart: []string{c.RedisURLFile}, load: func(_ context.Context, read config.ReadFile) error {
		set, err := c.reload(read, rdb, lists, set.Dashboard)
		s.warnOfExposed(log, set.KeyFiles)
		return err
	}}.run(ctx)
	err = alongside(ctx, watch, page.serve)
	stop()
	waitReloads()
	return err
}

const (
	watchEvery = time.Second
	watchSays  = 15 * time.Second
)

// watchRedis says when Redis is away and when it is back, until ctx ends. Its
// error is that Redis refuses us at the start: waiting wouldn't help.
func watchRedis(ctx context.Context, rdb redis.UniversalClient, log *logrus.Logger, shown string) error {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	var since, said time.Time // zero while Redis is there
	for met := false; ; {
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
			met, since, said = true, time.Time{}, time.Time{}
		case !met && isRefused:
			return redisRefused(shown, refused)
		case time.Since(said) >= watchSays:
			if since.IsZero() {
				since = time.Now()
			}
			said = time.Now()
			if isRefused {
				log.WithError(refused).Error("Redis answers, but refuses this dashboard; trying again until it is let in")
			} else {
				log.WithError(err).Error("Redis is away; waiting for it")
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
