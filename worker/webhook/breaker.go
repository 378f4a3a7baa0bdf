package webhook

import (
	"sync"
	"time"
)

const (
	openMin = 5 * time.Second
	openMax = 5 * time.Minute
)

// breaker is a circuit breaker: it prevents that a failing endpoint occupies all slots for
// events. After a failure it opens, and nothing is sent for a while. Then it lets one event
// at a time through, until one is delivered. Each worker has its own breakers.
type breaker struct {
	mu        sync.Mutex
	fails     int       // in a row; failures of concurrent requests count once
	openUntil time.Time // nothing is sent before
	probing   bool      // the one event is being sent
	cause     error     // of the last failure
}

// allow returns 0 if an event may be sent; then record must be called with the outcome.
// Otherwise nothing may be sent for wait, because of cause.
func (b *breaker) allow(now time.Time) (wait time.Duration, cause error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.fails == 0:
		return 0, nil
	case now.Before(b.openUntil):
		return b.openUntil.Sub(now), b.cause
	case b.probing:
		return openMin, b.cause
	}
	b.probing = true
	return 0, nil
}

// record records the outcome of a request. After a failure of the endpoint the breaker
// opens for a while, at least as long as the endpoint asked for.
func (b *breaker) record(now time.Time, o outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.probing = false
	switch o.result {
	case canceled:
	case delivered, gone, declined: // the endpoint answers
		b.fails, b.openUntil, b.cause = 0, time.Time{}, nil
	case failing:
		b.cause = o.err
		if !now.Before(b.openUntil) {
			b.fails++
		}
		open := max(min(openMin<<min(b.fails-1, 16), openMax), o.retryAfter)
		if until := now.Add(open); until.After(b.openUntil) {
			b.openUntil = until
		}
	}
}
