package share

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pilotsync/worker/taskerr"
)

func wait(t *testing.T, err error) time.Duration {
	t.Helper()
	var notReady *taskerr.NotReadyError
	if !errors.As(err, &notReady) {
		t.Fatalf("%v, want a NotReadyError", err)
	}
	return notReady.Wait
}

func uncounted(_, _ time.Time) {}

func never() bool { return false }

func TestQuickTasksWaitForTheirShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New("app a", 2, time.Second)
		var running sync.WaitGroup
		for range 20 { // each waits for an earlier one
			leave, err := s.Enter(t.Context(), uncounted)
			if err != nil {
				t.Fatal(err)
			}
			running.Go(func() {
				time.Sleep(900 * time.Millisecond)
				leave()
			})
		}
		running.Wait()
	})
}

func TestTasksBehindSlowOnesComeBackLater(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New("app a", 2, time.Second)
		first, err1 := s.Enter(t.Context(), uncounted)
		second, err2 := s.Enter(t.Context(), uncounted)
		if err := errors.Join(err1, err2); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		_, err := s.Enter(t.Context(), uncounted)
		if time.Since(began) != time.Second || wait(t, err) != time.Second {
			t.Errorf("the first one gave up after %s, and comes back after %s; want a second for both", time.Since(began), wait(t, err))
		}
		began = time.Now()
		for i := range 1000 { // 2 slots, a second each, a fifth more
			_, err := s.Enter(t.Context(), uncounted)
			if want := time.Second + time.Duration(i+1)*400*time.Millisecond; wait(t, err) != want || !time.Now().Equal(began) {
				t.Fatalf("task %d waited %s, and comes back after %s; want at once, %s", i, time.Since(began), wait(t, err), want)
			}
		}
		time.Sleep(10 * time.Second)
		first()
		third, err := s.Enter(t.Context(), uncounted)
		if err != nil {
			t.Fatalf("there is a free slot: %v", err)
		}
		second()
		third() // quick
		leave, err := s.Enter(t.Context(), uncounted)
		_, err2 = s.Enter(t.Context(), uncounted)
		if err := errors.Join(err, err2); err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() { time.Sleep(time.Millisecond); leave() })
		if _, err := s.Enter(t.Context(), uncounted); err != nil {
			t.Errorf("after a quick task the next ones don't wait for their share: %v", err)
		}
		running.Wait()
	})
}

func TestEachKeyOfAGroupHasAShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := Group{Kind: "app", Size: 1, MaxWait: time.Second, Postponed: uncounted}
		for _, app := range []string{"a", "b"} {
			if _, err := g.Enter(t.Context(), app, "", false, never); err != nil {
				t.Errorf("app %s: %v", app, err)
			}
		}
		if _, err := g.Enter(t.Context(), "a", "", false, never); wait(t, err) == 0 {
			t.Error("app a has more than its share")
		}
	})
}

func TestWaitingForAShareEndsWithTheContext(t *testing.T) {
	t.Parallel()
	s := New("app a", 1, time.Hour)
	if _, err := s.Enter(t.Context(), uncounted); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Enter(ctx, uncounted); !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want the context's error", err)
	}
}

func TestAnOwnerThatIsAloneWaitsForItsSlots(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		stopping := make(chan struct{})
		g := &Group{Kind: "account", Size: 1, MaxWait: time.Second, Stopping: stopping}
		leave, err := g.Enter(t.Context(), "a", "", true, never)
		if err != nil {
			t.Fatal(err)
		}
		var running sync.WaitGroup
		running.Go(func() { time.Sleep(time.Minute); leave() })
		second, err := g.Enter(t.Context(), "a", "", true, never)
		if err != nil {
			t.Fatalf("it gave up: %v", err)
		}
		running.Wait()
		running.Go(func() { time.Sleep(time.Minute); close(stopping) })
		_, err = g.Enter(t.Context(), "a", "", true, never)
		var retry *taskerr.RetryAfterError
		if !errors.As(err, &retry) || retry.After != 0 {
			t.Errorf("while the worker stops: %v, want to be handed out again at once", err)
		}
		second()
		running.Wait()
	})
}

