package dashboard

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// After tries many, a sender or a user has one more each pause. It is per
// process: several workers behind one address allow as many times that.
const (
	tries        = 10
	addressPause = 5 * time.Second
	userPause    = 10 * time.Second
	// remembered bounds the memory for each, at about 100 bytes an entry: up to
	// twice as many are known.
	remembered = 4096
)

// loginLimiter slows down those who try passwords.
type loginLimiter struct {
	mu               sync.Mutex
	addresses, users limiters
}

func newLoginLimiter() *loginLimiter {
	return &loginLimiter{addresses: limiters{every: addressPause}, users: limiters{every: userPause}}
}

// try counts a try against its sender and its user, until forgive is called
// because it was right. If either has used up theirs, it counts against neither,
// and the time to wait is returned.
func (b *loginLimiter) try(now time.Time, address, user string) (wait time.Duration, forgive func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	sender, target := b.addresses.of(address), b.users.of(user)
	if wait := max(untilToken(sender, now), untilToken(target, now)); wait > 0 {
		return wait, nil
	}
	taken := []*rate.Reservation{sender.ReserveN(now, 1), target.ReserveN(now, 1)}
	return 0, func() {
		for _, r := range taken {
			r.CancelAt(now) // as of then: one that is over can't be cancelled
		}
	}
}

// untilToken is how long it takes until a limiter has a token.
func untilToken(l *rate.Limiter, now time.Time) time.Duration {
	missing := 1 - l.TokensAt(now)
	if missing <= 0 {
		return 0
	}
	return max(time.Duration(missing/float64(l.Limit())*float64(time.Second)), time.Millisecond)
}

// limiters are those used of late. When there are too many, the older
// generation is forgotten.
type limiters struct {
	every      time.Duration
	young, old map[string]*rate.Limiter
}

func (l *limiters) of(key string) *rate.Limiter {
	if found := l.young[key]; found != nil {
		return found
	}
	found := l.old[key]
	if found == nil {
		found = rate.NewLimiter(rate.Every(l.every), tries)
	}
	if l.young == nil || len(l.young) >= remembered {
		l.old, l.young = l.young, map[string]*rate.Limiter{}
	}
	l.young[key] = found
	return found
}
