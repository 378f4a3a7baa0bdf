package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	// namesPage is how many names of the index one command reads. It takes Redis some milliseconds.
	namesPage = 10_000
	// maxOfSite is how many domains of one site are found.
	maxOfSite = 1000
)

// Names returns where all domains are, sorted by name, then by app: from the index of names, or from
// each app while that may lack some. Some may not exist any more.
func (l *Ledger) Names(ctx context.Context) (all []Position, err error) {
	var complete, oldRecoverer *redis.StringCmd
	if err := l.pipelined(ctx, func(p redis.Pipeliner) {
		complete, oldRecoverer = p.Get(ctx, completeKey), p.Get(ctx, oldRecovererKey)
	}); err != nil {
		return nil, fmt.Errorf("read the index of names: %w", err)
	}
	if !namesComplete(parseTime(complete.Val()), parseTime(oldRecoverer.Val())) {
		return l.namesOfApps(ctx)
	}
	for from := "-"; ; {
		page, err := l.rdb.ZRangeByLex(ctx, namesKey, &redis.ZRangeBy{Min: from, Max: "+", Count: namesPage}).Result()
		if err != nil {
			return nil, fmt.Errorf("read the index of names: %w", err)
		}
		for _, name := range page {
			domain, app, _ := strings.Cut(name, " ")
			all = append(all, Position{Domain: domain, App: app})
		}
		if len(page) < namesPage {
			return all, nil
		}
		from = "(" + page[len(page)-1]
	}
}

func (l *Ledger) namesOfApps(ctx context.Context) (all []Position, err error) {
	apps, err := l.Apps(ctx)
	if err != nil {
		return nil, err
	}
	for some := range slices.Chunk(apps, planPage) {
		parts := make([]part, len(some))
		for i, app := range some {
			parts[i] = part{app: app}
		}
		names, err := l.readParts(ctx, parts, -1)
		if err != nil {
			return nil, err
		}
		for i, app := range some {
			for _, name := range names[i] {
				all = append(all, Position{Domain: name, App: app})
			}
		}
	}
	slices.SortFunc(all, Position.Compare)
	return all, nil
}

// Sites returns where the domains of a WordPress site are, sorted as [Ledger.Names] does. apps is what
// [Ledger.AppStates] returned.
func (l *Ledger) Sites(ctx context.Context, apps []App, site int64) (found []Position, err error) {
	id := strconv.FormatInt(site, 10)
	hints, err := l.rdb.ZRangeByScore(ctx, sitesKey, &redis.ZRangeBy{Min: id, Max: id, Count: maxOfSite}).Result()
	if err != nil {
		return nil, fmt.Errorf("find the domains of site %s: %w", id, err)
	}
	var hinted []Position
	for _, hint := range hints {
		domain, app, _ := strings.Cut(hint, " ")
		hinted = append(hinted, Position{Domain: domain, App: app})
	}
	at, err := l.viewsAt(ctx, hinted, readerInfo(apps, false))
	if err != nil {
		return nil, err
	}
	for p, v := range at {
		if v.SiteID() == site {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, Position.Compare)
	return found, nil
}

// SiteID is WordPress's id of the domain's site; 0 if it isn't known.
func (v View) SiteID() int64 {
	if v.Pending != nil && v.Pending.SiteID != 0 {
		return v.Pending.SiteID
	}
	return v.Record.SiteID
}
