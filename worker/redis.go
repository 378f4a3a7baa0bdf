package worker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrRedisRefused: Redis answers, but not to us: the password or user is wrong,
// or not allowed what a worker needs. Waiting wouldn't help.
var ErrRedisRefused = errors.New("connection refused by Redis itself")

// awaitRedis waits until Redis answers, and says so while it doesn't. It
// returns nil, too, when ctx ends first.
func (w *Worker) awaitRedis(ctx context.Context) error {
	const sayEvery = 15 * time.Second
	var said time.Time
	waited := time.Now()
	for {
		_, err := w.ledger.Now(ctx)
		switch {
		case err == nil:
			if !said.IsZero() {
				w.log.Infof("Redis is there, after %s", time.Since(waited).Round(time.Second))
			}
			return nil
		case ctx.Err() != nil:
			return nil
		case refused(err):
			return fmt.Errorf("%w: %w", ErrRedisRefused, err)
		}
		if time.Since(said) >= sayEvery {
			w.log.WithError(err).Warn("Redis is away; waiting for it")
			said = time.Now()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(500 * time.Millisecond):
		}
	}
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
