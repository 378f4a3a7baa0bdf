// Package redismonitor monitors a worker's connection to Redis. It waits for Redis at the
// start, and logs once when Redis is unavailable and when it is back.
package redismonitor

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

// ErrRefused: Redis answers, but refuses this worker. The user or password is wrong, or the
// user lacks a right that a worker needs. Waiting doesn't help.
var ErrRefused = errors.New("this worker has no access to Redis")

const (
	checkInterval = time.Second
	// checkTimeout is long enough for the client's retries: only after those does its error
	// say what is wrong, such as "connection refused".
	checkTimeout = 5 * time.Second
	logInterval  = 15 * time.Second
	// hangLimit is the longest time between two passes of the monitor's loop. A pass takes a
	// second, and about six while Redis is unavailable, so a longer time is a hang.
	hangLimit = 30 * time.Second
)

// Monitor logs when Redis is unavailable and when it is back: once for the whole worker. Each of
// asynq's loops would log it every second.
type Monitor struct {
	rdb      redis.UniversalClient
	ledger   *ledger.Ledger
	log      *logrus.Entry
	lastPass atomic.Pointer[time.Time] // of the loop; nil before the first

	mu        sync.Mutex
	checkedAt time.Time
	connected bool      // Redis has answered before
	err       error     // of the last check
	downSince time.Time // when Redis went away
	loggedAt  time.Time // when an error was last logged
}

// New returns a monitor of rdb.
func New(rdb redis.UniversalClient, log *logrus.Entry) *Monitor {
	return &Monitor{rdb: rdb, ledger: ledger.New(rdb), log: log}
}

// Run checks every second until ctx ends.
func (m *Monitor) Run(ctx context.Context) {
	ticker := time.NewTicker(checkInterval)
	defer ticker.Stop()
	for {
		m.recordPass()
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_ = m.Check(ctx) // it logs the error
		}
	}
}

// Await returns once Redis answers or ctx has ended. Its only error is [ErrRefused].
func (m *Monitor) Await(ctx context.Context) error {
	ticker := time.NewTicker(checkInterval / 2)
	defer ticker.Stop()
	for {
		m.recordPass()
		err := m.Check(ctx)
		if err == nil {
			err = m.checkWriteAccess(ctx)
		}
		if err == nil {
			return nil
		}
		if refused, is := redisurl.AsRefused(m.rdb, err); is {
			return fmt.Errorf("%w: %w", ErrRefused, refused)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// checkWriteAccess checks a right that only a worker's user has, without changing anything. A worker
// with the login of WordPress or of a dashboard would fail later.
func (m *Monitor) checkWriteAccess(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if err := m.rdb.HDel(limited, "pilotsync:{}:domains", "-").Err(); err != nil {
		return fmt.Errorf("try a write to the ledger: %w", err)
	}
	return nil
}

// Check checks whether Redis answers, at most four times a second, and logs changes. It
// returns the error of the last check.
func (m *Monitor) Check(ctx context.Context) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if now.Sub(m.checkedAt) < checkInterval/4 {
		return m.err
	}
	limited, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	_, err := m.ledger.Now(limited)
	if ctx.Err() != nil {
		return m.err // the worker stops; that says nothing about Redis
	}
	m.logChange(err, now)
	m.checkedAt, m.err, m.connected = time.Now(), err, m.connected || err == nil
	return err
}

// logChange logs the difference between the last check and this one.
func (m *Monitor) logChange(err error, now time.Time) {
	if m.err == nil && err != nil {
		m.downSince, m.loggedAt = now, time.Time{}
	}
	refused, isRefused := redisurl.AsRefused(m.rdb, err)
	switch {
	case isRefused && !m.connected: // Await returns it
	case err == nil && m.err != nil:
		m.log.Infof("Redis is back, after %s", time.Since(m.downSince).Round(time.Second))
	case err != nil && now.Sub(m.loggedAt) >= logInterval:
		if isRefused {
			m.log.WithError(refused).Error("Redis answers, but refuses this worker; it keeps trying")
		} else {
			m.log.WithError(err).Error("Redis is unavailable; waiting for it")
		}
		m.loggedAt = now
	}
}

// Down reports whether Redis doesn't answer. The monitor has logged it then, so callers
// needn't.
func (m *Monitor) Down(ctx context.Context) bool { return m.Check(ctx) != nil }

// Alive returns an error if the monitor's loop doesn't run any more. All loops of the worker
// call the monitor after a failure, so then the worker hangs. It isn't a hang if Redis is
// unavailable, or if ServerPilot is slow: asynq ends each task at its time limit.
func (m *Monitor) Alive() error {
	at := m.lastPass.Load()
	if at == nil { // the loop hasn't started yet
		return nil
	}
	if age := time.Since(*at); age > hangLimit {
		return fmt.Errorf("the worker hangs: its monitor of Redis last ran %s ago; the limit is %s", age.Round(time.Second), hangLimit)
	}
	return nil
}

// recordPass records the time of a pass of the loop.
func (m *Monitor) recordPass() {
	now := time.Now()
	m.lastPass.Store(&now)
}
