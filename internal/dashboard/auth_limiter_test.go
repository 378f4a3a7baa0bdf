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
		if wait, _ := b.try(now, "a", fmt.Sprint(i), false); wait > 0 {
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
		if wait, _ := b.try(now.Add(test.after), test.address, test.user, false); wait.Round(time.Millisecond) != test.wait {
			t.Errorf("after %v from %s for %s: wait %v, want %v", test.after, test.address, test.user, wait, test.wait)
		}
	}
}

func TestARightPasswordCostsNoTry(t *testing.T) {
	t.Parallel()
	b, now := newLoginLimiter(), time.Now()
	for i := range 5 * maxTries {
		wait, forgive := b.try(now, "a", "u", true)
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

func TestInventedNamesMakeNoUsersTriesForgotten(t *testing.T) {
	t.Parallel()
	l, now := newLoginLimiter(), time.Now()
	for i := range maxTries {
		l.try(now, fmt.Sprint("first sender ", i), "ada", true)
	}
	for i := range 5 * maxRemembered { // each from a new sender, so none is refused
		if wait, _ := l.try(now, fmt.Sprint(i), fmt.Sprint("invented", i), false); wait > 0 {
			t.Fatalf("invented name %d has to wait %v", i, wait)
		}
	}
	if wait, _ := l.try(now, "a new sender", "ada", true); wait != userInterval {
		t.Errorf("the user has to wait %v, want %v", wait, userInterval)
	}
}

func TestARefusedTryLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	l, now := newLoginLimiter(), time.Now()
	for range maxTries {
		l.try(now, "a", "ada", false)
	}
	for i := range 100 {
		if wait, _ := l.try(now, "a", fmt.Sprint("invented", i), i%2 == 0); wait == 0 {
			t.Fatal("a sender without tries isn't refused")
		}
		if wait, _ := l.try(now, fmt.Sprint("sender", i), "ada", false); wait == 0 {
			t.Fatal("a name without tries isn't refused")
		}
	}
	if len(l.users) != 0 || len(l.strangers.young) != 1 || len(l.addresses.young) != 1 {
		t.Errorf("kept are %d users, %d strangers and %d senders, want those of the first tries", len(l.users), len(l.strangers.young), len(l.addresses.young))
	}
}
