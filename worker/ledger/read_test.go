package ledger

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/listsync"
)

// full fills a ledger with four domains: listed, to be removed, new and removed.
func full(t *testing.T, l *Ledger, sync hash) {
	t.Helper()
	if sync == nil {
		sync = hash{"awake": "1", "wake": "7"}
	}
	leaving := record("leaving.example.com", first)
	leaving.Names = []string{"leaving.example.com", "www.leaving.example.com"}
	seed(t, client(t, addr(l)), state{
		"domains": hash{"listed.example.com": encode(record("listed.example.com", first)), "leaving.example.com": encode(leaving),
			"gone.example.com": encode(ended("gone.example.com", first))},
		"pending": hash{"leaving.example.com": encode(removal("leaving.example.com", first+1)),
			"new.example.com": encode(change("new.example.com", first+2))},
		"since": hash{"listed.example.com": number(first), "new.example.com": number(first + 2)},
		"ours":  set{"listed.example.com"},
		"sync":  sync,
	})
}

func TestPendingChangesTakePrecedenceInViews(t *testing.T) {
	t.Parallel()
	l, _ := frozen(t)
	full(t, l, nil)
	type short struct {
		Domain, State, Names, Reason string
		Seq                          int64
		Known, Waits                 bool
	}
	got := []short{}
	views, err := l.Domains(t.Context(), testApp)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range views {
		got = append(got, short{v.Domain, string(v.State), strings.Join(v.Names, " "), v.Reason, v.Seq, v.Record.Domain != "", v.Pending != nil})
	}
	for _, v := range views {
		if one, ok, now, err := l.DomainAt(t.Context(), testApp, v.Domain); err != nil || !ok || !now.Equal(start) {
			t.Errorf("%s alone: %v, at %s, %v", v.Domain, ok, now, err)
		} else if diff := cmp.Diff(v, one); diff != "" {
			t.Errorf("%s alone (-want +got):\n%s", v.Domain, diff)
		}
	}
	if _, ok, _, err := l.DomainAt(t.Context(), testApp, "unknown.example.com"); ok || err != nil {
		t.Errorf("an unknown domain: %v, %v", ok, err)
	}
	if diff := cmp.Diff([]short{
		{"gone.example.com", "removed", "gone.example.com", "", first, true, false},
		{"leaving.example.com", "pending", "leaving.example.com www.leaving.example.com", "waits to be taken off the list", first + 1, true, true},
		{"listed.example.com", "checking-dns", "listed.example.com", "", first, true, false},
		{"new.example.com", "pending", "new.example.com", "waits to be put on the list", first + 2, false, true},
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	some, err := l.Domains(t.Context(), testApp, "new.example.com", "unknown.example.com", "gone.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]View{views[0], views[3]}, some); diff != "" {
		t.Errorf("the same by name (-want +got):\n%s", diff)
	}
	one, ok, err := l.Domain(t.Context(), testApp, "leaving.example.com")
	if diff := cmp.Diff(views[1], one); err != nil || !ok || diff != "" {
		t.Errorf("one of them: %t, %v (-want +got):\n%s", ok, err, diff)
	}
	if _, ok, err := l.Domain(t.Context(), testApp, "unknown.example.com"); ok || err != nil {
		t.Errorf("an unknown domain: %t, %v", ok, err)
	}
}

func TestAnAppsFailureIsInTheReasonOfPendingDomains(t *testing.T) {
	t.Parallel()
	l, _ := frozen(t)
	full(t, l, hash{"awake": "1", "wake": "7", "fails": "3", "trouble": "the card was declined", "blocked": "1",
		"trouble_since": number(start.UnixMilli())})
	want := map[string]string{
		"listed.example.com":  "",
		"leaving.example.com": "waits: the card was declined",
		"new.example.com":     "waits: the card was declined",
	}
	for domain, reason := range want {
		v, _, err := l.Domain(t.Context(), testApp, domain)
		if err != nil || v.Reason != reason {
			t.Errorf("%s: %q, %v; want %q", domain, v.Reason, err, reason)
		}
	}
	app, err := l.App(t.Context(), testApp)
	if diff := cmp.Diff(App{ID: testApp, Wake: 7, Awake: true, Pending: 2, Fails: 3,
		Failure: &listsync.Failure{Reason: "the card was declined", Blocked: true, Since: start}}, app); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestAppSaysWhetherASyncRuns(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	full(t, l, leased(nil))
	look := func(want App) {
		t.Helper()
		app, err := l.App(t.Context(), testApp)
		if diff := cmp.Diff(want, app); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	look(App{ID: testApp, Wake: 1, Awake: true, Leased: true, Pending: 2})
	server.SetTime(start.Add(20 * time.Second))
	look(App{ID: testApp, Wake: 1, Awake: true, Pending: 2})
	server.FlushAll()
	look(App{ID: testApp})
}

func TestSnapshotHasTheWholeLedger(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	full(t, l, leased(hash{"claim": `["new.example.com"]`}))
	got, err := l.Snapshot(t.Context(), testApp)
	if err != nil {
		t.Fatal(err)
	}
	listed, leaving, gone := record("listed.example.com", first), record("leaving.example.com", first), ended("gone.example.com", first)
	leaving.Names = append(leaving.Names, "www.leaving.example.com")
	want := listsync.Snapshot{
		Records:     map[string]listsync.Record{},
		Pending:     map[string]listsync.Pending{},
		WantedSince: map[string]int64{"listed.example.com": first, "new.example.com": first + 2},
		Owned:       map[string]bool{"listed.example.com": true},
		Tombstones:  map[string]bool{},
		InFlight:    []string{"new.example.com"},
		At:          start,
	}
	for _, r := range []listsync.Record{listed, leaving, gone} {
		r.Version = encode(r)
		want.Records[r.Domain] = r
	}
	for _, c := range []listsync.Pending{removal("leaving.example.com", first+1), change("new.example.com", first+2)} {
		c.Version = encode(c)
		want.Pending[c.Domain] = c
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}

	server.FlushAll()
	got, err = l.Snapshot(t.Context(), testApp)
	empty := listsync.Snapshot{Records: map[string]listsync.Record{}, Pending: map[string]listsync.Pending{}, WantedSince: map[string]int64{}, Owned: map[string]bool{}, Tombstones: map[string]bool{}, At: start}
	if diff := cmp.Diff(empty, got); err != nil || diff != "" {
		t.Errorf("an emptied Redis: %v (-want +got):\n%s", err, diff)
	}
}

func TestUndecodableDataIsNamed(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]string{
		"domains": "the record of bad.example.com on app app1 in the ledger: ",
		"pending": "the pending change of bad.example.com on app app1 in the ledger: ",
		"since":   "the first addition of bad.example.com on app app1 in the ledger: ",
	} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			l, _ := frozen(t)
			seed(t, client(t, addr(l)), state{key: hash{"bad.example.com": "{"}})
			if _, err := l.Snapshot(t.Context(), testApp); err == nil || !strings.HasPrefix(err.Error(), want) {
				t.Errorf("got %v, want %s…", err, want)
			}
		})
	}
}

