package dashboard

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// countingLists counts its reads.
type countingLists struct {
	calls atomic.Int32
	takes time.Duration
	err   error
}

func (c *countingLists) List(context.Context, string) ([]string, error) {
	c.calls.Add(1)
	time.Sleep(c.takes) // of the bubble's own clock
	return []string{"a.example.com"}, c.err
}

func TestAListIsReadAtMostOnceInItsMaxAge(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{nil, errors.New("status 500")} {
		synctest.Test(t, func(t *testing.T) {
			remote := &countingLists{err: failure}
			l, start := newListCache(remote), time.Now()
			for _, read := range []struct {
				after, readAt time.Duration
				calls         int32
			}{{0, 0, 1}, {listMaxAge - 1, 0, 1}, {listMaxAge, listMaxAge, 2}} {
				time.Sleep(read.after - time.Since(start))
				_, at, err := l.get(t.Context(), "app1")
				if n := remote.calls.Load(); n != read.calls || at.Sub(start) != read.readAt || !errors.Is(err, failure) {
					t.Errorf("after %s: %d calls, read after %s, %v; want %d, %s, %v", read.after, n, at.Sub(start), err, read.calls, read.readAt, failure)
				}
			}
			if _, _, err := l.get(t.Context(), "app2"); remote.calls.Load() != 3 || !errors.Is(err, failure) {
				t.Error("another app's list isn't read")
			}
		})
	}
}

func TestAPageWaitsForAListNoLongerThanItsLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		remote := &countingLists{takes: listLimit + 2*time.Second}
		l, start := newListCache(remote), time.Now()
		if _, _, err := l.get(t.Context(), "app1"); err == nil || !strings.Contains(err.Error(), "ServerPilot didn't answer within 4s") || time.Since(start) != listLimit {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
		names, at, err := l.get(t.Context(), "app1")
		if len(names) != 1 || !at.Equal(start) || err != nil || remote.calls.Load() != 1 {
			t.Errorf("got %v of %s (%v) after %d calls, want the list that was on its way", names, at, err, remote.calls.Load())
		}
	})
}

func TestTheListCacheIsBounded(t *testing.T) {
	t.Parallel()
	remote := &countingLists{}
	l := newListCache(remote)
	for i := range maxCachedLists + 1 {
		if _, _, err := l.get(t.Context(), formatNumber(i)); err != nil {
			t.Fatal(err)
		}
	}
	before := remote.calls.Load()
	if _, _, err := l.get(t.Context(), formatNumber(0)); err != nil || remote.calls.Load() != before+1 {
		t.Errorf("the first of %d lists is still cached (%v)", maxCachedLists+1, err)
	}
}
