package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/worker/ledger"
)

// ErrRedisRefused: Redis answers, but not to us: the password or user is wrong,
// or not allowed what a worker needs. Waiting wouldn't help.
var ErrRedisRefused = errors.New("connection refused by Redis itself")

// ErrRedisSilent: the worker stopped while Redis didn't answer. Loops of asynq's still
// wait for it: the process is to end without closing [Config.Redis], since a closed
// client makes asynq panic.
var ErrRedisSilent = errors.New("stopped without an answer from Redis")

// redisWatch says when Redis goes away and when it is back: once for the whole
// worker, where each of asynq's loops would say it every second.
type redisWatch struct {
	ledger *ledger.Ledger
	log    *logrus.Entry
	turned atomic.Pointer[time.Time] // when its loop last did; nil before it began

	mu      sync.Mutex
	checked time.Time
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
			return nil
		}
		if refused(err) {
			return fmt.Errorf("%w: %w", ErrRedisRefused, err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
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
	switch {
	case err == nil && r.err != nil:
		r.log.Infof("Redis is back, after %s", time.Since(r.since).Round(time.Second))
	case err != nil && now.Sub(r.said) >= sayEvery:
		r.log.WithError(err).Error("Redis is away; waiting for it")
		r.said = now
	}
	r.checked, r.err = time.Now(), err
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

// refused tells a Redis that doesn't want us from one that is away, by the
// error codes of its protocol.
func refused(err error) bool {
	for _, code := range []string{"WRONGPASS", "NOAUTH", "NOPERM", "ERR AUTH", "ERR invalid password"} {
		if strings.Contains(err.Error(), code) {
			return true
		}
	}
	return false
}
