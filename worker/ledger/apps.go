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
	ID      string
	Wake    int64 // number of its last wake, as in [tasks.Sync]; 0 if it was never woken
	Awake   bool  // a sync is needed
	Leased  bool  // a sync runs
	Pending int   // domains with a pending change
	// Fails counts the syncs in a row that failed.
	Fails   int
	Failure *listsync.Failure // of the last sync, nil if it succeeded
	Paused  string            // by whom it was paused; empty if it isn't
	WakeAt  time.Time         // when the recoverer wakes it; zero for never
	DryRun  *DryRun           // nil unless the last plan was a dry run

	// The fields below are set by [Ledger.AppStates] only.

	// Listed is the number of names on the list after the last sync or dry run, which ended at
	// ListedAt; zero if there was none yet.
	Listed   int
	ListedAt time.Time
	// DisconnectedSince is when the app's server was last connected to ServerPilot; zero if
	// it is connected, or if that isn't known.
	DisconnectedSince time.Time
	// Coverage is nil for a list that fits on one certificate, for an app with a custom one,
	// and if it isn't known.
	Coverage     *serverpilot.Coverage
	Counts       map[tasks.State]int // domains by state, as [View] has it
	Oldest       time.Time           // when the oldest pending change was recorded; zero for none
	Expiry       time.Time           // the earliest end of a certificate of the domains that are done; zero for none
	ExpiryDomain string
	Expiring     Expiring
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

// Revisions returns a text for each app, by its id. The text changes whenever readers would see
// a difference; it is empty before the first one.
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
