package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

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

// Position is a place in the order of results: by domain, then by app.
type Position struct{ Domain, App string }

func (p Position) compare(other Position) int {
	return cmp.Or(strings.Compare(p.Domain, other.Domain), strings.Compare(p.App, other.App))
}

// Page is a part of a [Query]'s results.
type Page struct {
	Views []View
	Total int       // number of domains on all pages
	Next  *Position // After of the next page; nil if there is none
}

// Find returns the domains that match a query, sorted by name and app. It takes at most three
// round trips, and reads at most one page of each app and requested state.
func (l *Ledger) Find(ctx context.Context, q Query) (Page, error) {
	apps := q.Apps
	if len(apps) == 0 {
		var err error
		if apps, err = l.Apps(ctx); err != nil {
			return Page{}, err
		}
	}
	found, total, err := l.search(ctx, apps, q)
	if err != nil {
		return Page{}, err
	}
	page := Page{Total: total}
	if len(found) > q.Limit {
		found = found[:q.Limit]
		page.Next = &found[q.Limit-1]
	}
	page.Views, err = l.views(ctx, found)
	return page, err
}

// search returns the positions of one page and one more, and counts all.
func (l *Ledger) search(ctx context.Context, apps []string, q Query) (found []Position, total int, err error) {
	groups := []string{""} // the first words of members
	if len(q.States) > 0 {
		groups = groups[:0]
		for _, state := range q.States {
			groups = append(groups, string(state))
		}
	}
	var counts []*redis.IntCmd
	type part struct {
		app  string
		cmd  *redis.StringSliceCmd
		skip int // bytes before the domain
	}
	var parts []part
	_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, app := range apps {
			for _, group := range groups {
				begin := group + " " + q.Prefix
				from, to := "["+begin, "["+begin+"\xff"
				counts = append(counts, p.ZLexCount(ctx, key(app, "index"), from, to))
				if q.After != nil && q.After.Domain >= q.Prefix {
					from = "[" + group + " " + q.After.Domain
					if app <= q.After.App {
						from = "(" + from[1:] // the previous page has this app's domain
					}
				}
				parts = append(parts, part{app, p.ZRangeByLex(ctx, key(app, "index"),
					&redis.ZRangeBy{Min: from, Max: to, Count: int64(q.Limit) + 1}), len(group) + 1})
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("search the domains: %w", err)
	}
	for _, n := range counts {
		total += int(n.Val())
	}
	for _, part := range parts {
		for _, member := range part.cmd.Val() {
			found = append(found, Position{Domain: member[part.skip:], App: part.app})
		}
	}
	slices.SortFunc(found, Position.compare)
	found = slices.Compact(found) // a domain may change its state between two reads
	return found[:min(len(found), q.Limit+1)], total, nil
}

// Latest returns the last changed domains, at most n and at most 50 of each app, newest
// first.
func (l *Ledger) Latest(ctx context.Context, n int) ([]View, error) {
	apps, err := l.Apps(ctx)
	if err != nil {
		return nil, err
	}
	lists := make([]*redis.ZSliceCmd, len(apps))
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, app := range apps {
			lists[i] = p.ZRevRangeWithScores(ctx, key(app, "latest"), 0, int64(n)-1)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read the latest changes: %w", err)
	}
	type change struct {
		Position
		at float64
	}
	var all []change
	for i, list := range lists {
		for _, z := range list.Val() {
			all = append(all, change{Position{Domain: z.Member.(string), App: apps[i]}, z.Score})
		}
	}
	slices.SortFunc(all, func(a, b change) int {
		return cmp.Or(cmp.Compare(b.at, a.at), a.compare(b.Position))
	})
	positions := make([]Position, 0, n)
	for _, c := range all[:min(n, len(all))] {
		positions = append(positions, c.Position)
	}
	return l.views(ctx, positions)
}

// views reads the domains at the given positions, in their order, without those that the
// ledger doesn't have any more.
func (l *Ledger) views(ctx context.Context, positions []Position) ([]View, error) {
	names := map[string][]string{}
	for _, p := range positions {
		names[p.App] = append(names[p.App], p.Domain)
	}
	type answer struct {
		domains, pending *redis.SliceCmd
		sync             *redis.MapStringStringCmd
	}
	answers := map[string]answer{}
	if len(names) == 0 {
		return nil, nil
	}
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for app, domains := range names {
			answers[app] = answer{p.HMGet(ctx, key(app, "domains"), domains...), p.HMGet(ctx, key(app, "pending"), domains...),
				p.HGetAll(ctx, key(app, "sync"))}
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read %d domains: %w", len(positions), err)
	}
	at := map[Position]View{}
	for app, a := range answers {
		views, err := decodeViews(app, foundFields(names[app], a.domains.Val()), foundFields(names[app], a.pending.Val()), a.sync.Val())
		if err != nil {
			return nil, err
		}
		for _, v := range views {
			at[Position{Domain: v.Domain, App: app}] = v
		}
	}
	views := make([]View, 0, len(positions))
	for _, p := range positions {
		if v, ok := at[p]; ok {
			views = append(views, v)
		}
	}
	return views, nil
}
