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
	// listMaxAge is how long an app's list is shown without being read again. Pages reload
	// automatically, and each read counts against the account's rate limit.
	listMaxAge = 10 * time.Second
	// listLimit is how long a page waits for ServerPilot.
	listLimit = 4 * time.Second
	// maxCachedLists bounds the memory. The cache is emptied when it is full.
	maxCachedLists = 1000
)

// errNoCredentials: this process has no ServerPilot account.
var errNoCredentials = errors.New("this dashboard runs without ServerPilot's keys; give it the account's settings, or open a worker's dashboard")

// listCache reads apps' lists from ServerPilot, each at most once in [listMaxAge].
type listCache struct {
	remote ListReader
	flight singleflight.Group
	mu     sync.Mutex
	lists  map[string]cachedList
}

type cachedList struct {
	names []string
	err   error
	at    time.Time
}

func newListCache(remote ListReader) *listCache {
	return &listCache{remote: remote, lists: map[string]cachedList{}}
}

// get returns an app's list and when it was read.
func (l *listCache) get(ctx context.Context, app string, now time.Time) ([]string, time.Time, error) {
	if l.remote == nil {
		return nil, time.Time{}, errNoCredentials
	}
	l.mu.Lock()
	k, ok := l.lists[app]
	l.mu.Unlock()
	if ok && now.Sub(k.at) < listMaxAge {
		return k.names, k.at, k.err
	}
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	read := l.flight.DoChan(app, func() (any, error) {
		// Not the page's context: other pages may wait for the same list.
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), listLimit)
		defer cancel()
		names, err := l.remote.List(limited, app)
		k := cachedList{names, err, now}
		l.mu.Lock()
		defer l.mu.Unlock()
		if len(l.lists) >= maxCachedLists {
			clear(l.lists)
		}
		l.lists[app] = k
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
