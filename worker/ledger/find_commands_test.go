package ledger

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/listsync"
)

// oneDomainEach fills the ledger with apps that have one domain each, and lets them rest.
func oneDomainEach(t *testing.T, rdb *redis.Client, apps int) {
	t.Helper()
	ctx, l := t.Context(), New(rdb)
	for i := range apps {
		app, domain := fmt.Sprintf("app%03d", i), fmt.Sprintf("shop%03d.example.com", (i*7)%apps)
		c := change(domain, first)
		c.AppID = app
		if _, err := l.Record(ctx, c, event("asked")); err != nil {
			t.Fatal(err)
		}
		lease, err := l.Acquire(ctx, app)
		if err != nil {
			t.Fatal(err)
		}
		r := record(domain, first)
		r.State, r.Cause = tasks.Done, tasks.Cause{Code: tasks.CauseWorks}
		if i%2 == 1 {
			r.State, r.Cause = tasks.Failed, tasks.Cause{Code: tasks.CauseDNSElsewhere}
		}
		if _, err := l.Commit(ctx, lease, listsync.Commit{Outcomes: []listsync.Outcome{{Record: r}}}); err != nil {
			t.Fatal(err)
		}
		rdb.SAdd(ctx, key(app, "ours"), domain)
		rdb.HDel(ctx, key(app, "sync"), "token", "until", "taken", "awake")
	}
	for _, app := range rdb.ZRange(ctx, changedKey, 0, -1).Val() {
		rdb.ZIncrBy(ctx, changedKey, float64(-time.Hour.Milliseconds()), app)
	}
	if _, err := New(rdb).AppStates(ctx); err != nil {
		t.Fatal(err)
	}
	if err := l.CompleteNames(ctx, nil, time.Now()); err != nil {
		t.Fatal(err)
	}
}

// What a reader of one domain or of a page costs doesn't depend on the number of apps.
func TestReadersOfAFewDomainsSendFewCommands(t *testing.T) {
	t.Parallel()
	const few, many = 60, 240
	reads := map[string]struct {
		most int
		read func(ctx context.Context, l *Ledger) (found int, err error)
		want int
	}{
		"a lookup": {6, func(ctx context.Context, l *Ledger) (int, error) {
			views, _, err := l.Lookup(ctx, nil, []string{"shop031.example.com"})
			return len(views), err
		}, 1},
		"a lookup that finds nothing": {2, func(ctx context.Context, l *Ledger) (int, error) {
			views, _, err := l.Lookup(ctx, nil, []string{"shop031.example"})
			return len(views), err
		}, 0},
		"the apps that want a domain": {4, func(ctx context.Context, l *Ledger) (int, error) {
			all, err := l.Apps(ctx)
			if err != nil {
				return 0, err
			}
			found, err := l.Wanted(ctx, all, []string{"shop031.example.com", "none.example.com"})
			return len(found), err
		}, 1},
		"the apps that own a name": {5, func(ctx context.Context, l *Ledger) (int, error) {
			found, err := l.OwnedByOtherApps(ctx, "another", []string{"shop031.example.com", "www.shop031.example.com"})
			return len(found), err
		}, 1},
		"a page":                       {44, find("", Query{Limit: 20}), 20},
		"a page of a state":            {44, find("", Query{Limit: 20, States: []tasks.State{tasks.Failed}}), 20},
		"a page of two states":         {44, find("", Query{Limit: 20, States: []tasks.State{tasks.Done, tasks.Removed}}), 20},
		"no domain of a state":         {3, find("", Query{Limit: 20, States: []tasks.State{tasks.Rejected}}), 0},
		"a later page":                 {45, find("", Query{Limit: 20, After: &Cursor{tasks.Failed, Position{App: "app003", Domain: "shop021.example.com"}}}), 20},
		"a page of a cause":            {45, find("", Query{Limit: 20, Cause: code(tasks.CauseDNSElsewhere)}), 20},
		"no domain of a cause":         {3, find("", Query{Limit: 20, Cause: code(tasks.CauseCAAForbids)}), 0},
		"no snoozed domain":            {3, find("", Query{Limit: 20, Snoozed: true}), 0},
		"a part of names":              {26, find("hop", Query{Limit: 20}), 20},
		"a later page of names":        {26, find("hop", Query{Limit: 20, After: &Cursor{Position: Position{App: "app1", Domain: "shop020.example.com"}}}), 20},
		"a part of names, and a state": {37, find("hop", Query{Limit: 20, States: []tasks.State{tasks.Done}}), 20},
		"a part of one name":           {7, find("op031.", Query{Limit: 20}), 1},
		"a part of no name":            {6, find("nothing", Query{Limit: 20}), 0},
	}

	for _, apps := range []int{few, many} {
		rdb := client(t, redistest.New(t).Addr)
		oneDomainEach(t, rdb, apps)
		for name, c := range reads {
			n := 0
			for range 2 { // the first may load the script
				n = 0
				hooked := redis.NewClient(rdb.Options())
				hooked.AddHook(counter{&n})
				found, err := c.read(t.Context(), New(hooked))
				_ = hooked.Close()
				if err != nil || found != c.want {
					t.Fatalf("%s with %d apps: %d found, want %d (%v)", name, apps, found, c.want, err)
				}
			}
			if n > c.most {
				t.Errorf("%s with %d apps takes %d commands, want at most %d", name, apps, n, c.most)
			}
		}
	}
}

// find finds domains whose names have a part, or all for none.
func find(part string, q Query) func(context.Context, *Ledger) (int, error) {
	return func(ctx context.Context, l *Ledger) (int, error) {
		apps, err := l.AppStates(ctx)
		if err != nil {
			return 0, err
		}
		if part != "" {
			names, err := l.Names(ctx)
			if err != nil {
				return 0, err
			}
			q.Among = slices.DeleteFunc(names, func(p Position) bool { return !strings.Contains(p.Domain, part) })
		}
		page, err := l.Find(ctx, apps, q)
		return len(page.Views), err
	}
}
