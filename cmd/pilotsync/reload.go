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

	"pilotsync/worker"
)

// pollFilesEvery is how often the files of the settings are compared with what was
// read. A change is taken at the second poll that finds it.
const pollFilesEvery = 2 * time.Second

// reloader reads the configuration again at SIGHUP, and when one of its files changes.
type reloader struct {
	log     *logrus.Logger
	files   *settingsFiles
	atStart []string // files whose content a running process can't take
	load    func(ctx context.Context, read readFile) error
}

// run reloads, one call after the other, until ctx ends. An error is logged, and the
// program goes on as it was: a typing error in a file must not end what works. From
// when run returns, a SIGHUP no longer ends the process.
func (r reloader) run(ctx context.Context) (wait func()) {
	hangup := make(chan os.Signal, 1) // one that comes during a reload has another follow
	signal.Notify(hangup, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer signal.Stop(hangup)
		poll := time.NewTicker(pollFilesEvery)
		defer poll.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
				r.reload(ctx, "SIGHUP")
			case <-poll.C:
				if changed := r.files.changed(); len(changed) > 0 {
					r.reload(ctx, "changed: "+strings.Join(changed, ", "))
					r.warn(changed)
				}
			}
		}
	}()
	return func() { <-ended }
}

func (r reloader) reload(ctx context.Context, why string) {
	r.log.Infof("reading the configuration again (%s)", why)
	r.files.restart()
	if err := r.load(ctx, r.files.readFile); err != nil && ctx.Err() == nil {
		r.log.WithError(err).Errorf("configuration not taken anew (%s); all stays as it was", why)
	}
}

func (r reloader) warn(changed []string) {
	for _, name := range changed {
		if slices.Contains(r.atStart, name) {
			r.log.Warnf("%s changed; restart to use it", name)
		}
	}
}

// reload has a running worker, and its dashboard, take accounts, apps, webhooks and
// users anew. Both keep their connections to Redis, which is rdb.
func (c *workerCmd) reload(ctx context.Context, read readFile, rdb redis.UniversalClient, w *worker.Worker, lists *remoteLists, page pageSetup, warn func(keyFiles []string)) error {
	set, err := c.config(read)
	if err != nil {
		return err
	}
	_ = set.Worker.Redis.Close() // it never connected
	anew, err := newRemoteLists(rdb, set.Worker.APIURL, set.Worker.APIRate, set.Worker.Accounts)
	if err != nil {
		return fmt.Errorf("the dashboard's accounts: %w", err)
	}
	if err := w.Reload(ctx, set.Worker); err != nil {
		anew.close()
		return err
	}
	lists.use(anew)
	page.use(set.pageSetup)
	warn(set.KeyFiles)
	return nil
}

// reload has a running dashboard take its users anew, and the accounts by which it
// reads lists.
func (c *webCmd) reload(read readFile, running webSetup, warn func(keyFiles []string)) error {
	set, err := c.config(read)
	if err != nil {
		return err
	}
	_ = set.redis.Close() // it never connected
	if running.lists != nil {
		anew, err := set.newLists(running.redis)
		if err != nil {
			return err
		}
		running.lists.use(anew)
	}
	running.pageSetup.use(set.pageSetup)
	warn(set.keyFiles)
	return nil
}
