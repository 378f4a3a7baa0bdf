package restore_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/restore"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// randomWrites changes list at random, n times, and returns the writes, newest first,
// and the list before each.
func randomWrites(random *rand.Rand, list map[string]bool, n int) (writes []ledger.Write, before []map[string]bool) {
	for i := range n {
		was := maps.Clone(list)
		w := ledger.Write{N: int64(i + 1), At: began.Add(time.Duration(i) * time.Minute), Outcome: []ledger.WriteOutcome{ledger.WriteSucceeded, ledger.WriteSucceeded, ledger.WriteSucceeded, ledger.WriteFailed, ledger.WriteUnknown}[random.IntN(5)]}
		landed := w.Outcome == ledger.WriteSucceeded || w.Outcome == ledger.WriteUnknown && random.IntN(2) == 0
		for range 1 + random.IntN(4) {
			name := fmt.Sprintf("%c.example.com", 'a'+random.IntN(8))
			if slices.Contains(w.Added, name) || slices.Contains(w.Removed, name) {
				continue
			}
			if was[name] {
				w.Removed = append(w.Removed, name)
			} else {
				w.Added = append(w.Added, name)
			}
			if landed {
				list[name] = !was[name]
			}
		}
		writes, before = append([]ledger.Write{w}, writes...), append([]map[string]bool{was}, before...)
	}
	return writes, before
}

func TestRestoreReversesTheListToAnyOfItsWrites(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		list := map[string]bool{}
		for _, c := range "abcd" {
			list[fmt.Sprintf("%c.example.com", c)] = random.IntN(2) == 0
		}
		writes, before := randomWrites(random, list, 1+random.IntN(8))
		n := 1 + random.IntN(len(writes))
		add, remove := restore.Names(writes[:n], func(name string) bool { return list[name] })
		got := maps.Clone(list)
		for _, name := range add {
			got[name] = true
		}
		for _, name := range remove {
			got[name] = false
		}
		off := func(_ string, is bool) bool { return !is }
		want := before[n-1]
		maps.DeleteFunc(got, off)
		maps.DeleteFunc(want, off)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%d writes of %+v undone (-want +got):\n%s", n, writes, diff)
		}
	}
}

func TestAFailedWriteIsNotReversed(t *testing.T) {
	t.Parallel()
	writes := []ledger.Write{
		{N: 2, Outcome: ledger.WriteFailed, Added: []string{"hand.example.com"}},
		{N: 1, Outcome: ledger.WriteUnknown, Added: []string{"came.example.com", "lost.example.com"}, Removed: []string{"stays.example.com", "went.example.com"}},
	}
	on := map[string]bool{"hand.example.com": true, "came.example.com": true, "stays.example.com": true}
	add, remove := restore.Names(writes, func(name string) bool { return on[name] })
	if diff := cmp.Diff([][]string{{"went.example.com"}, {"came.example.com"}}, [][]string{add, remove}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestThePointIsBetweenTwoKeptWrites(t *testing.T) {
	t.Parallel()
	kept := []ledger.Write{
		{Outcome: ledger.WriteInFlight, At: began.Add(4 * time.Minute)},
		{N: 9, At: began.Add(2 * time.Minute)}, {N: 8, At: began.Add(time.Minute)}, {N: 7, At: began},
	}
	first := []ledger.Write{{N: 1, At: began}}
	shown := []ledger.Write{{N: 2, At: began.Add(time.Second + 999*time.Microsecond)}, {N: 1, At: began.Add(999 * time.Microsecond)}}
	const reach = "Kept are write 7, of 2026-03-01T12:00:00.000Z, to write 9, of 2026-03-01T12:02:00.000Z\n--at takes a number from 6 to 9, or a time from the first on"
	for _, test := range []struct {
		name  string
		kept  []ledger.Write
		point restore.Point
		want  int // writes
		err   string
	}{
		{"after the last write, but for one on its way", kept, restore.Point{N: 9}, 1, ""},
		{"after the one before", kept, restore.Point{N: 8}, 2, ""},
		{"before the oldest", kept, restore.Point{N: 6}, 4, ""},
		{"before that", kept, restore.Point{N: 5}, 0, "write 5 isn't kept any more\n" + reach},
		{"before the first, of which others came before", kept, restore.Point{}, 0, "write 0 isn't kept any more\n" + reach},
		{"to come", kept, restore.Point{N: 10}, 0, "there is no write 10 yet\n" + reach},
		{"right after the oldest", kept, restore.Point{N: 7}, 3, ""},
		{"at the time of the oldest", kept, restore.Point{Time: began}, 3, ""},
		{"at the time of the oldest as it is shown", shown, restore.Point{Time: began}, 1, ""},
		{"at the time of a write as it is shown", shown, restore.Point{Time: began.Add(time.Second)}, 0, ""},
		{"after the last", kept, restore.Point{Time: began.Add(time.Hour)}, 0, ""},
		{"at the time of a write", kept, restore.Point{Time: began.Add(time.Minute)}, 2, ""},
		{"between two", kept, restore.Point{Time: began.Add(time.Minute - 1)}, 3, ""},
		{"at an earlier time", kept, restore.Point{Time: began.Add(-1)}, 0, "2026-03-01T11:59:59.999Z is before the first write that is kept\n" + reach},
		{"before the very first", first, restore.Point{Time: began.Add(-time.Hour)}, 0, "2026-03-01T11:00:00.000Z is before the first write that is kept\nKept are write 1, "},
		{"before the very first by number", first, restore.Point{N: 0}, 1, ""},
		{"of nothing", nil, restore.Point{N: 0}, 0, "no write of its list is kept"},
		{"while the first is on its way", kept[:1], restore.Point{N: 0}, 0, "no write of its list is kept"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := restore.After(test.kept, test.point)
			if len(got) != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
				t.Errorf("got %d writes, %v; want %d, %q", len(got), err, test.want, test.err)
			}
		})
	}
}

