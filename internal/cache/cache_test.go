package cache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// counter is a load that takes 100 ms and returns how often it was called.
type counter struct {
	mu    sync.Mutex
	calls int
	err   error
}

func (c *counter) load(context.Context) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.calls++
	time.Sleep(100 * time.Millisecond) // of the bubble's own clock
	return c.calls, c.err
}

func TestCallersAtTheSameTimeShareALoad(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, f := &Cache[string, int]{MaxAge: time.Second, Timeout: time.Minute}, &counter{}
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				if n, err := c.Get(t.Context(), "a", f.load); n != 1 || err != nil {
					t.Errorf("got %d (%v), want the value of the first load", n, err)
				}
			})
		}
		all.Wait()
		if n, _ := c.Get(t.Context(), "a", f.load); n != 1 || !c.Has("a") {
			t.Error("it was loaded again within a second")
		}
		if c.Has("b") {
			t.Error("it has what was never loaded")
		}
		if n, _ := c.Get(t.Context(), "b", f.load); n != 2 {
			t.Error("another key has the same value")
		}
		time.Sleep(time.Second)
		if c.Has("a") {
			t.Error("it has what is too old")
		}
		if n, _ := c.Get(t.Context(), "a", f.load); n != 3 {
			t.Error("it was not loaded again after a second")
		}
	})
}

func TestACallerWaitsNoLongerThanItsContext(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var loads atomic.Int64
		c := &Cache[string, int]{MaxAge: time.Second, Timeout: time.Second}
		slow := func(context.Context) (int, error) {
			loads.Add(1)
			time.Sleep(time.Minute) // it ignores its context, as asynq's inspector does
			return 7, nil
		}
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
			began := time.Now()
			if _, err := c.Get(ctx, "a", slow); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != 4*time.Second {
				t.Errorf("got %v after %s", err, time.Since(began))
			}
			cancel()
		}
		if n := loads.Load(); n != 1 {
			t.Errorf("%d loads are under way at once", n)
		}
		time.Sleep(48*time.Second + time.Millisecond)
		if n, err := c.Get(t.Context(), "a", slow); n != 7 || err != nil {
			t.Errorf("got %d (%v), want the value of the load that ended", n, err)
		}
	})
}

func TestALoadIsCanceledByItsTimeoutAndItsBase(t *testing.T) {
	t.Parallel()
	until := func(ctx context.Context) (int, error) { <-ctx.Done(); return 0, ctx.Err() }
	synctest.Test(t, func(t *testing.T) {
		base, end := context.WithCancel(t.Context())
		c := &Cache[string, int]{Timeout: time.Minute, Base: base}
		if _, err := c.Get(t.Context(), "a", until); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("after the timeout: %v", err)
		}
		end()
		if _, err := c.Get(t.Context(), "a", until); !errors.Is(err, context.Canceled) {
			t.Errorf("after the end of the base: %v", err)
		}
	})
}

func TestErrorsAreKeptOnlyIfAsked(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			c, f := &Cache[string, int]{MaxAge: time.Second, Timeout: time.Minute, KeepErrors: keep}, &counter{err: errors.New("down")}
			for range 2 {
				if _, err := c.Get(t.Context(), "a", f.load); !errors.Is(err, f.err) {
					t.Errorf("keep %v: got %v", keep, err)
				}
			}
			if want := map[bool]int{false: 2, true: 1}[keep]; f.calls != want {
				t.Errorf("keep %v: %d loads, want %d", keep, f.calls, want)
			}
		})
	}
}

func TestGetSinceReturnsNothingThatStartedBefore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, f := &Cache[string, int]{MaxAge: time.Hour, Timeout: time.Minute}, &counter{}
		var all sync.WaitGroup
		all.Go(func() {
			if n, err := c.Get(t.Context(), "a", f.load); n != 1 || err != nil {
				t.Errorf("got %d, %v", n, err)
			}
		})
		time.Sleep(50 * time.Millisecond)
		for range 10 { // they find that one under way, which is too old for them
			all.Go(func() {
				if n, err := c.GetSince(t.Context(), "a", time.Now(), f.load); n != 2 || err != nil {
					t.Errorf("got %d, %v; want the value of the second load", n, err)
				}
			})
		}
		all.Wait()
		if n, err := c.GetSince(t.Context(), "a", time.Now().Add(-time.Millisecond*60), f.load); n != 3 || err != nil {
			t.Errorf("got %d, %v; the second load started 100 ms ago", n, err)
		}
		if n, err := c.GetSince(t.Context(), "a", time.Now().Add(-time.Minute), f.load); n != 3 || err != nil {
			t.Errorf("got %d, %v; want the value that is there", n, err)
		}
	})
}

func TestBeyondItsBoundTheCacheForgetsAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, f := &Cache[int, int]{MaxAge: time.Hour, Timeout: time.Minute, MaxEntries: 10}, &counter{}
		for key := range 100 {
			if _, err := c.Get(t.Context(), key, f.load); err != nil {
				t.Fatal(err)
			}
			if len(c.entries) > 10 {
				t.Fatalf("%d values are kept", len(c.entries))
			}
		}
		if n, _ := c.Get(t.Context(), 99, f.load); n != 100 {
			t.Error("the last value is gone")
		}
	})
}
