package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// latestChanges keeps what was last read of the apps that changed last. A page that shows them is
// loaded after each change, and mostly only one of them has changed.
type latestChanges struct {
	mu    sync.Mutex
	byApp map[string]keptChanges
}

type keptChanges struct {
	revision  string
	changedAt time.Time // of the app; a ledger that was lost may come to the same revision again
	n         int       // how many were asked for
	changes   []latestChange
}

type latestChange struct {
	View
	at string // ms by Redis's clock; all have the same length
}

// Latest returns the last changed domains of some apps, at most n and at most 50 of each app,
// newest first. It reads those of the n apps that changed last, by one command an app, unless an
// earlier call has read them at the same revision. apps is what [Ledger.AppStates] returned.
func (l *Ledger) Latest(ctx context.Context, apps []App, n int) ([]View, error) {
	newest := slices.DeleteFunc(slices.Clone(apps), func(a App) bool { return a.ChangedAt.IsZero() })
	slices.SortFunc(newest, func(a, b App) int { return cmp.Or(b.ChangedAt.Compare(a.ChangedAt), strings.Compare(a.ID, b.ID)) })
	newest = newest[:min(n, len(newest))]
	byApp, missing := l.changes.of(newest, n)
	if err := l.readLatest(ctx, missing, n, byApp); err != nil {
		return nil, err
	}
	l.changes.keep(byApp)
	var all []latestChange
	for _, kept := range byApp {
		all = append(all, kept.changes...)
	}
	slices.SortFunc(all, func(a, b latestChange) int {
		return cmp.Or(strings.Compare(b.at, a.at), strings.Compare(a.Domain, b.Domain), strings.Compare(a.AppID, b.AppID))
	})
	views := make([]View, 0, n)
	for _, c := range all[:min(n, len(all))] {
		views = append(views, c.View)
	}
	return views, nil
}

// readLatest reads the last changed domains of apps.
func (l *Ledger) readLatest(ctx context.Context, apps []App, n int, into map[string]keptChanges) error {
	if len(apps) == 0 {
		return nil
	}
	args := []any{n}
	for _, field := range syncFields() {
		args = append(args, field)
	}
	ids := make([]string, len(apps))
	for i, a := range apps {
		ids[i] = a.ID
	}
	replies, err := l.runEach(ctx, l.latest, ids, func(app string) []string { return []string{key(app, "sync")} }, args...)
	if err != nil {
		return fmt.Errorf("read the latest changes of %d apps: %w", len(apps), err)
	}
	for i, reply := range replies {
		values, err := reply.Slice()
		if err != nil {
			return fmt.Errorf("read the latest changes of app %s: %w", ids[i], err)
		}
		changes, err := decodeLatest(ids[i], values)
		if err != nil {
			return err
		}
		into[ids[i]] = keptChanges{apps[i].Revision, apps[i].ChangedAt, n, changes}
	}
	return nil
}

// decodeLatest decodes what latest.lua returns.
func decodeLatest(app string, reply []any) ([]latestChange, error) {
	fields, _ := reply[0].([]any)
	records, pending, at := map[string]string{}, map[string]string{}, map[string]string{}
	for _, value := range reply[1:] {
		v, _ := value.([]any)
		domain := fmt.Sprint(v[0])
		at[domain] = fmt.Sprint(v[1])
		for i, hash := range []map[string]string{records, pending} {
			if raw, _ := v[2+i].(string); raw != "" {
				hash[domain] = raw
			}
		}
	}
	views, err := decodeViews(app, records, pending, foundFields(syncFields(), fields))
	if err != nil {
		return nil, err
	}
	changes := make([]latestChange, len(views))
	for i, v := range views {
		changes[i] = latestChange{v, at[v.Domain]}
	}
	return changes, nil
}

// of returns what is kept of apps, and those apps that must be read.
func (c *latestChanges) of(apps []App, n int) (byApp map[string]keptChanges, missing []App) {
	c.mu.Lock()
	defer c.mu.Unlock()
	byApp = map[string]keptChanges{}
	for _, a := range apps {
		if kept, ok := c.byApp[a.ID]; ok && kept.n == n && a.Revision != "" && kept.revision == a.Revision && kept.changedAt.Equal(a.ChangedAt) {
			byApp[a.ID] = kept
		} else {
			missing = append(missing, a)
		}
	}
	return byApp, missing
}

// keep keeps the changes of these apps, and no others.
func (c *latestChanges) keep(byApp map[string]keptChanges) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byApp = byApp
}
