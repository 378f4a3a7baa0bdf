package dashboard

import (
	"fmt"
	"testing"
	"time"
)

func TestTriesComeBackWithTime(t *testing.T) {
	t.Parallel()
	b, now := newLoginLimiter(), time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for i := range tries {
		if wait, _ := b.try(now, "a", fmt.Sprint(i)); wait > 0 {
			t.Fatalf("try %d has to wait %v", i, wait)
		}
	}
	for _, test := range []struct {
		after         time.Duration
		address, user string
		wait          time.Duration
	}{
		{0, "a", "new", addressPause},
		{time.Second, "a", "new", addressPause - time.Second},
		{time.Second, "b", "new", 0},
		{addressPause, "a", "new", 0},
		{addressPause, "a", "new", addressPause},
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
	for i := range 5 * tries {
		wait, forgive := b.try(now, "a", "u")
		if wait > 0 {
			t.Fatalf("try %d has to wait %v", i, wait)
		}
		forgive()
	}
}

func TestABrakeRemembersALimitedNumber(t *testing.T) {
	t.Parallel()
	l, now := limiters{every: addressPause}, time.Now()
	l.of("lately").AllowN(now, tries)
	for i := range 5 * remembered {
		l.of(fmt.Sprint(i))
		if i%remembered == remembered/2 && untilToken(l.of("lately"), now) == 0 {
			t.Fatalf("one that is still used is forgotten after %d others", i)
		}
	}
	if n := len(l.young) + len(l.old); n > 2*remembered {
		t.Errorf("%d are remembered", n)
	}
}
