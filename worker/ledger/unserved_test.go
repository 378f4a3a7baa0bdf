package ledger

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

func TestAppsThatNoWorkerHasServedAreApart(t *testing.T) {
	t.Parallel()
	pending := map[tasks.State]int{tasks.Pending: 1}
	apps := []App{
		{ID: "a-new", Pending: 2, Counts: pending, ChangedAt: start},
		{ID: "b-live", Pending: 1, Counts: pending},
		{ID: "c-listed", Pending: 1, ListedAt: start, Counts: pending},
		{ID: "d-of-0.1.0", Pending: 1, Counts: map[tasks.State]int{tasks.Pending: 1, tasks.Done: 3}},
		{ID: "e-idle"},
		{ID: "e-paused", Pending: 1, Counts: pending, Paused: "ada"},
		{ID: "f-invented", Pending: 1, Counts: pending, ChangedAt: start.Add(time.Second), Failure: &listsync.Failure{Blocked: true}},
	}
	served, unserved := SplitUnserved(apps, []Worker{{Apps: []string{"b-live", "other"}}})
	ids := func(apps []App) (ids []string) {
		for _, a := range apps {
			ids = append(ids, a.ID)
		}
		return ids
	}
	if got := ids(served); !slices.Equal(got, []string{"b-live", "c-listed", "d-of-0.1.0", "e-idle", "e-paused"}) {
		t.Errorf("served are %q", got)
	}
	u := NewUnserved(unserved)
	if got := ids(u.Shown); !slices.Equal(got, []string{"f-invented", "a-new"}) || u.Count != 2 || u.Changes != 3 || u.More() != 0 {
		t.Errorf("unserved are %q of %+v", got, u)
	}
	if u := NewUnserved(slices.Repeat(unserved, 100)); len(u.Shown) != UnservedShown || u.Count != 200 || u.More() != 180 {
		t.Errorf("of 200 unserved apps %d are shown, and %d more", len(u.Shown), u.More())
	}
}

func TestTheLedgerTakesChangesOfFewInventedApps(t *testing.T) {
	t.Parallel()
	l, _ := frozen(t)
	ctx := t.Context()
	admits := func(app string, want bool) {
		t.Helper()
		if got, err := l.Admits(ctx, app); err != nil || got != want {
			t.Errorf("changes of %s are taken: %v, %v; want %v", app, got, err, want)
		}
	}
	for i := range MaxUnserved {
		admits("next", true)
		l.rdb.SAdd(ctx, appsKey, fmt.Sprint("invented", i))
	}
	admits("next", false)
	admits("invented7", true) // known
	if err := l.Announce(ctx, Worker{ID: "w", Apps: []string{"served1", "served2"}}); err != nil {
		t.Fatal(err)
	}
	admits("served1", true)
	admits("next", true) // some of the known apps may be served
	l.rdb.SAdd(ctx, appsKey, "served1", "served2")
	admits("next", false)
}
