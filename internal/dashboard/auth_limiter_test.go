package dashboard

import (
	"fmt"
	"testing"
	"time"
)

func TestTriesAreRefilledOverTime(t *testing.T) {
	t.Parallel()
	b, now := newLoginLimiter(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range maxTries {
		if wait, _ := b.try(now, "a", fmt.Sprint(i)); wait > 0 {
			t.Fatalf("try %d has to wait %v", i, wait)
		}
	}
	for _, test := range []struct {
		after         time.Duration
		address, user string
		wait          time.Duration
	}{
		{0, "a", "new", addressInterval},
		{time.Second, "a", "new", addressInterval - time.Second},
		{time.Second, "b", "new", 0},
		{addressInterval, "a", "new", 0},
		{addressInterval, "a", "new", addressInterval},
		{time.Hour, "a", "new", 0},
	} {
		if wait, _ := b.try(now.Add(test.after), test.address, test.user); wait.Round(time.Millisecond) != test.wait {
			t.Errorf("after %v from %s for %s: wait %v, want %v", test.after, test.address, test.user, wait, test.wait)
		}
	}
}

func TestARightPasswordCostsNoTry(t *testing.T) {
	t.Parallel()
	b, now := newLoginLimiter(), time.Now()
	for i := range 5 * maxTries {
		wait, forgive := b.try(now, "a", "u")
		if wait > 0 {
			t.Fatalf("try %d has to wait %v", i, wait)
		}
		forgive()
	}
}

func TestTheLimiterRemembersABoundedNumber(t *testing.T) {
	t.Parallel()
	l, now := limiters{every: addressInterval}, time.Now()
	l.get("lately").AllowN(now, maxTries)
	for i := range 5 * maxRemembered {
		l.get(fmt.Sprint(i))
		if i%maxRemembered == maxRemembered/2 && untilToken(l.get("lately"), now) == 0 {
			t.Fatalf("a recently used limiter is forgotten after %d others", i)
		}
	}
	if n := len(l.young) + len(l.old); n > 2*maxRemembered {
		t.Errorf("%d limiters are remembered", n)
	}
}
