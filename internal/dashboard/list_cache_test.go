package dashboard

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// countingLists counts its reads.
type countingLists struct {
	calls atomic.Int32
	err   error
}

func (c *countingLists) List(context.Context, string) ([]string, error) {
	c.calls.Add(1)
	return []string{"a.example.com"}, c.err
}

func TestAListIsReadAtMostOnceInItsMaxAge(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{nil, errors.New("status 500")} {
		remote := &countingLists{err: failure}
		l := newListCache(remote)
		for _, read := range []struct {
			after time.Duration
			calls int32
		}{{0, 1}, {listMaxAge - 1, 1}, {listMaxAge, 2}} {
			_, _, err := l.get(t.Context(), "app1", noon.Add(read.after))
			if n := remote.calls.Load(); n != read.calls || !errors.Is(err, failure) {
				t.Errorf("after %s: %d calls, %v; want %d, %v", read.after, n, err, read.calls, failure)
			}
		}
		if _, _, err := l.get(t.Context(), "app2", noon); remote.calls.Load() != 3 || !errors.Is(err, failure) {
			t.Error("another app's list isn't read")
		}
	}
}

func TestTheListCacheIsBounded(t *testing.T) {
	t.Parallel()
	l := newListCache(&countingLists{})
	for i := range maxCachedLists + 5 {
		if _, _, err := l.get(t.Context(), formatNumber(i), noon); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.lists) > maxCachedLists {
		t.Errorf("%d lists are cached", len(l.lists))
	}
}
