package ledger

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

const (
	// MaxUnserved is how many apps that no worker serves the ledger takes changes of. Any producer
	// can invent apps, and each has keys of its own, which all readers of apps read.
	MaxUnserved = 500
	// UnservedShown is how many of them pages and commands show, with the number of the others.
	UnservedShown = 20
)

// waitsForWorker reports whether the app has changes, and no worker has ever read its list. An app
// that an operator paused is known.
func (a App) waitsForWorker() bool {
	if a.Pending == 0 || !a.ListedAt.IsZero() || a.Paused != "" {
		return false
	}
	for state, n := range a.Counts { // a release before 0.2.0 didn't record that time
		if n > 0 && state != tasks.Pending {
			return false
		}
	}
	return true
}

// Unserved are apps with changes that no worker serves or has ever served. Each is a new app whose
// worker isn't started yet, a mistyped one, or an invented one.
type Unserved struct {
	Count   int   // apps
	Changes int   // that wait for them
	Shown   []App // at most [UnservedShown], those that changed last first
}

// More returns how many of the apps aren't shown.
func (u Unserved) More() int { return u.Count - len(u.Shown) }

// SplitUnserved takes the unserved apps out of apps, which are as [Ledger.AppStates] returned them.
// Both parts keep the order.
func SplitUnserved(apps []App, live []Worker) (served, unserved []App) {
	serving := servedApps(live)
	for _, app := range apps {
		if app.waitsForWorker() && !serving[app.ID] {
			unserved = append(unserved, app)
		} else {
			served = append(served, app)
		}
	}
	return served, unserved
}

// AddServed appends the apps that live workers serve and that have no ledger yet, without a state.
func AddServed(apps []App, live []Worker) []App {
	missing := servedApps(live)
	for _, app := range apps {
		delete(missing, app.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(missing)) {
		apps = append(apps, App{ID: id})
	}
	return apps
}

// NewUnserved sums up what [SplitUnserved] took out.
func NewUnserved(apps []App) Unserved {
	u := Unserved{Count: len(apps)}
	for _, app := range apps {
		u.Changes += app.Pending
	}
	u.Shown = slices.SortedStableFunc(slices.Values(apps), func(a, b App) int { return b.ChangedAt.Compare(a.ChangedAt) })
	u.Shown = u.Shown[:min(len(u.Shown), UnservedShown)]
	return u
}

// unservedKey is when a worker last looked for unserved apps to forget (ms).
const unservedKey = "pilotsync:unserved"

// TryLockUnserved lets one caller forget unserved apps; others get false within the given time.
func (l *Ledger) TryLockUnserved(ctx context.Context, within time.Duration) (bool, error) {
	n, err := l.tryLock.Run(ctx, l.rdb, []string{unservedKey}, within.Milliseconds()).Int()
	if err != nil {
		return false, fmt.Errorf("acquire the lock to forget unserved apps: %w", err)
	}
	return n == 1, nil
}

func servedApps(live []Worker) map[string]bool {
	serving := map[string]bool{}
	for _, w := range live {
		for _, app := range w.Apps {
			serving[app] = true
		}
	}
	return serving
}

// Admits reports whether the ledger takes changes of an app that the caller doesn't serve. It takes
// those of apps that it knows or that a live worker serves. Of others it takes them as long as it
// knows no more than [MaxUnserved] apps that aren't served.
func (l *Ledger) Admits(ctx context.Context, app string) (bool, error) {
	var known *redis.BoolCmd
	var count *redis.IntCmd
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		known, count = p.SIsMember(ctx, appsKey, app), p.SCard(ctx, appsKey)
		return nil
	}); err != nil {
		return false, fmt.Errorf("look up app %s: %w", app, err)
	}
	if known.Val() || count.Val() < MaxUnserved {
		return true, nil
	}
	live, err := l.Workers(ctx)
	if err != nil {
		return false, err
	}
	serving := servedApps(live)
	return serving[app] || int(count.Val())-len(serving) < MaxUnserved, nil
}
