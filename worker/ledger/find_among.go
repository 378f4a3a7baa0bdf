package ledger

import (
	"cmp"
	"context"
	"slices"

	"pilotsync/tasks"
)

const (
	// fewDomains on at most fewOfApps apps are all read, so that they can be counted, and sorted by
	// their states.
	fewDomains, fewOfApps = 500, 15
)

// findAmong finds domains among those of the query.
func (l *Ledger) findAmong(ctx context.Context, apps []App, q Query) (Page, error) {
	possible := map[string]bool{}
	for _, a := range apps {
		for _, state := range tasks.StatesByUrgency() {
			possible[a.ID] = possible[a.ID] || q.count(a, state) > 0
		}
	}
	among, of := make([]Position, 0, len(q.Among)), map[string]bool{}
	for _, p := range q.Among {
		if possible[p.App] {
			among, of[p.App] = append(among, p), true
		}
	}
	info := readerInfo(apps, q.ofCause())
	if !q.Stable && len(among) <= fewDomains && len(of) <= fewOfApps {
		return l.findAmongFew(ctx, among, info, q)
	}
	return l.walk(ctx, among, info, q)
}

// findAmongFew reads all of the domains.
func (l *Ledger) findAmongFew(ctx context.Context, among []Position, info map[string]appInfo, q Query) (page Page, err error) {
	at, err := l.viewsAt(ctx, among, info)
	if err != nil {
		return page, err
	}
	order := tasks.StatesByUrgency()
	compare := func(a, b Cursor) int {
		return cmp.Or(cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State)), a.Position.Compare(b.Position))
	}
	var cursors []Cursor
	for p, v := range at {
		if q.matches(v) {
			page.Total++
			if c := (Cursor{v.State, p}); q.After == nil || compare(c, *q.After) > 0 {
				cursors = append(cursors, c)
			}
		}
	}
	slices.SortFunc(cursors, compare)
	for _, c := range cursors[:min(len(cursors), q.Limit+1)] {
		page.Views = append(page.Views, at[c.Position])
	}
	page.cut(cursors, q.Limit)
	return page, nil
}

// walk reads the domains in their order until the page is full. It reads few more than fit on it: a
// page that finds too few ends where it was.
func (l *Ledger) walk(ctx context.Context, among []Position, info map[string]appInfo, q Query) (page Page, err error) {
	rest := among
	if page.Total = len(among); len(q.States) > 0 || q.ofCause() {
		page.Total = -1
	}
	if q.After != nil {
		at, found := slices.BinarySearchFunc(among, q.After.Position, Position.Compare)
		if found {
			at++
		}
		rest = among[at:]
	}
	for most := q.Limit*3/2 + 1; len(rest) > 0 && most > 0 && len(page.Views) < q.Limit; {
		n := min(len(rest), most, q.Limit-len(page.Views))
		at, err := l.viewsAt(ctx, rest[:n], info)
		if err != nil {
			return page, err
		}
		for _, p := range rest[:n] {
			if v, ok := at[p]; ok && q.matches(v) {
				page.Views = append(page.Views, v)
			}
		}
		page.Next = &Cursor{Position: rest[n-1]}
		rest, most = rest[n:], most-n
	}
	if len(rest) == 0 {
		page.Next = nil
	}
	return page, nil
}