func TestHistoryIsReadNewestFirst(t *testing.T) {
	t.Parallel()
	l, _ := frozen(t)
	const d = "a.example.com"
	var want []listsync.HistoryEntry
	for i := range int64(HistoryKept + 3) {
		e := listsync.HistoryEntry{At: start.Add(time.Duration(i) * time.Second), State: tasks.Pending, Reason: number(i), Actor: "site 7"}
		if _, err := l.Record(t.Context(), change(d, first+i), e); err != nil {
			t.Fatal(err)
		}
		want = append(want, e)
	}
	slices.Reverse(want)
	got, err := l.History(t.Context(), testApp, d)
	if diff := cmp.Diff(want[:HistoryKept], got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := l.History(t.Context(), testApp, "unknown.example.com"); err != nil || len(got) != 0 {
		t.Errorf("an unknown domain: %v, %v", got, err)
	}
}

func addr(l *Ledger) string { return l.rdb.(*redis.Client).Options().Addr }

// A reader must survive what a damaged value says.
func TestATimeBeyondTheYear9999CountsAsNone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"999999999999999999", "-999999999999999999", "253402300800000"} {
		if at := parseTime(text); !at.IsZero() {
			t.Errorf("%s ms are %s", text, at)
		}
	}
	if at := parseSeconds("253402300800"); !at.IsZero() {
		t.Errorf("the year 10000 is %s", at)
	}
	if at := parseTime("253402300799000"); at.Year() != 9999 {
		t.Errorf("the end of the year 9999 is %s", at)
	}
}

// Then people have to find out what is wrong.
func TestAFullRedisIsRead(t *testing.T) {
	t.Parallel()
	rdb, ctx := client(t, redistest.New(t).Addr), t.Context()
	l := New(rdb)
	for i, domain := range []string{"a.example.com", "b.example.com"} {
		if _, err := l.Record(ctx, change(domain, first+int64(i)), event("asked")); err != nil {
			t.Fatal(err)
		}
	}
	read := func() (all []string) {
		t.Helper()
		whole, err1 := l.Domains(ctx, testApp)
		named, err2 := l.Domains(ctx, testApp, "b.example.com", "unknown.example.com")
		writes, err3 := l.Writes(ctx, testApp, 10)
		if err := errors.Join(err1, err2, err3); err != nil || len(writes) > 0 {
			t.Fatalf("%d writes, %v", len(writes), err)
		}
		for _, v := range append(whole, named...) {
			all = append(all, v.Domain+" is "+string(v.State))
		}
		return all
	}
	before := read()
	if err := rdb.ConfigSet(ctx, "maxmemory", "1").Err(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, read()); diff != "" || len(before) != 3 {
		t.Errorf("what is read of a full Redis (-before +then):\n%s", diff)
	}
}
