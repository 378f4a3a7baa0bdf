package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/worker"
)

// onHangup calls reload at each SIGHUP, one call after the other, until ctx ends.
// An error is logged, and the program goes on as it was: a typing error in a file
// must not end what works. From when onHangup returns, a SIGHUP no longer ends the
// process.
func onHangup(ctx context.Context, log *logrus.Logger, reload func(context.Context) error) (wait func()) {
	hangup := make(chan os.Signal, 1) // one that comes during a reload has another follow
	signal.Notify(hangup, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer signal.Stop(hangup)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hangup:
			}
			if err := reload(ctx); err != nil && ctx.Err() == nil {
				log.WithError(err).Error("configuration not taken anew at SIGHUP; all stays as it was")
			}
		}
	}()
	return func() { <-ended }
}

// reload has a running worker, and its page, take accounts, apps and webhooks anew.
// Both keep their connections to Redis, which is rdb.
func (c *workerCmd) reload(ctx context.Context, rdb redis.UniversalClient, w *worker.Worker, lists *remoteLists) error {
	set, err := c.config(os.ReadFile)
	if err != nil {
		return err
	}
	_ = set.Worker.Redis.Close() // it never connected
	anew, err := newRemoteLists(rdb, set.Worker.APIURL, set.Worker.APIRate, set.Worker.Accounts)
	if err != nil {
		return fmt.Errorf("the page's accounts: %w", err)
	}
	if err := w.Reload(ctx, set.Worker); err != nil {
		anew.close()
		return err
	}
	lists.use(anew)
	return nil
}

// reload has a running page take the accounts anew by which it reads lists.
func (c *webCmd) reload(rdb redis.UniversalClient, lists *remoteLists) error {
	set, err := c.config(os.ReadFile)
	if err != nil {
		return err
	}
	_ = set.redis.Close() // it never connected
	if lists == nil {
		return nil // it reads none; which settings there are can't change in a process
	}
	anew, err := set.newLists(rdb)
	if err != nil {
		return err
	}
	lists.use(anew)
	return nil
}
