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
	mu sync.Mutex
	// Each user of the password file keeps a limiter, so that nothing makes it forgotten. Names
	// that don't exist share those of strangers.
	users                map[string]*rate.Limiter
	addresses, strangers limiters
}

func newLoginLimiter() *loginLimiter {
	return &loginLimiter{users: map[string]*rate.Limiter{}, addresses: limiters{every: addressInterval}, strangers: limiters{every: userInterval}}
}

// try counts a try of a sender for a user; exists is whether there is such a user. Call forgive if
// the password was right: then the try doesn't count. If the sender or the user has no tries left,
// try counts and keeps nothing, and returns the time to wait.
func (l *loginLimiter) try(now time.Time, address, user string, exists bool) (wait time.Duration, forgive func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	target := l.strangers.find(user)
	if exists {
		target = l.users[user]
	}
	if wait := max(untilToken(l.addresses.find(address), now), untilToken(target, now)); wait > 0 {
		return wait, nil
	}
	switch {
	case target != nil:
	case exists:
		target = rate.NewLimiter(rate.Every(userInterval), maxTries)
		l.users[user] = target
	default:
		target = l.strangers.get(user)
	}
	taken := []*rate.Reservation{l.addresses.get(address).ReserveN(now, 1), target.ReserveN(now, 1)}
	return 0, func() {
		for _, r := range taken {
			r.CancelAt(now) // now as of try, since a past reservation can't be canceled
		}
	}
}

// untilToken returns how long it takes until a limiter has a token; 0 for nil.
func untilToken(l *rate.Limiter, now time.Time) time.Duration {
	if l == nil {
		return 0
	}
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

// find returns the limiter of a key, nil if there is none.
func (l *limiters) find(key string) *rate.Limiter {
	if found := l.young[key]; found != nil {
		return found
	}
	found := l.old[key]
	if found != nil {
		l.keep(key, found)
	}
	return found
}

// get returns the limiter of a key, and makes one if there is none.
func (l *limiters) get(key string) *rate.Limiter {
	found := l.find(key)
	if found == nil {
		found = rate.NewLimiter(rate.Every(l.every), maxTries)
		l.keep(key, found)
	}
	return found
}

func (l *limiters) keep(key string, limiter *rate.Limiter) {
	if l.young == nil || len(l.young) >= maxRemembered {
		l.old, l.young = l.young, map[string]*rate.Limiter{}
	}
	l.young[key] = limiter
}
