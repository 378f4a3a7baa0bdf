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

// Find returns the domains that match a query, sorted by name and app. It takes three or four
// round trips and reads at most one page of each app. It doesn't read apps whose summary has no
// domain in the states.
func (l *Ledger) Find(ctx context.Context, q Query) (Page, error) {
	apps, total, counted := q.Apps, 0, map[string]bool{}
	var quiet map[string]bool
	if len(apps) == 0 {
		s, err := l.readSummaries(ctx)
		if err != nil {
			return Page{}, err
		}
		quiet = map[string]bool{}
		local := time.Now()
		for _, app := range s.apps {
			kept, ok := s.of(app, local)
			n := kept.count(q.States)
			if ok && n == 0 {
				continue
			}
			apps = append(apps, app)
			quiet[app] = ok && kept.Pending == 0
			if ok && q.Prefix == "" {
				total, counted[app] = total+n, true
			}
		}
	}
	found, others, err := l.search(ctx, apps, counted, q)
	if err != nil {
		return Page{}, err
	}
	page := Page{Total: total + others}
	if len(found) > q.Limit {
		found = found[:q.Limit]
		page.Next = &found[q.Limit-1]
	}
	page.Views, err = l.views(ctx, found, quiet)
	return page, err
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

// search returns the positions of one page and one more, and counts all but those of counted apps.
func (l *Ledger) search(ctx context.Context, apps []string, counted map[string]bool, q Query) (found []Position, total int, err error) {
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
				if !counted[app] {
					counts = append(counts, p.ZLexCount(ctx, key(app, "index"), from, to))
				}
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

// views reads the domains at the given positions, in their order, without those that the
// ledger doesn't have any more. Quiet apps have no pending change.
func (l *Ledger) views(ctx context.Context, positions []Position, quiet map[string]bool) ([]View, error) {
	names := map[string][]string{}
	for _, p := range positions {
		names[p.App] = append(names[p.App], p.Domain)
	}
	type answer struct {
		domains       *redis.SliceCmd
		pending, sync *redis.SliceCmd // nil for a quiet app
	}
	answers := map[string]answer{}
	if len(names) == 0 {
		return nil, nil
	}
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for app, domains := range names {
			a := answer{domains: p.HMGet(ctx, key(app, "domains"), domains...)}
			if !quiet[app] {
				a.pending, a.sync = p.HMGet(ctx, key(app, "pending"), domains...), p.HMGet(ctx, key(app, "sync"), syncFields()...)
			}
			answers[app] = a
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("read %d domains: %w", len(positions), err)
	}
	at := map[Position]View{}
	for app, a := range answers {
		var pending, sync map[string]string
		if a.pending != nil {
			pending, sync = foundFields(names[app], a.pending.Val()), foundFields(syncFields(), a.sync.Val())
		}
		views, err := decodeViews(app, foundFields(names[app], a.domains.Val()), pending, sync)
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

// Lookup returns the named domains of some apps, sorted by app and name, in one round trip. Unknown
// ones are left out.
func (l *Ledger) Lookup(ctx context.Context, apps []App, domains []string) ([]View, error) {
	var positions []Position
	quiet := map[string]bool{}
	domains = slices.Compact(slices.Sorted(slices.Values(domains)))
	for _, app := range apps {
		quiet[app.ID] = app.Pending == 0
		for _, domain := range domains {
			positions = append(positions, Position{Domain: domain, App: app.ID})
		}
	}
	views, err := l.views(ctx, positions, quiet)
	slices.SortFunc(views, func(a, b View) int {
		return cmp.Or(strings.Compare(a.AppID, b.AppID), strings.Compare(a.Domain, b.Domain))
	})
	return views, err
}
