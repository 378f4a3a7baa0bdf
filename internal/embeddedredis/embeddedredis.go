// Package embeddedredis is a Redis in this process, to try pilotsync without a server. It keeps
// nothing on disk.
package embeddedredis

import (
	"context"
	"fmt"
	"time"

	"github.com/alicebob/miniredis/v2"
)

// Redis is a running Redis.
type Redis struct {
	mini *miniredis.Miniredis
	stop context.CancelFunc
	done chan struct{}
}

// Start listens on an address, such as 127.0.0.1:0 for a free port. The caller must close it.
func Start(address string) (*Redis, error) {
	mini := miniredis.NewMiniRedis()
	if err := mini.StartAddr(address); err != nil {
		return nil, fmt.Errorf("start the embedded Redis on %s: %w", address, err)
	}
	ctx, stop := context.WithCancel(context.Background())
	r := &Redis{mini: mini, stop: stop, done: make(chan struct{})}
	go r.expireKeys(ctx)
	return r, nil
}

// expireKeys moves the time by which miniredis expires keys, which doesn't move by itself.
func (r *Redis) expireKeys(ctx context.Context) {
	defer close(r.done)
	ticker := time.NewTicker(500 * time.Millisecond)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			r.mini.FastForward(now.Sub(last))
			last = now
		}
	}
}

// Addr is the address on which it listens, as HOST:PORT.
func (r *Redis) Addr() string { return r.mini.Addr() }

// URL is that of its database 0.
func (r *Redis) URL() string { return "redis://" + r.Addr() + "/0" }

// Close stops it and forgets what it has.
func (r *Redis) Close() {
	r.stop()
	<-r.done
	r.mini.Close()
}
