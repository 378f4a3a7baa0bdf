package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

// Query says which domains to find; an empty field is no limit.
type Query struct {
	Apps   []string
	States []tasks.State
	Prefix string // beginning of the name, in its canonical form
	// After is the end of the previous page; nil for the first page.
	After *Position
	Limit int // domains on a page, at least 1
}

// Position is a place in the order of results.
type Position struct{ Domain, App string }

func (p Position) compare(other Position) int {
	return cmp.Or(strings.Compare(p.Domain, other.Domain), strings.Compare(p.App, other.App))
}

// Page is a part of a [Query]'s results. Others may follow a page with fewer than Limit domains.
type Page struct {
	Views []View
	Total int       // number of domains on all pages; -1 where counting them takes a look into each app
	Next  *Position // After of the next page; nil if there is none
}

// Find returns the domains that match a query. Those with a prefix are sorted by name, then by app.
// All others are sorted by app, then by name: so a page has the domains of a few apps, and the
// summaries say which.
//
// If no domain on the page has a pending change, reading it takes four commands and two more for
// each app on it, whatever the number of apps. Besides, each app that changed lately takes some.
func (l *Ledger) Find(ctx context.Context, q Query) (Page, error) {
	s, err := l.readSummaries(ctx)
	if err != nil {
		return Page{}, err
	}
	all := s.sources(q, time.Now())
	quiet := map[string]bool{}
	for _, from := range all {
		quiet[from.app] = from.quiet
	}
	if q.Prefix == "" {
		return l.findByApp(ctx, all, quiet, q)
	}
	return l.findByName(ctx, s, all, quiet, q)
}

// source is an app that may have domains of a query.
type source struct {
	app    string
	groups []string // the first words of its index's members
	n      int      // how many domains it has in the query's states; -1 if that isn't known
	quiet  bool     // it has no pending change
}

// sources returns the apps that may have domains of a query, sorted.
func (s summaries) sources(q Query, local time.Time) (all []source) {
	apps := s.apps
	if len(q.Apps) > 0 {
		apps = slices.Compact(slices.Sorted(slices.Values(q.Apps)))
	}
	for _, app := range apps {
		from := source{app: app, n: -1}
		kept, ok := s.of(app, local)
		if ok {
			from.n, from.quiet = kept.count(q.States), kept.Pending == 0
		}
		if from.n == 0 {
			continue
		}
		if len(q.States) == 0 {
			from.groups = []string{""}
		}
		for _, state := range q.States {
			if !ok || kept.Counts[state] > 0 {
				from.groups = append(from.groups, string(state))
			}
		}
		all = append(all, from)
	}
	return all
}

// count is the number of domains in some states, or of all if there are none.
func (a App) count(states []tasks.State) (n int) {
	for state, domains := range a.Counts {
		if len(states) == 0 || slices.Contains(states, state) {
			n += domains
		}
	}
	return n
}

// findByApp reads the apps of a page, as far as their numbers of domains say that it has some.
func (l *Ledger) findByApp(ctx context.Context, all []source, quiet map[string]bool, q Query) (page Page, err error) {
	if err := l.count(ctx, all); err != nil {
		return page, err
	}
	rest := slices.DeleteFunc(all, func(from source) bool {
		page.Total += from.n
		return from.n == 0 || q.After != nil && from.app < q.After.App
	})
	var found []Position
	for len(rest) > 0 && len(found) <= q.Limit {
		some := 0
		for enough := len(found); some < len(rest) && enough <= q.Limit; some++ {
			if q.After == nil || rest[some].app != q.After.App { // the previous pages have some of its domains
				enough += rest[some].n
			}
		}
		parts, err := l.readParts(ctx, rest[:some], "", q.Limit+1, func(app string) string {
			if q.After != nil && app == q.After.App {
				return "(" + q.After.Domain
			}
			return "["
		})
		if err != nil {
			return page, err
		}
		slices.SortFunc(parts, func(a, b Position) int {
			return cmp.Or(strings.Compare(a.App, b.App), strings.Compare(a.Domain, b.Domain))
		})
		found, rest = append(found, slices.Compact(parts)...), rest[some:]
	}
	page.cut(&found, q.Limit)
	page.Views, err = l.views(ctx, found, quiet)
	return page, err
}

// cut limits what was found to a page.
func (p *Page) cut(found *[]Position, limit int) {
	if len(*found) > limit {
		*found = (*found)[:limit]
		p.Next = &(*found)[limit-1]
	}
}

// count counts the domains of those sources whose summary doesn't say it.
func (l *Ledger) count(ctx context.Context, all []source) error {
	counts := make([][]*redis.IntCmd, len(all))
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, from := range all {
			if from.n >= 0 {
				continue
			}
			for _, group := range from.groups {
				counts[i] = append(counts[i], p.ZLexCount(ctx, key(from.app, "index"), "["+group+" ", "["+group+" \xff"))
			}
		}
		return nil
	}); err != nil {
		return fmt.Errorf("count the domains: %w", err)
	}
	for i := range all {
		if counts[i] == nil {
			continue
		}
		all[i].n = 0
		for _, n := range counts[i] {
			all[i].n += int(n.Val())
		}
	}
	return nil
}

// readParts returns up to limit domains of each group of each source: those with the prefix from a
// domain on, which from returns for an app, as Redis writes the begin of a range.
func (l *Ledger) readParts(ctx context.Context, all []source, prefix string, limit int, from func(app string) string) (found []Position, err error) {
	type part struct {
		app  string
		cmd  *redis.StringSliceCmd
		skip int // bytes before the domain
	}
	var parts []part
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, source := range all {
			begin := from(source.app)
			for _, group := range source.groups {
				parts = append(parts, part{source.app, p.ZRangeByLex(ctx, key(source.app, "index"),
					&redis.ZRangeBy{Min: begin[:1] + group + " " + begin[1:], Max: "[" + group + " " + prefix + "\xff", Count: int64(limit)}), len(group) + 1})
			}
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("search the domains: %w", err)
	}
	for _, part := range parts {
		for _, member := range part.cmd.Val() {
			found = append(found, Position{Domain: member[part.skip:], App: part.app})
		}
	}
	return found, nil
}
