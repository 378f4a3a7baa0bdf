package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/worker/listsync"
)

// The agenda has, for each app that the ledger knows, the earliest time at which the recoverer
// has to visit it. Its keys share a hash tag of their own, so an app's script can't have them.
// Therefore an app is marked before a script that makes work. A visit that finds no work moves
// to a later time, but not before [markGrace] after the last mark.
const (
	visitsKey = "pilotsync:{agenda}:visits"
	marksKey  = "pilotsync:{agenda}:marks"
)

const (
	// markGrace is the time that a caller has to record work after its mark. A crash right after
	// that is noticed when the mark's visit is due, and a lease that was acquired then has run out.
	markGrace = listsync.LeaseTTL
	// markReused is how long this process relies on an earlier mark of its own. The rest of the
	// grace is left for the script.
	markReused = markGrace / 2
)

// planPage is how many visits are planned, and how many apps are read, in one round trip.
const planPage = 500

// marker marks apps, not more often than needed.
type marker struct {
	rdb                 redis.UniversalClient
	script, touchScript *redis.Script

	mu      sync.Mutex
	marks   map[string]ownMark   // of this process, by app
	touches map[string]time.Time // when this process last marked an app as changed
}

// ownMark is a mark of this process: by when the app is visited, zero for within the grace.
type ownMark struct{ at, sent time.Time }

// mark makes the recoverer visit an app when work is due that the caller is about to record. at
// is zero for work that is due now.
func (m *marker) mark(ctx context.Context, app string, at time.Time) error {
	sent := time.Now()
	if m.marked(app, at, sent) {
		return nil
	}
	due := ""
	if !at.IsZero() {
		due = strconv.FormatInt(at.UnixMilli(), 10)
	}
	if err := m.script.Run(ctx, m.rdb, []string{visitsKey, marksKey, changedKey}, app, due, markGrace.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("put app %s on the agenda: %w", app, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.marks) >= 10*planPage { // most of them are old
		clear(m.marks)
	}
	m.marks[app] = ownMark{at: at, sent: sent}
	m.touched(app, sent)
	return nil
}

// forget makes the next mark of each app a new one: those of another ledger don't count.
func (m *marker) forget() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.marks)
	clear(m.touches)
}

// touch makes readers read an app again. It is called before a change that needs no mark.
func (m *marker) touch(ctx context.Context, app string) error {
	sent := time.Now()
	m.mu.Lock()
	recent := sent.Sub(m.touches[app]) < markReused
	m.mu.Unlock()
	if recent {
		return nil
	}
	if err := m.touchScript.Run(ctx, m.rdb, []string{changedKey}, app).Err(); err != nil {
		return fmt.Errorf("make readers read app %s again: %w", app, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.touched(app, sent)
	return nil
}

// touched notes that an app was marked as changed. The caller holds mu.
func (m *marker) touched(app string, sent time.Time) {
	if len(m.touches) >= 10*planPage {
		clear(m.touches)
	}
	m.touches[app] = sent
}

// marked reports whether an earlier mark of this process covers another.
func (m *marker) marked(app string, at, now time.Time) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	last, ok := m.marks[app]
	return ok && now.Sub(last.sent) < markReused && (last.at.IsZero() || !at.IsZero() && !at.Before(last.at))
}

// Visit is a visit of an app by the recoverer.
type Visit struct {
	App string
	At  time.Time // when it is due, by Redis's clock; zero if none is planned
}

// Agenda is what of the agenda is due.
type Agenda struct {
	Now  time.Time // by Redis's clock
	Apps int       // on the agenda
	Due  []Visit   // the longest overdue first

	complete time.Time      // when the index of names was complete; zero for never
	named    map[string]int // how many names it has of the due apps
}

// DueVisits returns the visits that are due. If a part of the index of names was lost it removes the
// rest, which makes the index incomplete.
func (l *Ledger) DueVisits(ctx context.Context) (Agenda, error) {
	reply, err := l.dueVisits.Run(ctx, l.rdb, []string{visitsKey, sitedKey, namedKey, namesKey, completeKey, sitesKey}).StringSlice()
	if err != nil {
		return Agenda{}, fmt.Errorf("read the agenda: %w", err)
	}
	a := Agenda{Now: parseTime(reply[0]), complete: parseTime(reply[2]), named: map[string]int{}}
	if a.Apps, err = strconv.Atoi(reply[1]); err != nil {
		return Agenda{}, fmt.Errorf("read the agenda: %w", err)
	}
	for i := 3; i+2 < len(reply); i += 3 {
		a.named[reply[i]], _ = strconv.Atoi(reply[i+2]) // a wrong number has its names added again
		a.Due = append(a.Due, Visit{App: reply[i], At: parseTime(reply[i+1])})
	}
	return a, nil
}

// PlannedVisit is the next visit of an app whose work was read.
type PlannedVisit struct {
	Visit           // zero At: it needs none
	Seen  time.Time // when the visit was due that read the work; zero if it wasn't due
}

// PlanVisits plans the next visits of apps. readAt is a time of Redis's clock before their work
// was read. Where an app has another visit by now than the caller saw, the earlier one stays.
func (l *Ledger) PlanVisits(ctx context.Context, readAt time.Time, planned []PlannedVisit) error {
	for some := range slices.Chunk(planned, planPage) {
		if err := ctx.Err(); err != nil {
			return err
		}
		args := []any{readAt.UnixMilli(), markGrace.Milliseconds()}
		for _, p := range some {
			args = append(args, p.App, timeArg(p.Seen), timeArg(p.At))
		}
		if err := l.planVisits.Run(ctx, l.rdb, []string{visitsKey, marksKey}, args...).Err(); err != nil {
			return fmt.Errorf("plan the next visits of %d apps: %w", len(some), err)
		}
	}
	return nil
}

// timeArg is a time for a script, in ms; empty for none.
func timeArg(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}
