// Package cache keeps values that take a while to load. A value is loaded once for all
// callers that ask at the same time, and is then good for a while.
package cache

import (
	"context"
	"sync"
	"time"
)

// Cache has a value for each key. Its fields must not change after the first call.
type Cache[K comparable, V any] struct {
	// MaxAge is how long a loaded value is good for.
	MaxAge time.Duration
	// Timeout ends the context of a load. A caller waits as long as its own context lasts.
	Timeout time.Duration
	// Base is the parent of that context: a load belongs to no single caller. Nil is
	// [context.Background].
	Base context.Context
	// KeepErrors makes an error good for MaxAge, as a value is. Otherwise only callers
	// that waited for the load get it.
	KeepErrors bool
	// MaxEntries bounds the memory: beyond it all values are dropped. 0 is no limit.
	MaxEntries int

	mu      sync.Mutex
	entries map[K]entry[V]
	loads   map[K]*load[V]
}

type entry[V any] struct {
	value           V
	err             error
	started, loaded time.Time
}

// load is one under way.
type load[V any] struct {
	done chan struct{} // closed when entry is set
	entry[V]
}

// Get returns a value that was loaded within MaxAge, or calls f to load it. f must be the
// same for all calls with a key. If ctx ends first, the error is that of ctx, and the load
// continues for other callers.
func (c *Cache[K, V]) Get(ctx context.Context, key K, f func(context.Context) (V, error)) (V, error) {
	c.mu.Lock()
	if e, ok := c.entries[key]; ok && time.Since(e.loaded) < c.MaxAge {
		c.mu.Unlock()
		return e.value, e.err
	}
	l := c.join(key, f)
	c.mu.Unlock()
	return l.wait(ctx)
}

// GetSince is [Cache.Get] for a value whose load started at since or later, however long
// ago that is.
func (c *Cache[K, V]) GetSince(ctx context.Context, key K, since time.Time, f func(context.Context) (V, error)) (V, error) {
	for {
		c.mu.Lock()
		if e, ok := c.entries[key]; ok && !e.started.Before(since) {
			c.mu.Unlock()
			return e.value, e.err
		}
		l := c.join(key, f)
		c.mu.Unlock()
		value, err := l.wait(ctx)
		if err != nil || !l.started.Before(since) {
			return value, err
		}
	}
}

// Has reports whether [Cache.Get] with a key returns without a load of its own.
func (c *Cache[K, V]) Has(key K) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	return c.loads[key] != nil || ok && time.Since(e.loaded) < c.MaxAge
}

// join returns the load of a key that is under way, or starts one.
func (c *Cache[K, V]) join(key K, f func(context.Context) (V, error)) *load[V] {
	if l := c.loads[key]; l != nil {
		return l
	}
	l := &load[V]{done: make(chan struct{}), entry: entry[V]{started: time.Now()}}
	if c.loads == nil {
		c.loads, c.entries = map[K]*load[V]{}, map[K]entry[V]{}
	}
	c.loads[key] = l
	go c.run(key, l, f)
	return l
}

func (c *Cache[K, V]) run(key K, l *load[V], f func(context.Context) (V, error)) {
	base := c.Base
	if base == nil {
		base = context.Background()
	}
	ctx, cancel := context.WithTimeout(base, c.Timeout)
	defer cancel()
	value, err := f(ctx)

	c.mu.Lock()
	defer c.mu.Unlock()
	l.value, l.err, l.loaded = value, err, time.Now()
	delete(c.loads, key)
	if err == nil || c.KeepErrors {
		if c.MaxEntries > 0 && len(c.entries) >= c.MaxEntries {
			clear(c.entries)
		}
		c.entries[key] = l.entry
	}
	close(l.done)
}

func (l *load[V]) wait(ctx context.Context) (V, error) {
	select {
	case <-l.done:
		return l.value, l.err
	case <-ctx.Done():
		var zero V
		return zero, ctx.Err()
	}
}
