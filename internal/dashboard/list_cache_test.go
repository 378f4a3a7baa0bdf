package dashboard

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"
)

// counted are lists of which each reading is counted.
type counted struct {
	n   atomic.Int32
	err error
}

func (c *counted) List(context.Context, string) ([]string, error) {
	c.n.Add(1)
	return []string{"a.example.com"}, c.err
}

func TestAListIsReadOnceInAWhile(t *testing.T) {
	t.Parallel()
	for _, failure := range []error{nil, errors.New("status 500")} {
		remote := &counted{err: failure}
		l := newListCache(remote)
		for _, read := range []struct {
			after time.Duration
			calls int32
		}{{0, 1}, {listKept - 1, 1}, {listKept, 2}} {
			_, _, err := l.get(t.Context(), "app1", noon.Add(read.after))
			if n := remote.n.Load(); n != read.calls || !errors.Is(err, failure) {
				t.Errorf("after %s: %d calls, %v; want %d, %v", read.after, n, err, read.calls, failure)
			}
		}
		if _, _, err := l.get(t.Context(), "app2", noon); remote.n.Load() != 3 || !errors.Is(err, failure) {
			t.Error("another app's list isn't read")
		}
	}
}

func TestWhatListsAreKeptOfIsBounded(t *testing.T) {
	t.Parallel()
	l := newListCache(&counted{})
	for i := range listsKept + 5 {
		if _, _, err := l.get(t.Context(), formatNumber(i), noon); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.known) > listsKept {
		t.Errorf("%d lists are kept", len(l.known))
	}
}
