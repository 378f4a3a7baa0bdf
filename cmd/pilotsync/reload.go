package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/internal/config"
	"pilotsync/internal/serverpilot"
	"pilotsync/worker"
)

// filesPollInterval is how often the settings' files are compared with what was read.
// A change is used at the second poll that finds it.
const filesPollInterval = 2 * time.Second

// reloader reads the configuration again at SIGHUP, and when one of its files changes.
type reloader struct {
	log     *logrus.Logger
	files   *config.Files
	atStart []string // files whose changes need a restart
	load    func(ctx context.Context, read config.ReadFile) error
}

// run reloads, one call after the other, until ctx ends. An error is logged, and the
// program keeps its configuration: a typing error in a file must not end what works.
// After run has returned, a SIGHUP no longer ends the process.
func (r reloader) run(ctx context.Context) (wait func()) {
	hangup := make(chan os.Signal, 1) // one that comes during a reload causes another
	signal.Notify(hangup, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer signal.Stop(hangup)
		poll := time.NewTicker(filesPollInterval)
		defer poll.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				r.reload(ctx, "SIGHUP")
			case <-poll.C:
				if changed := r.files.Changed(); len(changed) > 0 {
					r.reload(ctx, "changed: "+strings.Join(changed, ", "))
					r.warn(changed)
				}
			}
		}
	}()
	return func() { <-ended }
}

func (r reloader) reload(ctx context.Context, reason string) {
	r.log.Infof("reading the configuration again (%s)", reason)
	r.files.Reset()
	if err := r.load(ctx, r.files.ReadFile); err != nil && ctx.Err() == nil {
		r.log.WithError(err).Errorf("configuration not reloaded (%s); the previous one stays in use", reason)
	}
}

func (r reloader) warn(changed []string) {
	for _, name := range changed {
		if slices.Contains(r.atStart, name) {
			r.log.Warnf("%s changed; restart to use it", name)
		}
	}
}

// reload gives a running worker and its dashboard the accounts, apps, webhooks and
// users of another reading of the settings. Both keep their connections to Redis.
func (c *workerCmd) reload(ctx context.Context, read config.ReadFile, rdb redis.UniversalClient, w *worker.Worker, lists *serverpilot.Lists, running config.Dashboard) (config.Worker, error) {
	set, err := c.Parse(read)
	if err != nil {
		return config.Worker{}, err
	}
	set.Redis.Close() // it never connected
	newLists, err := serverpilot.NewLists(rdb, set.APIURL, set.APIRate, set.Accounts)
	if err != nil {
		return config.Worker{}, fmt.Errorf("the dashboard's accounts: %w", err)
	}
	if err := w.Reload(ctx, workerConfig(set)); err != nil {
		newLists.Close()
		return config.Worker{}, err
	}
	lists.Replace(newLists)
	replaceUsers(running, set.Dashboard)
	return set, nil
}

// reload gives a running dashboard the users of another reading of the settings, and
// the accounts with which it reads lists.
func (c *webCmd) reload(read config.ReadFile, rdb redis.UniversalClient, lists *serverpilot.Lists, running config.Dashboard) (config.Web, error) {
	set, err := c.Parse(read)
	if err != nil {
		return config.Web{}, err
	}
	set.Redis.Close() // it never connected
	if lists != nil {
		newLists, err := serverpilot.NewLists(rdb, set.APIURL, set.APIRate, set.Accounts)
		if err != nil {
			return config.Web{}, err
		}
		lists.Replace(newLists)
	}
	replaceUsers(running, set.Dashboard)
	return set, nil
}

// replaceUsers gives a running dashboard the users of another reading of its settings.
func replaceUsers(running, next config.Dashboard) {
	if running.Users != nil && next.Users != nil {
		running.Users.Replace(next.Users)
	}
}
