package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/redisurl"
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

	w, err := worker.New(set.Worker)
	if err != nil {
		return usageError{err}
	}
	if set.Worker.DryRun {
		log.Warn("dry run: nothing is written to ServerPilot (PILOTSYNC_DRY_RUN)")
	}
	err = w.Run(ctx)
	if errors.Is(err, worker.ErrRedisRefused) {
		url, _ := c.url(&wrong{}, os.ReadFile)
		return usageError{fmt.Errorf("REDIS_URL (--redis-url) is %q; it takes the user and password that Redis knows: %w", redisurl.Redacted(url), err)}
	}
	return err
}
