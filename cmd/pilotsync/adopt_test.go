package main

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// byHand sets names on app1's list, as a person does in the panel.
func byHand(t *testing.T, sim *simulator.Simulator, edit func([]string) []string) {
	t.Helper()
	if err := sim.EditByHand("app1", edit); err != nil {
		t.Fatal(err)
	}
}

func ledgerOf(t *testing.T, env vars) *ledger.Ledger {
	t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: strings.TrimPrefix(env["REDIS_URL"], "redis://")})
	t.Cleanup(func() { rdb.Close() })
	return ledger.New(rdb)
}

func TestNamesOnTheListAreAdoptedWithoutAWriteAndVerified(t *testing.T) {
	t.Parallel()
	env, sim := simulated(t)
	list := []string{"www.shop.example.com", "Shop.example.com", "www.lone.example.com", "blog.example.com"}
	byHand(t, sim, func([]string) []string { return list })

	got := command(t, env, "", "adopt", "--all", "--dry-run")
	want := "shop.example.com, with www.shop.example.com\nwww.lone.example.com\nblog.example.com\n3 domains to be imported into the ledger of app app1; nothing was enqueued (--dry-run)\n"
	if got != (output{exitDone, want, ""}) {
		t.Errorf("dry run: %+v", got)
	}
	w := startWorker(t, env)
	if got := command(t, env, "", "adopt", "--all", "--by=ada"); got.code != exitDone || !strings.Contains(got.out, "3 domains imported into the ledger of app app1\n") {
		t.Fatalf("adopt: %+v", got)
	}
	l := ledgerOf(t, env)
	poll(t, "all are verified", func() (bool, error) {
		views, err := l.Domains(t.Context(), "app1")
		done := len(views) == 3
		for _, v := range views {
			done = done && v.State == tasks.Done
		}
		return done, err
	})
	owned, err := l.Owned(t.Context(), "app1")
	if diff := cmp.Diff([]string{"blog.example.com", "shop.example.com", "www.lone.example.com", "www.shop.example.com"}, owned); err != nil || diff != "" {
		t.Errorf("%v; ours (-want +got):\n%s", err, diff)
	}
	v, _, err := l.Domain(t.Context(), "app1", "shop.example.com")
	if diff := cmp.Diff([]string{"shop.example.com", "www.shop.example.com"}, v.Record.Names); err != nil || diff != "" {
		t.Errorf("%v; names of shop.example.com (-want +got):\n%s", err, diff)
	}
	history, err := l.History(t.Context(), "app1", "shop.example.com")
	if err != nil || history[len(history)-1].Actor != "ada" {
		t.Errorf("the history begins with %+v, %v", history[len(history)-1], err)
	}
	if n := sim.Calls("app1", simulator.WriteList); n != 0 || !slices.Equal(sim.List("app1"), list) {
		t.Errorf("%d writes were made; the list is %v", n, sim.List("app1"))
	}
	if got := command(t, env, "", "adopt", "--all"); got != (output{exitDone, "0 domains imported into the ledger of app app1\n", "4 names skipped: the ledger already has them\n"}) {
		t.Errorf("once more: %+v", got)
	}
	if got := command(t, env, "blog.example.com\nelsewhere.example.com\n", "adopt", "--file=-"); got.code != exitFailed || got.out != "" ||
		!strings.Contains(got.err, "nothing was imported from app app1's list: not on it: elsewhere.example.com (") {
		t.Errorf("of a name that isn't there: %+v", got)
	}
	// An imported domain is removed like any other, with its www form.
	if got := command(t, env, "", "enqueue", "remove", "shop.example.com", "--yes", "--wait", "--timeout=2m"); got.code != exitDone {
		t.Errorf("remove: %+v", got)
	}
	if diff := cmp.Diff([]string{"www.lone.example.com", "blog.example.com"}, sim.List("app1")); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	if code := w.stop(); code != exitDone {
		t.Errorf("the worker's exit code is %d", code)
	}
}