func TestASlowOwnerHasFewSlotsWhileMostAreTaken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := Group{Kind: "app", Size: 4, MaxWait: time.Second, Postponed: uncounted, Few: 1, Busy: 6}
		enter := func(app string, want bool) func() {
			t.Helper()
			leave, err := g.Enter(t.Context(), app, "", false, never)
			if (err == nil) != want {
				t.Fatalf("a task of app %s: %v", app, err)
			}
			return leave
		}
		var slow []func()
		for range 4 {
			slow = append(slow, enter("slow", true))
		}
		enter("slow", false) // it waited in vain
		time.Sleep(2 * time.Second)
		slow[0]()
		slow[0] = enter("slow", true) // 4 of 6 are taken
		for range 2 {
			defer enter("other", true)()
		}
		time.Sleep(2 * time.Second)
		slow[0]()
		slow[1]()
		defer enter("other", true)()
		defer enter("other", true)() // again 6 of 6
		enter("slow", false)         // it has 2
		slow[2]()
		slow[3]()
		enter("slow", true)() // 4 of 6 are taken
	})
}

func TestANewcomerDoesNotQueueBehindABacklog(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := Group{Kind: "app", Size: 4, MaxWait: time.Second, Postponed: uncounted, Few: 2, Newcomers: 1}
		leaves := map[string]func(){}
		enter := func(id string, want bool) {
			t.Helper()
			leave, err := g.Enter(t.Context(), "a", id, false, never)
			if (err == nil) != want {
				t.Fatalf("task %s: %v", id, err)
			}
			leaves[id] = leave
		}
		for _, id := range []string{"1", "2", "3", "4"} {
			enter(id, true)
		}
		enter("backlog 1", false) // it waited in vain
		time.Sleep(2 * time.Second)
		leaves["4"]()
		enter("backlog 1", false)
		enter("new", true) // although more slots are taken than the owner has now
		enter("newer", false)
		for _, id := range []string{"1", "2", "3"} {
			leaves[id]()
		}
		enter("backlog 1", true)
		enter("backlog 2", false)
		time.Sleep(2 * time.Second)
		leaves["new"]()
		enter("backlog 2", false)
		enter("newest", true)
	})
}

// A task that took long for once doesn't leave the slots free.
func TestTasksComeBackAsFastAsMostOfThemEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := New("app a", 1, time.Second)
		for i := range 100 {
			leave, err := s.Enter(t.Context(), uncounted)
			if err != nil {
				t.Fatal(err)
			}
			took := 2 * time.Second
			if i == 99 {
				took = 18 * time.Second
			}
			time.Sleep(took)
			leave()
		}
		if _, err := s.Enter(t.Context(), uncounted); err != nil {
			t.Fatal(err)
		}
		var waits [2]time.Duration
		for i := range waits {
			_, err := s.Enter(t.Context(), uncounted)
			waits[i] = wait(t, err)
		}
		if between := waits[1] - waits[0]; between < 2*time.Second || between > 4*time.Second {
			t.Errorf("the next two come back after %s, want some 3 s between them", waits)
		}
	})
}

func TestFewIDsAreKept(t *testing.T) {
	t.Parallel()
	var r recent
	for i := range 5 * recentKept {
		r.add(strconv.Itoa(i))
	}
	if n := len(r.last) + len(r.before); n != 2*recentKept || !r.has(strconv.Itoa(5*recentKept-1)) || !r.has(strconv.Itoa(3*recentKept)) || r.has("0") {
		t.Errorf("%d ids are kept", n)
	}
}

func TestNoIDsAreKeptWithoutSlotsForNewcomers(t *testing.T) {
	t.Parallel()
	g := Group{Kind: "app", Size: 1, Postponed: uncounted}
	for i := range 3 {
		_, _ = g.Enter(t.Context(), "a", strconv.Itoa(i), false, never)
	}
	if kept := g.shares["a"].back; len(kept.last) > 0 {
		t.Errorf("%d ids are kept", len(kept.last))
	}
}
