// Package quota bounds how much of something is held at a time, so that one user or app leaves some
// to the others.
package quota

import (
	"context"
	"net/http"
	"sync"
)

// Quota bounds how much of something is held at a time: in all, and for each key, such as a user or
// an app's id. It is safe for concurrent use.
type Quota struct {
	total, each int

	mu    sync.Mutex
	held  int
	by    map[string]int // by key; none is 0
	freed chan struct{}  // closed at the next release
}

// New returns a Quota of total in all, and of each for a key.
func New(total, each int) *Quota {
	return &Quota{total: total, each: each, by: map[string]int{}, freed: make(chan struct{})}
}

// Try returns what the caller must call at the end. Or it returns the refusal as a status of HTTP: 429
// if the key holds all that one may hold, 503 if all do together.
func (q *Quota) Try(key string) (release func(), refusal int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.by[key] >= q.each:
		return nil, http.StatusTooManyRequests
	case q.held >= q.total:
		return nil, http.StatusServiceUnavailable
	}
	q.held++
	q.by[key]++
	return func() { q.release(key) }, 0
}

// Acquire is as Try, but first waits for others until ctx ends.
func (q *Quota) Acquire(ctx context.Context, key string) (release func(), refusal int) {
	for {
		q.mu.Lock()
		freed := q.freed // read before the try, so that no release is missed
		q.mu.Unlock()
		if release, refusal = q.Try(key); refusal == 0 {
			return release, 0
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, refusal
		}
	}
}

func (q *Quota) release(key string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held--
	if q.by[key]--; q.by[key] == 0 {
		delete(q.by, key)
	}
	close(q.freed)
	q.freed = make(chan struct{})
}
