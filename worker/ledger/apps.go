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
	"pilotsync/worker/listsync"
)

// App is the state of one app's syncs.
type App struct {
	ID      string `json:"-"`
	Wake    int64  `json:",omitzero"`
	Awake   bool   `json:",omitzero"` // a sync is needed
	Leased  bool   `json:"-"`         // a sync runs
	Pending int    `json:",omitzero"` // domains with a pending change
	// Fails counts the syncs in a row that failed.
	Fails   int               `json:",omitzero"`
	Failure *listsync.Failure `json:",omitzero"` // of the last sync, nil if it succeeded
	Paused  string            `json:",omitzero"` // by whom it was paused; empty if it isn't
	WakeAt  time.Time         `json:",omitzero"` // when the recoverer wakes it; zero for never
	DryRun  *DryRun           `json:",omitzero"` // nil unless the last plan was a dry run

	// The fields below are set by [Ledger.AppStates] only.

	// Listed is the number of names on the list that the last sync or reconciliation
	// read at ListedAt; zero if there was no sync yet.
	Listed   int       `json:",omitzero"`
	ListedAt time.Time `json:",omitzero"`
	// DisconnectedSince is when the app's server was last connected to ServerPilot; zero if
	// it is connected, or if that isn't known.
	DisconnectedSince time.Time `json:",omitzero"`
	// Coverage is nil for a list that fits on one certificate, and if it isn't known.
	Coverage *serverpilot.Coverage `json:",omitzero"`
	// Action is ServerPilot's last action that was read; nil for none.
	Action       *Action             `json:",omitzero"`
	Counts       map[tasks.State]int `json:",omitzero"` // domains by state, as [View] has it
	Oldest       time.Time           `json:",omitzero"` // when the oldest pending change was recorded; zero for none
	Expiry       time.Time           `json:",omitzero"` // the earliest end of a certificate of the domains that are done; zero for none
	ExpiryDomain string              `json:",omitzero"`
	Expiring     Expiring            `json:",omitzero"`
}

// Apps returns the id of every app that has a ledger, sorted.
func (l *Ledger) Apps(ctx context.Context) ([]string, error) {
	apps, err := l.rdb.SMembers(ctx, appsKey).Result()
	if err != nil {
		return nil, fmt.Errorf("list the apps: %w", err)
	}
	slices.Sort(apps)
	return apps, nil
}

// App returns the state of one app; an unknown app has an empty one.
func (l *Ledger) App(ctx context.Context, id string) (App, error) {
	var fields *redis.MapStringStringCmd
	var pending *redis.IntCmd
	var clock *redis.TimeCmd
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		fields = p.HGetAll(ctx, key(id, "sync"))
		pending = p.HLen(ctx, key(id, "pending"))
		clock = p.Time(ctx)
		return nil
	})
	if err != nil {
		return App{}, fmt.Errorf("look up app %s: %w", id, err)
	}
	return decodeApp(id, fields.Val(), int(pending.Val()), clock.Val()), nil
}

// AppStates returns the states of the named apps, or of all apps if none is named, sorted
// by id. An unknown app has the zero App with its id. Those of all apps are read from their
// summaries, which are as new as the apps themselves.
func (l *Ledger) AppStates(ctx context.Context, ids ...string) ([]App, error) {
	var all []summary
	var err error
	if len(ids) == 0 {
		all, err = l.allSummaries(ctx)
	} else {
		all, err = l.summarize(ctx, ids)
	}
	if err != nil {
		return nil, err
	}
	apps := make([]App, len(all))
	for i, s := range all {
		apps[i] = s.App
	}
	slices.SortFunc(apps, func(a, b App) int { return strings.Compare(a.ID, b.ID) })
	return apps, nil
}

// summarize reads apps, and returns their summaries without ReadAt, in their order.
func (l *Ledger) summarize(ctx context.Context, ids []string) ([]summary, error) {
	type answer struct {
		sync, shown     *redis.MapStringStringCmd
		pending         *redis.IntCmd
		counts          []*redis.IntCmd // in the order of tasks.States
		waiting, expiry *redis.ZSliceCmd
		latest          *redis.ZSliceCmd
		renewals        renewals
		clock           *redis.TimeCmd // from the node that has the app
	}
	now := time.Now() // certificates last for days: an error of this machine's clock matters little
	answers := make([]answer, len(ids))
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			a := answer{sync: p.HGetAll(ctx, key(id, "sync")), shown: p.HGetAll(ctx, key(id, "shown")), pending: p.HLen(ctx, key(id, "pending")),
				waiting: p.ZRangeWithScores(ctx, key(id, "waiting"), 0, 0), latest: p.ZRangeWithScores(ctx, key(id, "latest"), -1, -1),
				expiry: p.ZRangeWithScores(ctx, key(id, "expiry"), 0, 0), clock: p.Time(ctx)}
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
	apps := make([]summary, len(ids))
	all := make([]renewals, len(ids))
	for i, a := range answers {
		app := decodeApp(ids[i], a.sync.Val(), int(a.pending.Val()), a.clock.Val())
		app.Counts = map[tasks.State]int{}
		app.Listed, _ = strconv.Atoi(a.shown.Val()["listed"])
		app.ListedAt = parseTime(a.shown.Val()["listed_at"])
		if compared := parseTime(a.shown.Val()["compared_at"]); compared.After(app.ListedAt) {
			app.ListedAt = compared
		}
		app.DisconnectedSince = decodeConnection(app.ID, a.shown.Val()).DisconnectedSince
		if c, err := decodeJSON[serverpilot.Coverage](a.shown.Val()["coverage"]); err == nil {
			app.Coverage = &c
		}
		app.Action = decodeAction(a.shown.Val()["action"])
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
		apps[i] = summary{App: app, Revision: a.shown.Val()["revision"], Until: a.renewals.nextLate()}
		if a.sync.Val()["token"] != "" {
			apps[i].LeaseEnds = parseTime(a.sync.Val()["until"])
		}
		if z := a.latest.Val(); len(z) > 0 {
			apps[i].Changed = time.UnixMilli(int64(z[0].Score)).UTC()
		}
		all[i] = a.renewals
	}
	expiring, err := l.expiring(ctx, ids, all, now)
	if err != nil {
		return nil, err
	}
	for i := range apps {
		apps[i].Expiring = expiring[i]
	}
	return apps, nil
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

// Owned returns the owned names on an app's list, sorted.
func (l *Ledger) Owned(ctx context.Context, app string) ([]string, error) {
	names, err := l.rdb.SMembers(ctx, key(app, "ours")).Result()
	if err != nil {
		return nil, fmt.Errorf("read the owned names of app %s: %w", app, err)
	}
	slices.Sort(names)
	return names, nil
}

// OwnedByOtherApps returns those of the names that other apps own, each with the first such app.
func (l *Ledger) OwnedByOtherApps(ctx context.Context, app string, names []string) (map[string]string, error) {
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
