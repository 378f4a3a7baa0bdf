package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/internal/redisurl"
	"pilotsync/worker/ledger"
)

// ErrRedisRefused: Redis answers, but not to us: the password or user is wrong,
// or not allowed what a worker needs. Waiting wouldn't help.
var ErrRedisRefused = errors.New("this worker is not let in")

// ErrRedisSilent: the worker stopped while Redis didn't answer. Loops of asynq's still
// wait for it: the process is to end without closing [Config.Redis], since a closed
// client makes asynq panic.
var ErrRedisSilent = errors.New("stopped without an answer from Redis")

// redisWatch says when Redis goes away and when it is back: once for the whole
// worker, where each of asynq's loops would say it every second.
type redisWatch struct {
	rdb    redis.UniversalClient
	ledger *ledger.Ledger
	log    *logrus.Entry
	turned atomic.Pointer[time.Time] // when its loop last did; nil before it began

	mu      sync.Mutex
	checked time.Time
	met     bool      // Redis has answered before
	err     error     // of the last check
	since   time.Time // when Redis went away
	said    time.Time // when that was last said
}

const (
	watchEvery = time.Second
	// checkLimit leaves the client the time for its own retries: only then does its
	// error say what is wrong, such as "connection refused".
	checkLimit = 5 * time.Second
	sayEvery   = 15 * time.Second
)

// run checks until ctx ends.
func (r *redisWatch) run(ctx context.Context) {
	ticker := time.NewTicker(watchEvery)
	defer ticker.Stop()
	for {
		r.turn()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = r.check(ctx) // it has said what there is to say
		}
	}
}

// await returns once Redis answers or ctx has ended. Its error is
// [ErrRedisRefused].
func (r *redisWatch) await(ctx context.Context) error {
	ticker := time.NewTicker(watchEvery / 2)
	defer ticker.Stop()
	for {
		r.turn()
		err := r.check(ctx)
		if err == nil {
			err = r.mayWrite(ctx)
		}
		if err == nil {
			return nil
		}
		if refused, is := redisurl.AsRefused(r.rdb, err); is {
			return fmt.Errorf("%w: %w", ErrRedisRefused, refused)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// mayWrite asks for a right that only a worker's user has, without changing anything.
// A worker with the login of WordPress or of a dashboard would fail in everything else.
func (r *redisWatch) mayWrite(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	if err := r.rdb.HDel(limited, "pilotsync:{}:domains", "-").Err(); err != nil {
		return fmt.Errorf("try a write to the ledger: %w", err)
	}
	return nil
}

// check asks Redis whether it is there, at most a few times a second, and says
// what has changed.
func (r *redisWatch) check(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	if now.Sub(r.checked) < watchEvery/4 {
		return r.err
	}
	limited, cancel := context.WithTimeout(ctx, checkLimit)
	defer cancel()
	_, err := r.ledger.Now(limited)
	if ctx.Err() != nil {
		return r.err // we are leaving; that says nothing about Redis
	}
	if r.err == nil && err != nil {
		r.since, r.said = now, time.Time{}
	}
	refused, isRefused := redisurl.AsRefused(r.rdb, err)
	switch {
	case isRefused && !r.met: // await's error says it
	case err == nil && r.err != nil:
		r.log.Infof("Redis is back, after %s", time.Since(r.since).Round(time.Second))
	case err != nil && now.Sub(r.said) >= sayEvery:
		if isRefused {
			r.log.WithError(refused).Error("Redis answers, but refuses this worker; trying again until it is let in")
		} else {
			r.log.WithError(err).Error("Redis is away; waiting for it")
		}
		r.said = now
	}
	r.checked, r.err, r.met = time.Now(), err, r.met || err == nil
	return err
}

// queueLog is asynq's log. While Redis is away its loops complain all the time;
// what the watch says is enough then.
type queueLog struct {
	*logrus.Entry
	watch *redisWatch
}

// Warn implements asynq.Logger.
func (l queueLog) Warn(args ...any) { l.say(logrus.WarnLevel, args) }

// Error implements asynq.Logger.
func (l queueLog) Error(args ...any) { l.say(logrus.ErrorLevel, args) }

func (l queueLog) say(level logrus.Level, args []any) {
	if l.watch.check(context.Background()) != nil {
		level = logrus.DebugLevel
	}
	l.Log(level, args...)
}
