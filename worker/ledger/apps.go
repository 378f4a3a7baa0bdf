package ledger

import (
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
	LastWrite    *LastWrite          `json:",omitzero"` // nil if none is recorded
	// Causes counts the domains that don't work, or have a warning, by their causes and states. A
	// domain counts for each of its causes. Snoozed ones aren't among them.
	Causes CauseCounts `json:",omitzero"`
	// SnoozedCauses is the same of snoozed domains, and SnoozedCounts is their number by state.
	SnoozedCauses CauseCounts         `json:",omitzero"`
	SnoozedCounts map[tasks.State]int `json:",omitzero"`
	Uncounted     int                 `json:",omitzero"` // domains beyond the first 2,000, whose causes weren't counted
	ChangedAt     time.Time           `json:",omitzero"` // when one of its domains last did, by Redis's clock
	// Revision changes whenever a page about the app would; empty if nothing was recorded.
	Revision string `json:",omitzero"`
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

// CountApps returns how many apps have a ledger.
func (l *Ledger) CountApps(ctx context.Context) (int, error) {
	n, err := l.rdb.SCard(ctx, appsKey).Result()
	if err != nil {
		return 0, fmt.Errorf("count the apps: %w", err)
	}
	return int(n), nil
}

// ListApps adds apps to the list of apps that have a ledger.
func (l *Ledger) ListApps(ctx context.Context, apps ...string) error {
	if len(apps) == 0 {
		return nil
	}
	members := make([]any, len(apps))
	for i, app := range apps {
		members[i] = app
	}
	if err := l.rdb.SAdd(ctx, appsKey, members...).Err(); err != nil {
		return fmt.Errorf("add %d apps to the list of apps: %w", len(apps), err)
	}
	return nil
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
	apps := appsOf(all)
	slices.SortFunc(apps, func(a, b App) int { return strings.Compare(a.ID, b.ID) })
	return apps, nil
}

// AppsWithStates returns the states of all apps that have domains in one of the given states, or whose
// last sync failed, sorted by id; perhaps also of others. Redis selects the summaries, so what is
// read grows with the number of such apps, and of those that have changed within [markGrace].
func (l *Ledger) AppsWithStates(ctx context.Context, states ...tasks.State) ([]App, error) {
	texts := []any{`"Failure":`}
	for _, state := range states {
		texts = append(texts, fmt.Sprintf("%q:", state)) // a key of Counts
	}
	s, ok, err := l.readSummariesWith(ctx, texts...)
	if err != nil {
		return nil, err
	}
	if !ok {
		return l.AppStates(ctx)
	}
	all, err := l.completed(ctx, s)
	return appsOf(all), err
}

func appsOf(all []summary) []App {
	apps := make([]App, len(all))
	for i, s := range all {
		apps[i] = s.App
	}
	return apps
}

// summarize reads apps, and returns their summaries without ReadAt, in their order. It takes one
// command an app.
func (l *Ledger) summarize(ctx context.Context, ids []string) ([]summary, error) {
	// Certificates last for days: an error of this machine's clock matters little.
	args := []any{time.Now().Unix(), int64(listsync.AssumedAlarm / time.Second), len(appFields())}
	for _, field := range slices.Concat(appFields(), shownFields()) {
		args = append(args, field)
	}
	replies, err := l.runEach(ctx, l.app, ids, func(app string) []string { return []string{key(app, "sync"), key(app, "shown")} }, args...)
	if err != nil {
		return nil, fmt.Errorf("look up %d apps: %w", len(ids), err)
	}
	all := make([]summary, len(ids))
	for i, reply := range replies {
		values, err := reply.Slice()
		if err == nil {
			all[i], err = decodeSummary(ids[i], values)
		}
		if err != nil {
			return nil, fmt.Errorf("look up app %s: %w", ids[i], err)
		}
	}
	return all, nil
}

// appFields are the fields of the sync hash that readers see, and shownFields those of the other one.
func appFields() []string {
	return []string{"wake", "awake", "token", "until", "look_at", "fails", "trouble", "blocked", "trouble_since", "paused", "dry_run"}
}

func shownFields() []string {
	return []string{"listed", "listed_at", "compared_at", "revision", "disconnected", "coverage", "action", "write"}
}

// decodeSummary decodes what app.lua returns.
func decodeSummary(id string, reply []any) (s summary, err error) {
	const values = 18
	if len(reply) != values {
		return s, fmt.Errorf("%d values were read, want %d", len(reply), values)
	}
	lists := func(i int) []any { list, _ := reply[i].([]any); return list }
	text := func(i int) string { text, _ := reply[i].(string); return text }
	number := func(i int) int { n, _ := reply[i].(int64); return int(n) }
	sync, shown := foundFields(appFields(), lists(1)), foundFields(shownFields(), lists(2))

	s.App = decodeApp(id, sync, number(3), parseTime(text(0)))
	if sync["token"] != "" {
		s.LeaseEnds = parseTime(sync["until"])
	}
	s.Revision = shown["revision"]
	s.Listed, _ = strconv.Atoi(shown["listed"])
	s.ListedAt = parseTime(shown["listed_at"])
	if compared := parseTime(shown["compared_at"]); compared.After(s.ListedAt) {
		s.ListedAt = compared
	}
	s.DisconnectedSince = decodeConnection(id, shown).DisconnectedSince
	if c, err := decodeJSON[serverpilot.Coverage](shown["coverage"]); err == nil {
		s.Coverage = &c
	}
	s.Action = decodeAction(shown["action"])
	s.Counts = map[tasks.State]int{}
	for state, n := range pairs(reply[4]) {
		if domains, err := strconv.Atoi(n); err == nil && domains > 0 {
			s.Counts[tasks.State(state)] = domains
		}
	}
	s.Oldest, s.ChangedAt = parseTime(text(5)), parseTime(text(6))
	s.Expiry, s.ExpiryDomain = parseSeconds(text(7)), text(8)
	s.Expiring = Expiring{Count: number(9), First: parseSeconds(text(10)), Domain: text(11)}
	s.Until = parseSeconds(text(12))
	s.HasCauses, s.Causes, s.SnoozedCauses, s.Uncounted = true, decodeCauses(lists(14)), decodeCauses(lists(15)), number(17)
	for state, n := range pairs(reply[16]) {
		if s.SnoozedCounts == nil {
			s.SnoozedCounts = map[tasks.State]int{}
		}
		s.SnoozedCounts[tasks.State(state)], _ = strconv.Atoi(n)
	}
	s.LastWrite, err = decodeLastWrite(shown["write"], text(13))
	return s, err
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
