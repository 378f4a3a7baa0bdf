package worker

import (
	"fmt"
	"testing"
	"time"

	"pilotsync/worker/ledger"
)

func TestAReconciliationIsDueAtTheFirstVisitOfAnHour(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	begin := nextHour("app1", now).Add(-time.Hour)
	if before := begin.Add(-time.Second); appHour("app1", begin) != appHour("app1", now) || appHour("app1", before) == appHour("app1", now) {
		t.Fatalf("the hour of %s begins at %s", now, begin)
	}
	asleep := ledger.Work{App: "app1", Wake: 3}
	for _, c := range []struct {
		name    string
		mode    Reconcile
		work    ledger.Work
		planned time.Time
		want    bool
	}{
		{"the visit of the hour's begin", Repair, asleep, begin, true},
		{"an earlier visit, which was late", Repair, asleep, begin.Add(-time.Hour), true},
		{"another visit in the hour", Repair, asleep, begin.Add(time.Second), false},
		{"an app that wasn't on the agenda", Repair, asleep, time.Time{}, false},
		{"a report", Report, asleep, begin, true},
		{"off", ReconcileOff, asleep, begin, false},
		{"an awake app", Repair, ledger.Work{App: "app1", Wake: 3, Awake: true}, begin, false},
		{"a paused app", Repair, ledger.Work{App: "app1", Wake: 3, Paused: true}, begin, false},
		{"an app that the ledger doesn't know", Repair, ledger.Work{App: "app1"}, begin, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := (&reconciler{mode: c.mode}).due(c.work, c.planned, now); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

// A visit plans the next one after the begin of the app's next hour. Otherwise that hour would have
// no reconciliation.
func TestEachVisitPlansOneInTheNextHour(t *testing.T) {
	t.Parallel()
	r := &reconciler{mode: Repair}
	work := ledger.Work{App: "app1", Wake: 1}
	pass := pass{seen: map[string]time.Time{}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	due := 0
	for range 24 {
		pass.seen["app1"] = pass.plan(work).At
		pass.now = pass.seen["app1"].Add(10 * time.Second) // a pass is somewhat late
		if r.due(work, pass.seen["app1"], pass.now) {
			due++
		}
	}
	if day := pass.now.Sub(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)); due != 24 || day > 24*time.Hour+time.Minute {
		t.Errorf("%d reconciliations in %s", due, day)
	}
}

func TestFirstReconciliationsAreSpreadOverTheHour(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	pass := pass{now: now}
	minutes := map[int]int{}
	const apps = 6000
	for i := range apps {
		at := pass.plan(ledger.Work{App: fmt.Sprintf("app%d", i), Wake: 1}).At
		minutes[int(at.Sub(now)/time.Minute)]++
	}
	for minute, n := range minutes {
		if n > 3*apps/60 {
			t.Errorf("%d of %d apps in minute %d", n, apps, minute)
		}
	}
}
