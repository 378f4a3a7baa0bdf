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
	// Cause finds domains that have this cause and aren't snoozed; nil for all. See [View.Codes].
	Cause *tasks.Code
	// Snoozed finds only snoozed domains, with Cause those that have it.
	Snoozed bool
	// Among are the domains to choose from, sorted by name, then by app, as [Ledger.Names] returns
	// them; nil for all.
	Among []Position
	// Stable sorts by app and name only, or with Among by name and app. So a domain whose state changes
	// isn't missed by a caller that reads all pages.
	Stable bool
	// After is the end of the previous page; nil for the first page.
	After *Cursor
	Limit int // domains on a page, at least 1
}

// Position is where a domain is.
type Position struct{ Domain, App string }

// Compare orders positions by name, then by app.
func (p Position) Compare(other Position) int {
	return cmp.Or(strings.Compare(p.Domain, other.Domain), strings.Compare(p.App, other.App))
}

// Cursor is the end of a page: its last domain, and the state by which that was sorted. In a long
// list of names the state is empty.
type Cursor struct {
	State tasks.State
	Position
}

// Page is a part of a [Query]'s results. Others may follow a page with fewer than Limit domains.
type Page struct {
	Views []View
	Total int     // number of domains on all pages; -1 where counting them takes a look into each app
	Next  *Cursor // After of the next page; nil if there is none
}

// Find returns the domains that match a query, the most urgent state first, then sorted by app and
// name. apps is what [Ledger.AppStates] returned for all apps: it says which apps have some. So
// reading a page takes three commands for each app on it, and more where a change is pending.
//
// With Among they are sorted by state, name and app. Many of these, see [fewDomains], are sorted by
// name and app only.
func (l *Ledger) Find(ctx context.Context, apps []App, q Query) (Page, error) {
	if len(q.Apps) > 0 {
		apps = slices.DeleteFunc(slices.Clone(apps), func(a App) bool { return !slices.Contains(q.Apps, a.ID) })
	}
	if q.Among != nil {
		return l.findAmong(ctx, apps, q)
	}
	return l.findByState(ctx, apps, q)
}

// filters reports whether only a domain's record says whether it matches.
func (q Query) filters() bool { return q.ofCause() || q.Stable && len(q.States) > 0 }

// ofCause reports whether the query is for domains with a cause, or a snooze.
func (q Query) ofCause() bool { return q.Cause != nil || q.Snoozed }

// count returns how many domains in a state an app may have for the query.
func (q Query) count(a App, state tasks.State) int {
	if len(q.States) > 0 && !slices.Contains(q.States, state) {
		return 0
	}
	switch {
	case a.Uncounted > 0 || !q.ofCause():
		return a.Counts[state]
	case q.Snoozed && q.Cause != nil:
		return a.SnoozedCauses[*q.Cause][state]
	case q.Snoozed:
		return a.SnoozedCounts[state]
	}
	return a.Causes[*q.Cause][state]
}

// matches reports whether a domain that was read belongs to the results.
func (q Query) matches(v View) bool {
	return (len(q.States) == 0 || slices.Contains(q.States, v.State)) &&
		(q.Cause == nil || slices.Contains(v.Codes(), *q.Cause)) &&
		(!q.ofCause() || q.Snoozed == (v.Snooze != nil))
}

// part is the domains of one app in one state, after one of them.
type part struct {
	state tasks.State
	app   string
	n     int    // how many there are
	after string // empty for all
}

// parts returns the parts that may have some of the results, in their order, and how many results
// there are on all pages.
func (q Query) parts(apps []App) (all []part, total int) {
	if q.Stable {
		for _, a := range apps {
			n := 0
			for _, state := range tasks.StatesByUrgency() {
				n += q.count(a, state)
			}
			if n > 0 {
				all, total = append(all, part{app: a.ID, n: n}), total+n
			}
		}
		return all, total
	}
	for _, state := range tasks.StatesByUrgency() {
		for _, a := range apps {
			if n := q.count(a, state); n > 0 {
				all, total = append(all, part{state: state, app: a.ID, n: n}), total+n
			}
		}
	}
	return all, total
}

// skip drops the parts of previous pages.
func (c *Cursor) skip(all []part) []part {
	if c == nil {
		return all
	}
	order := tasks.StatesByUrgency()
	at := slices.IndexFunc(all, func(p part) bool {
		return cmp.Or(cmp.Compare(slices.Index(order, p.state), slices.Index(order, c.State)), strings.Compare(p.app, c.App)) >= 0
	})
	if at < 0 {
		return nil
	}
	if all = all[at:]; all[0].state == c.State && all[0].app == c.App {
		all[0].after = c.Domain
	}
	return all
}

