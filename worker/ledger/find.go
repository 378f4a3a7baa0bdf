package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/serverpilot"
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
	Total int       // of all pages
	Next  *Position // After of the next page; nil if there is none
}

// Find returns the domains that match a query, sorted by name and app. It takes three
// round trips and reads at most one page of each app.
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

// AppStates returns the states of the named apps, or of all apps if none is named, sorted
// by id. An unknown app has the zero App with its id.
func (l *Ledger) AppStates(ctx context.Context, ids ...string) ([]App, error) {
	if len(ids) == 0 {
		var err error
		if ids, err = l.Apps(ctx); err != nil {
			return nil, err
		}
	}
	type answer struct {
		sync, shown     *redis.MapStringStringCmd
		pending         *redis.IntCmd
		counts          []*redis.IntCmd // in the order of tasks.States
		waiting, expiry *redis.ZSliceCmd
		renewals        renewals
		clock           *redis.TimeCmd // from the node that has the app
	}
	now := time.Now() // certificates last for days: an error of this machine's clock matters little
	answers := make([]answer, len(ids))
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			a := answer{sync: p.HGetAll(ctx, key(id, "sync")), shown: p.HGetAll(ctx, key(id, "shown")), pending: p.HLen(ctx, key(id, "pending")),
				waiting: p.ZRangeWithScores(ctx, key(id, "waiting"), 0, 0),
				expiry:  p.ZRangeWithScores(ctx, key(id, "expiry"), 0, 0), clock: p.Time(ctx)}
			a.renewals = readRenewals(ctx, p, id, now)
			for _, state := range tasks.States() {
				a.counts = append(a.counts, p.ZLexCount(ctx, key(id, "index"), "["+string(state)+" ", "["+string(state)+" \xff"))
			}
			answers[i] = a
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("look up %d apps: %w", len(ids), err)
	}
	apps := make([]App, len(ids))
	all := make([]renewals, len(ids))
	for i, a := range answers {
		app := decodeApp(ids[i], a.sync.Val(), int(a.pending.Val()), a.clock.Val())
		app.Counts = map[tasks.State]int{}
		app.Listed, _ = strconv.Atoi(a.shown.Val()["listed"])
		app.ListedAt = parseTime(a.shown.Val()["listed_at"])
		app.DisconnectedSince = decodeConnection(app.ID, a.shown.Val()).DisconnectedSince
		if c, err := decodeJSON[serverpilot.Coverage](a.shown.Val()["coverage"]); err == nil {
			app.Coverage = &c
		}
		for j, state := range tasks.States() {
			if n := a.counts[j].Val(); n > 0 {
				app.Counts[state] = int(n)
			}
		}
		if z := a.waiting.Val(); len(z) > 0 {
			app.Oldest = time.UnixMilli(int64(z[0].Score)).UTC()
		}
		if z := a.expiry.Val(); len(z) > 0 {
			app.Expiry, app.ExpiryDomain = time.Unix(int64(z[0].Score), 0).UTC(), z[0].Member.(string)
		}
		apps[i], all[i] = app, a.renewals
	}
	expiring, err := l.expiring(ctx, ids, all, now)
	if err != nil {
		return nil, err
	}
	for i := range apps {
		apps[i].Expiring = expiring[i]
	}
	slices.SortFunc(apps, func(a, b App) int { return strings.Compare(a.ID, b.ID) })
	return apps, nil
}

// Revisions returns a text for each app, which changes whenever readers would see a
// difference.
func (l *Ledger) Revisions(ctx context.Context) (map[string]string, error) {
	apps, err := l.Apps(ctx)
	if err != nil {
		return nil, err
	}
	fields := make([]*redis.StringCmd, len(apps))
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, app := range apps {
			fields[i] = p.HGet(ctx, key(app, "shown"), "revision")
		}
		return nil
	}); err != nil && !missing(err) {
		return nil, fmt.Errorf("read the revisions of the apps: %w", err)
	}
	revisions := map[string]string{}
	for i, app := range apps {
		revisions[app] = fields[i].Val()
	}
	return revisions, nil
}

// Owned returns the owned names on an app's list, sorted.
func (l *Ledger) Owned(ctx context.Context, app string) ([]string, error) {
	names, err := l.rdb.SMembers(ctx, key(app, "ours")).Result()
	if err != nil {
		return nil, fmt.Errorf("read the owned names of app %s: %w", app, err)
	}
	slices.Sort(names)
	return names, nil
}

// OwnedElsewhere returns those of the names that other apps own, each with the first such app.
func (l *Ledger) OwnedElsewhere(ctx context.Context, app string, names []string) (map[string]string, error) {
	apps, err := l.Apps(ctx)
	if err != nil {
		return nil, err
	}
	others := slices.DeleteFunc(apps, func(id string) bool { return id == app })
	owned := make([][]*redis.BoolCmd, len(others))
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, other := range others {
			for _, name := range names {
				owned[i] = append(owned[i], p.SIsMember(ctx, key(other, "ours"), name))
			}
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("find the names that other apps own: %w", err)
	}
	elsewhere := map[string]string{}
	for i, other := range others {
		for j, name := range names {
			if owned[i][j].Val() {
				elsewhere[name] = cmp.Or(elsewhere[name], other)
			}
		}
	}
	return elsewhere, nil
}

// decodeApp decodes an app's sync hash.
func decodeApp(id string, f map[string]string, pending int, now time.Time) App {
	app := App{ID: id, Awake: f["awake"] == "1", Pending: pending, Failure: failureOf(f), Paused: f["paused"]}
	app.Wake, _ = strconv.ParseInt(f["wake"], 10, 64)
	app.Fails, _ = strconv.Atoi(f["fails"])
	app.WakeAt = parseTime(f["look_at"])
	app.DryRun = decodeDryRun(f["dry_run"])
	app.Leased = f["token"] != "" && parseTime(f["until"]).After(now)
	return app
}

// parseTime decodes a time in ms; the zero time if there is none.
func parseTime(s string) time.Time {
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// decodeViews decodes some domains of an app.
func decodeViews(app string, domains, pending, sync map[string]string) ([]View, error) {
	records, err := decodeAll(app, "the record", domains, decodeRecord)
	if err != nil {
		return nil, err
	}
	changes, err := decodeAll(app, "the pending change", pending, decodePending)
	if err != nil {
		return nil, err
	}
	return merge(app, records, changes, failureOf(sync), sync["paused"]), nil
}
