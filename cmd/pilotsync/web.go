package main

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/internal/dashboard"
	"pilotsync/internal/redisurl"
	"pilotsync/worker"
)

type webCmd struct {
	webSettings `embed:""`
}

// webSettings are all settings of the page alone.
type webSettings struct {
	redisSettings
	accountSettings
	apiSettings
	pageSettings
	logSettings
}

// Help is shown under the command's own --help.
func (*webCmd) Help() string {
	return `Serves the page that a worker serves, too, without working: for a machine where the page should be but no key. It runs until SIGTERM or SIGINT, and waits for Redis; when the files of accounts, keys or users change, or at SIGHUP, it reads them again. Where it is given the account's settings, the page of an app shows the list on ServerPilot, too.

Examples:

    pilotsync web --redis-url=redis://redis:6379/0

    htpasswd -B -c pilotsync.users ada      # a line that ends in :act is for one who may act
    pilotsync web --listen=0.0.0.0:8080 --auth=pilotsync.users --health-listen=:8081`
}

// Run serves the page until ctx ends.
func (c *webCmd) Run(ctx context.Context, s *streams) error {
	files := newSettingsFiles()
	set, err := c.config(files.readFile)
	if err != nil {
		return err
	}
	defer set.redis.Close()
	log := set.logger(s)
	redis.SetLogger(redisLog{log})
	if set.lists != nil {
		defer set.lists.close()
	}
	set.web.Metrics = worker.MetricsHandler(worker.NewRegistry(set.redis, version()), log)
	page, err := set.pageSetup.open(ctx, set.web, false, log)
	if err != nil {
		return err
	}
	defer page.close()
	log.Infof("pilotsync %s: Redis is %s", version(), set.shown)
	warn := func(keyFiles []string) { s.warnOfExposed(log, keyFiles) }
	warn(set.keyFiles)
	watch := func(ctx context.Context) error { return watchRedis(ctx, set.redis, log, set.shown) }
	ctx, stop := context.WithCancel(ctx)
	reloaded := reloader{log: log, files: files, atStart: []string{c.RedisURLFile}, load: func(_ context.Context, read readFile) error {
		return c.reload(read, set, warn)
	}}.run(ctx)
	err = alongside(ctx, watch, page.serve)
	stop()
	reloaded()
	return err
}

// webSetup is what the settings of the page alone come to.
type webSetup struct {
	pageSetup
	logSetup
	redis redis.UniversalClient
	shown string // its URL, as it may be shown
	web   dashboard.Config
	lists *remoteLists // nil without an account
	// keyFiles are those that keys and passwords were read from.
	keyFiles []string
	// newLists makes such lists anew, nil without an account.
	newLists func(redis.UniversalClient) (*remoteLists, error)
}

// config checks every setting, as that of a worker does.
func (s webSettings) config(readFile readFile) (webSetup, error) {
	w := wrong{}
	set := webSetup{pageSetup: s.page(&w, readFile), logSetup: s.log(&w)}
	if set.Listen == "" && s.Listen != "" && len(w.lines) == 0 {
		w.add("PILOTSYNC_LISTEN", s.Listen, "without a page there is nothing to serve; it takes host:port, such as 127.0.0.1:8080")
	}
	url, rate := take(&w, "SERVERPILOT_API_URL", s.APIURL, parseAPIURL), take(&w, "PILOTSYNC_API_RATE", s.APIRate, wholeNumber(0, 1000))
	set.newLists = func(redis.UniversalClient) (*remoteLists, error) { return nil, nil }
	if s.accountSettings.set() {
		accounts, _ := s.accounts(&w, readFile)
		set.newLists = func(rdb redis.UniversalClient) (*remoteLists, error) {
			return newRemoteLists(rdb, url, rate, accounts)
		}
	}
	set.redis, set.shown = s.open(&w, readFile)
	set.keyFiles = w.keyFiles
	err := w.err()
	if err == nil {
		if set.lists, err = set.newLists(set.redis); err != nil {
			err = usageError{err}
		}
	}
	if err != nil {
		if set.redis != nil {
			_ = set.redis.Close() // it never connected
		}
		return webSetup{}, err
	}
	set.web.Redis = set.redis
	if set.lists != nil { // a nil pointer would be an interface that isn't nil
		set.web.Remote = set.lists
	}
	return set, nil
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
		limited, cancel := context.WithTimeout(ctx, redisPatience)
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
