package dashboard

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// A sender or a user has maxTries wrong passwords, then one more in each interval. The
// limit holds for each process, so several workers behind one address multiply it.
const (
	maxTries        = 10
	addressInterval = 5 * time.Second
	userInterval    = 10 * time.Second
	// maxRemembered is the size of a generation of limiters, and bounds the memory: there are
	// two generations, and an entry takes about 100 bytes.
	maxRemembered = 4096
)

// loginLimiter limits the rate of wrong passwords.
type loginLimiter struct {
	mu               sync.Mutex
	addresses, users limiters
}

func newLoginLimiter() *loginLimiter {
	return &loginLimiter{addresses: limiters{every: addressInterval}, users: limiters{every: userInterval}}
}

// try counts a try of a sender for a user. Call forgive if the password was right: then the
// try doesn't count. If the sender or the user has no tries left, try counts nothing and
// returns the time to wait.
func (l *loginLimiter) try(now time.Time, address, user string) (wait time.Duration, forgive func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	sender, target := l.addresses.get(address), l.users.get(user)
	if wait := max(untilToken(sender, now), untilToken(target, now)); wait > 0 {
		return wait, nil
	}
	taken := []*rate.Reservation{sender.ReserveN(now, 1), target.ReserveN(now, 1)}
	return 0, func() {
		for _, r := range taken {
			r.CancelAt(now) // now as of try, since a past reservation can't be canceled
		}
	}
}

// untilToken returns how long it takes until a limiter has a token.
func untilToken(l *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return max(time.Duration(missing/float64(l.Limit())*float64(time.Second)), time.Millisecond)
}

// limiters has the recently used limiters by key, in two generations. When the young one
// is full, the old one is dropped.
type limiters struct {
	every      time.Duration
	young, old map[string]*rate.Limiter
}

func (l *limiters) get(key string) *rate.Limiter {
	if found := l.young[key]; found != nil {
		return found
	}
	found := l.old[key]
	if found == nil {
		found = rate.NewLimiter(rate.Every(l.every), maxTries)
	}
	if l.young == nil || len(l.young) >= maxRemembered {
		l.old, l.young = l.young, map[string]*rate.Limiter{}
	}
	l.young[key] = found
	return found
}