// filteredAtOnce is how many domains of a part are read at once to find those that match.
const filteredAtOnce = 500

func (l *Ledger) findByState(ctx context.Context, apps []App, q Query) (page Page, err error) {
	all, total := q.parts(apps)
	page.Total = total
	rest, size := q.After.skip(all), q.Limit+1
	if q.filters() {
		size = filteredAtOnce
	}
	info := readerInfo(apps, q.ofCause())
	var cursors []Cursor
	for len(rest) > 0 && len(page.Views) <= q.Limit && page.Next == nil {
		some, enough := 0, len(page.Views)
		for ; some < len(rest) && enough <= q.Limit; some++ {
			if rest[some].after == "" { // otherwise previous pages have some of it
				enough += rest[some].n
			}
		}
		names, err := l.readParts(ctx, rest[:some], size)
		if err != nil {
			return page, err
		}
		next := rest[some:]
		var found []Cursor
		for i, p := range rest[:some] {
			for _, name := range names[i] {
				found = append(found, Cursor{p.state, Position{Domain: name, App: p.app}})
			}
			if len(names[i]) == size { // the part may have more, which come before those of the others
				p.after = names[i][size-1]
				next = append([]part{p}, rest[i+1:]...)
				break
			}
		}
		if err := l.addRows(ctx, &page, &cursors, found, info, q); err != nil {
			return page, err
		}
		rest = next
	}
	page.cut(cursors, q.Limit)
	return page, nil
}

// addRows reads domains, and adds those that match to the page.
func (l *Ledger) addRows(ctx context.Context, page *Page, cursors *[]Cursor, found []Cursor, info map[string]appInfo, q Query) error {
	if room := q.Limit - len(page.Views); !q.filters() && len(found) > room {
		found, page.Next = found[:room], &found[room-1]
	}
	positions := make([]Position, len(found))
	for i, c := range found {
		positions[i] = c.Position
	}
	at, err := l.viewsAt(ctx, positions, info)
	if err != nil {
		return err
	}
	for _, c := range found {
		if v, ok := at[c.Position]; ok && (!q.filters() || q.matches(v)) {
			page.Views, *cursors = append(page.Views, v), append(*cursors, c)
		}
	}
	return nil
}

// cut limits what was found to a page.
func (p *Page) cut(cursors []Cursor, limit int) {
	if len(p.Views) > limit {
		p.Views, p.Next = p.Views[:limit], &cursors[limit-1]
	}
}

// readParts returns up to limit domains of each part.
func (l *Ledger) readParts(ctx context.Context, parts []part, limit int) ([][]string, error) {
	cmds := make([]*redis.StringSliceCmd, len(parts))
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, part := range parts {
			group := string(part.state) + " "
			from := "[" + group
			if part.after != "" {
				from = "(" + group + part.after
			}
			cmds[i] = p.ZRangeByLex(ctx, key(part.app, "index"), &redis.ZRangeBy{Min: from, Max: "[" + group + "\xff", Count: int64(limit)})
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("search the domains: %w", err)
	}
	names := make([][]string, len(parts))
	for i, part := range parts {
		for _, member := range cmds[i].Val() {
			names[i] = append(names[i], member[len(part.state)+1:])
		}
	}
	return names, nil
}

// appInfo is what readers of an app's domains have to read besides their records.
type appInfo struct{ quiet, snoozed bool }

// readerInfo returns it for all apps. Without the filter only the domain's page shows a snooze.
func readerInfo(apps []App, snoozed bool) map[string]appInfo {
	info := make(map[string]appInfo, len(apps))
	for _, a := range apps {
		info[a.ID] = appInfo{quiet: a.Pending == 0, snoozed: snoozed && (len(a.SnoozedCounts) > 0 || a.Uncounted > 0)}
	}
	return info
}

// viewsAt reads domains, with their snoozes where apps have some. Domains that the ledger doesn't
// have any more are left out.
func (l *Ledger) viewsAt(ctx context.Context, positions []Position, info map[string]appInfo) (map[Position]View, error) {
	names, quiet, snoozed := map[string][]string{}, map[string]bool{}, map[string][]string{}
	for _, p := range positions {
		names[p.App] = append(names[p.App], p.Domain)
		quiet[p.App] = info[p.App].quiet
		if info[p.App].snoozed {
			snoozed[p.App] = names[p.App]
		}
	}
	at, _, err := l.rows(ctx, names, quiet)
	if err != nil {
		return nil, err
	}
	snoozes, err := l.readSnoozes(ctx, snoozed)
	if err != nil {
		return nil, err
	}
	now := time.Now()
	for p, s := range snoozes {
		if v, ok := at[p]; ok && s.Covers(v, now) {
			v.Snooze = &s
			at[p] = v
		}
	}
	return at, nil
}