func TestOnlyWhatIsOnTheListAndNotInTheLedgerIsAdopted(t *testing.T) {
	t.Parallel()
	desired := func(domain string, names ...string) ledger.View {
		return ledger.View{Domain: domain, Record: listsync.Record{Domain: domain, Wanted: true, Names: names}}
	}
	pending := func(domain string, www tasks.WWW, remove bool) ledger.View {
		return ledger.View{Domain: domain, Pending: &listsync.Pending{Change: tasks.Change{WWW: www}, Remove: remove}}
	}
	removed := desired("back.example.com", "back.example.com")
	removed.Record.Wanted = false
	list := []string{"a.example.com", "WWW.A.example.com", "www.b.example.com", "under_score.example.com", "a.example.com", "bücher.example", "www.www.c.example.com", "www.c.example.com", "com"}
	for _, test := range []struct {
		name        string
		list, asked []string
		views       []ledger.View
		domains     []string
		forms       []string
		known       int
		refused     int
		err         string
	}{
		{"all", list, nil, nil, []string{"a.example.com", "www.b.example.com", "xn--bcher-kva.example", "www.www.c.example.com", "www.c.example.com"}, []string{"a.example.com"}, 0, 2, ""},
		{"one brings its www form", list, []string{"a.example.com"}, nil, []string{"a.example.com"}, []string{"a.example.com"}, 0, 0, ""},
		{"both are one", list, []string{"www.a.example.com", "a.example.com"}, nil, []string{"a.example.com"}, []string{"a.example.com"}, 0, 0, ""},
		{"a www form alone stays alone", list, []string{"www.a.example.com"}, nil, []string{"www.a.example.com"}, nil, 0, 0, ""},
		{"not on the list", list, []string{"b.example.com", "a.example.com"}, nil, nil, nil, 0, 0, "not on it: b.example.com ("},
		{"in the ledger", list[:2], nil, []ledger.View{desired("a.example.com", "a.example.com", "www.a.example.com")}, nil, nil, 2, 0, ""},
		{"in the ledger without its www form", list[:2], nil, []ledger.View{desired("a.example.com", "a.example.com")}, []string{"www.a.example.com"}, nil, 1, 0, ""},
		{"about to be", list[:2], nil, []ledger.View{pending("a.example.com", "", false)}, nil, nil, 2, 0, ""},
		{"about to be without its www form", list[:2], nil, []ledger.View{pending("a.example.com", tasks.WWWNever, false)}, []string{"www.a.example.com"}, nil, 1, 0, ""},
		{"about to leave", list[:1], nil, []ledger.View{pending("a.example.com", "", true)}, []string{"a.example.com"}, nil, 0, 0, ""},
		{"removed once and there again", []string{"back.example.com"}, nil, []ledger.View{removed}, []string{"back.example.com"}, nil, 0, 0, ""},
		{"of nothing", nil, nil, nil, nil, nil, 0, 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := importable(test.list, test.asked, test.views)
			if (err == nil) != (test.err == "") || !strings.Contains(errors.Join(err, errors.New("")).Error(), test.err) {
				t.Fatalf("error %v", err)
			}
			maps.DeleteFunc(got.withWWW, func(_ string, is bool) bool { return !is })
			if diff := cmp.Diff([][]string{test.domains, test.forms}, [][]string{got.domains, slices.Sorted(maps.Keys(got.withWWW))}, cmpEmpty()); diff != "" || got.known != test.known || len(got.refused) != test.refused {
				t.Errorf("known %d, refused %q, domains and those with a www form (-want +got):\n%s", got.known, got.refused, diff)
			}
		})
	}
}

func TestAdoptingAWholeListEndsTheReportOfALostLedger(t *testing.T) {
	t.Parallel()
	env, sim := simulated(t)
	byHand(t, sim, func([]string) []string { return []string{"shop.example.com", "blog.example.com"} })
	l := ledgerOf(t, env)
	if _, err := l.Identify(t.Context(), ledger.Identity{ID: "of before"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args    []string
		waiting []string
	}{
		{[]string{"adopt", "shop.example.com"}, []string{"app1"}},
		{[]string{"adopt", "--all", "--dry-run"}, []string{"app1"}},
		{[]string{"adopt", "--all"}, nil},
	} {
		if err := l.Announce(t.Context(), ledger.Worker{ID: "w", Name: "host/1", Apps: []string{"app1"}}); err != nil {
			t.Fatal(err)
		}
		got := command(t, env, "", c.args...)
		if loss, err := l.Loss(t.Context()); err != nil || got.code != exitDone || !slices.Equal(loss.Waiting, c.waiting) {
			t.Errorf("after %q (%+v) the loss is %+v, %v", c.args, got, loss, err)
		}
	}
}