// view returns a wanted domain.
func view(domain string, names ...string) ledger.View {
	return ledger.View{AppID: "app1", Domain: domain, Record: listsync.Record{Domain: domain, Wanted: true, Names: names, SiteID: 7, Attempts: 9, WWW: tasks.WWWAlways}}
}

func waits(v ledger.View, remove bool) ledger.View {
	v.Pending = &listsync.Pending{Remove: remove}
	return v
}

func TestPendingChangesCountAsProcessed(t *testing.T) {
	t.Parallel()
	gone := view("gone.example.com", "gone.example.com", "www.gone.example.com")
	gone.Record.Wanted = false
	on := restore.OnList([]ledger.View{
		view("a.example.com", "a.example.com", "www.a.example.com"),
		waits(view("www.a.example.com"), true),
		waits(view("leaves.example.com", "leaves.example.com", "www.leaves.example.com"), true),
		view("www.shared.example.com", "www.shared.example.com"),
		waits(view("shared.example.com", "shared.example.com", "www.shared.example.com"), true),
		waits(ledger.View{Domain: "new.example.com"}, false),
		gone,
		{Domain: "www.leaves.example.com", Record: listsync.Record{Domain: "www.leaves.example.com", Names: []string{"www.leaves.example.com"}}}, // removed before
	}, []string{"www.a.example.com", "leaves.example.com", "www.leaves.example.com", "shared.example.com", "www.shared.example.com", "leftover.example.com"})
	maps.DeleteFunc(on, func(_ string, is bool) bool { return !is })
	want := []string{"a.example.com", "leftover.example.com", "new.example.com", "www.shared.example.com"}
	if diff := cmp.Diff(want, slices.Sorted(maps.Keys(on))); diff != "" {
		t.Errorf("on the list (-want +got):\n%s", diff)
	}
}

func TestNamesBecomeRequestsOfTheirDomains(t *testing.T) {
	t.Parallel()
	back := view("back.example.com", "back.example.com", "www.back.example.com")
	back.Record.Wanted = false
	reqs := restore.Requests("app1", "ada",
		[]string{"alone.example.com", "back.example.com", "www.back.example.com", "www.form.example.com"},
		[]string{"off.example.com", "own.example.com", "www.off.example.com", "www.only.example.com", "www.own.example.com"},
		[]ledger.View{back, view("off.example.com", "off.example.com", "www.off.example.com"), view("own.example.com", "own.example.com", "www.own.example.com"),
			view("www.own.example.com", "www.own.example.com"), view("only.example.com", "only.example.com", "www.only.example.com")})
	add := func(domain string, www tasks.WWW, site int64) enqueue.Request {
		return enqueue.Request{AppID: "app1", Domain: domain, WWW: www, SiteID: site, By: "ada"}
	}
	remove := func(domain string, www tasks.WWW, site int64) enqueue.Request {
		r := add(domain, www, site)
		r.Remove = true
		return r
	}
	again := add("back.example.com", tasks.WWWAlways, 7)
	again.Attempts = 9
	if diff := cmp.Diff([]enqueue.Request{
		remove("off.example.com", tasks.WWWAlways, 7), remove("own.example.com", tasks.WWWAlways, 7),
		remove("www.only.example.com", "", 0), remove("www.own.example.com", tasks.WWWAlways, 7),
		add("alone.example.com", tasks.WWWNever, 0), again, add("www.form.example.com", tasks.WWWNever, 0),
	}, reqs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
