package dashboard

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// quota bounds how much of something users hold at a time: together, and each. It is safe for
// concurrent use.
type quota struct {
	total, each int

	mu    sync.Mutex
	held  int
	by    map[string]int // by user; none is 0
	freed chan struct{}  // closed at the next release
}

func newQuota(total, each int) *quota {
	return &quota{total: total, each: each, by: map[string]int{}, freed: make(chan struct{})}
}

// try returns what the caller must call at the end. Or it returns the status of the refusal: 429
// if the user holds all that one may hold, 503 if all users do together.
func (q *quota) try(user string) (release func(), refusal int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.by[user] >= q.each:
		return nil, http.StatusTooManyRequests
	case q.held >= q.total:
		return nil, http.StatusServiceUnavailable
	}
	q.held++
	q.by[user]++
	return func() { q.release(user) }, 0
}

// acquire is as try, but first waits for others until ctx ends.
func (q *quota) acquire(ctx context.Context, user string) (release func(), refusal int) {
	for {
		q.mu.Lock()
		freed := q.freed // read before the try, so that no release is missed
		q.mu.Unlock()
		if release, refusal = q.try(user); refusal == 0 {
			return release, 0
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return nil, refusal
		}
	}
}

func (q *quota) release(user string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.held--
	if q.by[user]--; q.by[user] == 0 {
		delete(q.by, user)
	}
	close(q.freed)
	q.freed = make(chan struct{})
}

// refuse responds to a request that got nothing of a quota.
func refuse(w http.ResponseWriter, status int, after time.Duration, cause string) {
	w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	writeText(w, status, cause)
}
