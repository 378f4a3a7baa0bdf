package dashboard

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	// listKept is how long an app's list is shown without being read again: pages
	// reload themselves, and each read is a call out of the account's allowance.
	listKept = 10 * time.Second
	// listLimit ends the waiting of a page for ServerPilot.
	listLimit = 4 * time.Second
	// listsKept bounds the memory; beyond it all is forgotten.
	listsKept = 1000
)

// errNoKeys: this process isn't given any account.
var errNoKeys = errors.New("this page runs without ServerPilot's keys; give it the account's settings, or look at a worker's page")

// listCache reads apps' lists from ServerPilot, each at most every [listKept], however
// many look at it.
type listCache struct {
	remote Lists
	flight singleflight.Group
	mu     sync.Mutex
	known  map[string]cachedList
}

type cachedList struct {
	names []string
	err   error
	at    time.Time
}

func newListCache(remote Lists) *listCache {
	return &listCache{remote: remote, known: map[string]cachedList{}}
}

// get returns an app's list and when it was read.
func (l *listCache) get(ctx context.Context, app string, now time.Time) ([]string, time.Time, error) {
	if l.remote == nil {
		return nil, time.Time{}, errNoKeys
	}
	l.mu.Lock()
	k, ok := l.known[app]
	l.mu.Unlock()
	if ok && now.Sub(k.at) < listKept {
		return k.names, k.at, k.err
	}
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	read := l.flight.DoChan(app, func() (any, error) {
		// Not under the page's context: others may wait for the same answer.
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), listLimit)
		defer cancel()
		names, err := l.remote.List(limited, app)
		k := cachedList{names, err, now}
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.known) >= listsKept {
			clear(l.known)
		}
		l.known[app] = k
		return k, nil
	})
	select {
	case result := <-read:
		k := result.Val.(cachedList)
		return k.names, k.at, k.err
	case <-ctx.Done():
		return nil, time.Time{}, fmt.Errorf("ServerPilot didn't answer within %s", listLimit)
	}
}
