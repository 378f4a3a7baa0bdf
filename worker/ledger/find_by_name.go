package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"
)

const (
	// walkPage and walkPages limit how many names of the index a page walks over.
	walkPage, walkPages = 500, 10
)

// findByName finds domains by the beginning of their names. It asks the sources themselves if they
// are few, and walks the index of names otherwise.
func (l *Ledger) findByName(ctx context.Context, s summaries, all []source, quiet map[string]bool, q Query) (Page, error) {
	groups := 0
	for _, from := range all {
		groups += len(from.groups)
	}
	if groups > q.Limit/2 {
		if page, ok, err := l.walk(ctx, s, quiet, q); ok || err != nil {
			return page, err
		}
	}
	return l.merge(ctx, all, quiet, q)
}

// merge asks all sources.
func (l *Ledger) merge(ctx context.Context, all []source, quiet map[string]bool, q Query) (page Page, err error) {
	var counts []*redis.IntCmd
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, from := range all {
			for _, group := range from.groups {
				begin := "[" + group + " " + q.Prefix
				counts = append(counts, p.ZLexCount(ctx, key(from.app, "index"), begin, begin+"\xff"))
			}
		}
		return nil
	}); err != nil {
		return page, fmt.Errorf("count the domains that begin with %s: %w", q.Prefix, err)
	}
	at := 0
	all = slices.DeleteFunc(slices.Clone(all), func(from source) bool {
		n := 0
		for range from.groups {
			n += int(counts[at].Val())
			at++
		}
		page.Total += n
		return n == 0
	})
	found, err := l.readParts(ctx, all, q.Prefix, q.Limit+1, func(app string) string {
		switch {
		case q.After == nil || q.After.Domain < q.Prefix:
			return "[" + q.Prefix
		case app <= q.After.App:
			return "(" + q.After.Domain
		}
		return "[" + q.After.Domain // this app's domain of the same name follows
	})
	if err != nil {
		return page, err
	}
	slices.SortFunc(found, Position.compare)
	found = slices.Compact(found) // a domain may change its state between two reads
	page.cut(&found, q.Limit)
	page.Views, err = l.views(ctx, found, quiet)
	return page, err
}

// walk finds domains in the index of names, and asks the sources, which are the keys of quiet. ok is
// false if the index can't be relied on. A page that finds too few ends where it was.
func (l *Ledger) walk(ctx context.Context, s summaries, quiet map[string]bool, q Query) (page Page, ok bool, err error) {
	from, end, size := "["+q.Prefix, "["+q.Prefix+"\xff", q.Limit+1
	if q.After != nil && q.After.Domain >= q.Prefix {
		from = "(" + q.After.Domain + " " + q.After.App
	}
	var complete *redis.StringCmd
	var total *redis.IntCmd
	if err := l.pipelined(ctx, func(p redis.Pipeliner) {
		complete, total = p.Get(ctx, completeKey), p.ZLexCount(ctx, namesKey, "["+q.Prefix, end)
	}); err != nil {
		return page, false, fmt.Errorf("count the domains that begin with %s: %w", q.Prefix, err)
	}
	if !namesComplete(parseTime(complete.Val()), s.oldRecoverer) {
		return page, false, nil
	}
	page.Total = int(total.Val())
	if len(q.Apps) > 0 || len(q.States) > 0 {
		page.Total, size = -1, walkPage
	}
	asked, most := 0, q.Limit*3/2+1
	for walked := 0; walked < walkPages && asked < most; walked++ {
		names, err := l.rdb.ZRangeByLex(ctx, namesKey, &redis.ZRangeBy{Min: from, Max: end, Count: int64(size)}).Result()
		if err != nil {
			return page, true, fmt.Errorf("find the domains that begin with %s: %w", q.Prefix, err)
		}
		rest := names
		for len(rest) > 0 && asked < most {
			var some []Position
			for len(rest) > 0 && len(page.Views)+len(some) <= q.Limit && asked+len(some) < most {
				domain, app, _ := strings.Cut(rest[0], " ")
				if _, may := quiet[app]; may {
					some = append(some, Position{Domain: domain, App: app})
				}
				from, page.Next = "("+rest[0], &Position{Domain: domain, App: app}
				rest = rest[1:]
			}
			views, err := l.views(ctx, some, quiet)
			if err != nil {
				return page, true, err
			}
			for _, v := range views {
				if len(q.States) == 0 || slices.Contains(q.States, v.State) {
					page.Views = append(page.Views, v)
				}
			}
			if len(page.Views) > q.Limit {
				page.Views = page.Views[:q.Limit]
				last := page.Views[q.Limit-1]
				page.Next = &Position{Domain: last.Domain, App: last.AppID}
				return page, true, nil
			}
			asked += len(some)
		}
		if len(rest) == 0 && len(names) < size {
			page.Next = nil
			break
		}
	}
	return page, true, nil
}
