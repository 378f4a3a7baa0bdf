package dashboard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"pilotsync/internal/cache"
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

// listCache reads apps' lists from ServerPilot, each at most once in [listMaxAge]. It keeps
// errors, too: they cost a read as well.
type listCache struct {
	remote ListReader
	lists  cache.Cache[string, cachedList]
}

type cachedList struct {
	names  []string
	readAt time.Time // when the read began
}

func newListCache(remote ListReader) *listCache {
	return &listCache{remote: remote, lists: cache.Cache[string, cachedList]{MaxAge: listMaxAge, Timeout: listLimit, KeepErrors: true, MaxEntries: maxCachedLists}}
}

// get returns an app's list and when it was read.
func (l *listCache) get(ctx context.Context, app string) ([]string, time.Time, error) {
	if l.remote == nil {
		return nil, time.Time{}, errNoCredentials
	}
	ctx, cancel := context.WithTimeout(ctx, listLimit)
	defer cancel()
	list, err := l.lists.Get(ctx, app, func(ctx context.Context) (cachedList, error) {
		began := time.Now()
		names, err := l.remote.List(ctx, app)
		return cachedList{names, began}, err
	})
	if ctx.Err() != nil {
		err = fmt.Errorf("ServerPilot didn't answer within %s", listLimit)
	}
	return list.names, list.readAt, err
}
