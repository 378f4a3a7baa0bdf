package ledger

import (
	"context"
	"fmt"
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
		r.State = tasks.Done
		if i%2 == 1 {
			r.State = tasks.Failed
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
		"a page":                   {44, find(Query{Limit: 20}), 20},
		"a page of a state":        {44, find(Query{Limit: 20, States: []tasks.State{tasks.Failed}}), 20},
		"a page of other states":   {44, find(Query{Limit: 20, States: []tasks.State{tasks.Done, tasks.Failed, tasks.Removed}}), 20},
		"no domain of a state":     {3, find(Query{Limit: 20, States: []tasks.State{tasks.Rejected}}), 0},
		"a later page":             {46, find(Query{Limit: 20, After: &Position{App: "app030", Domain: "shop000.example.com"}}), 20},
		"a prefix":                 {30, find(Query{Limit: 20, Prefix: "shop"}), 20},
		"a later page of a prefix": {30, find(Query{Limit: 20, Prefix: "shop", After: &Position{App: "app1", Domain: "shop020.example.com"}}), 20},
		"a prefix and a state":     {45, find(Query{Limit: 20, Prefix: "shop", States: []tasks.State{tasks.Done}}), 20},
		"a prefix of one domain":   {8, find(Query{Limit: 20, Prefix: "shop031."}), 1},
		"a prefix of none":         {6, find(Query{Limit: 20, Prefix: "x"}), 0},
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

func find(q Query) func(context.Context, *Ledger) (int, error) {
	return func(ctx context.Context, l *Ledger) (int, error) {
		page, err := l.Find(ctx, q)
		return len(page.Views), err
	}
}
