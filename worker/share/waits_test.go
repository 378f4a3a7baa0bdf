package share

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestTheLongestWaitGrowsWithTheBacklogAndEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var waits Waits
		g := Group{Kind: "account", Size: 2, MaxWait: time.Second, Postponed: waits.Add}
		for range 2 {
			if _, err := g.Enter(t.Context(), "a", "", false, never); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := g.Enter(t.Context(), "b", "", false, never); err != nil {
			t.Fatal(err)
		}
		if got := waits.Longest(); got != 0 {
			t.Errorf("no task waits, and the longest wait is %s", got)
		}
		for i := range 100 { // the first waits a second for a slot; then 2 slots, a second each, a fifth more
			if _, err := g.Enter(t.Context(), "a", "", false, never); wait(t, err) == 0 {
				t.Fatal("it has a slot")
			}
			if got, want := waits.Longest(), max(2*time.Second, time.Second+time.Duration(i)*400*time.Millisecond); got != want {
				t.Fatalf("behind %d tasks the longest wait is %s, want %s", i, got, want)
			}
		}
		time.Sleep(40 * time.Second)
		if got, want := waits.Longest(), 40600*time.Millisecond; got != want {
			t.Errorf("before the last is back the longest wait is %s, want %s", got, want)
		}
		time.Sleep(time.Second)
		if got := waits.Longest(); got != 0 {
			t.Errorf("all are back, and the longest wait is %s", got)
		}
	})
}

func TestAShorterWaitThatEndsLaterStaysKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var waits Waits
		now := time.Now()
		in := func(d time.Duration) time.Time { return now.Add(d) }
		waits.Add(in(0), in(time.Minute))
		waits.Add(in(0), in(30*time.Second))          // it changes nothing
		waits.Add(in(time.Minute), in(2*time.Minute)) // as long
		waits.Add(in(110*time.Second), in(3*time.Minute))
		waits.Add(in(170*time.Second), in(4*time.Minute-time.Second))
		for _, want := range []time.Duration{70 * time.Second, 70 * time.Second, 70 * time.Second, 69 * time.Second, 0} {
			if got := waits.Longest(); got != want {
				t.Errorf("after %s the longest wait is %s, want %s", time.Since(now), got, want)
			}
			time.Sleep(time.Minute)
		}
	})
}

func TestNoWaitCountsThatMoreSlotsWouldNotShorten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var waits Waits
		g := Group{Kind: "account", Size: 1, Postponed: waits.Add}
		for range 3 {
			_, _ = g.Enter(t.Context(), "a", "", false, func() bool { return true })
		}
		if got := waits.Longest(); got != 0 {
			t.Errorf("the longest wait is %s, want 0", got)
		}
	})
}
