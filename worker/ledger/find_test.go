package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// TestReadersFindWhatTheLedgerHas makes random changes of some apps and
// compares each way to find domains with a search through all of them.
func TestReadersFindWhatTheLedgerHas(t *testing.T) {
	t.Parallel()
	rdb := backends()["miniredis"](t)
	rapid.Check(t, func(r *rapid.T) {
		ctx := t.Context()
		if err := rdb.FlushAll(ctx).Err(); err != nil {
			r.Fatal(err)
		}
		l, apps := New(rdb), []string{"app1", "app2"}
		if rapid.Bool().Draw(r, "readers rely on the index of names") {
			if err := l.CompleteNames(ctx, nil, time.Now()); err != nil {
				r.Fatal(err)
			}
		}
		domains := []string{"a.example.com", "ab.example.com", "pending.example.com"}
		seq := int64(first)
		steps := rapid.SliceOfN(rapid.Custom(func(r *rapid.T) step {
			return step{app: rapid.SampledFrom(apps).Draw(r, "app"), domain: rapid.SampledFrom(domains).Draw(r, "domain"),
				kind: rapid.SampledFrom([]string{"add", "remove", "late", "sync", "verify", "snooze", "won't fix"}).Draw(r, "what"), site: rapid.Int64Range(1, 3).Draw(r, "site"),
				cause: rapid.SampledFrom([]tasks.Code{"", tasks.CauseWorks, tasks.CauseDNSElsewhere, tasks.CauseCAAForbids}).Draw(r, "cause"), warning: rapid.SampledFrom([]tasks.Code{"", tasks.CauseOnTwoApps}).Draw(r, "warning"), state: rapid.SampledFrom(tasks.States()[1:]).Draw(r, "state"),
				lifetime: rapid.SampledFrom([]int{0, 6, 45, 90}).Draw(r, "lifetime"), left: rapid.IntRange(-1, 30).Draw(r, "left")}
		}), 10, 60).Draw(r, "steps")
		for i, s := range steps {
			seq++
			if s.take(r, l, seq); i%15 == 0 {
				compare(r, l, apps)
			}
		}
		compare(r, l, apps)
	})
}

type step struct {
	app, domain, kind string
	state             tasks.State
	lifetime, left    int // days, of the certificate
	site              int64
	cause, warning    tasks.Code
}

func (s step) take(r *rapid.T, l *Ledger, seq int64) {
	ctx := r.Context()
	fail := func(err error) {
		if err != nil {
			r.Fatalf("%+v: %v", s, err)
		}
	}
	switch s.kind {
	case "add", "remove", "late":
		if s.kind == "late" {
			seq, s.site = first-10, 2 // superseded by every other change
		}
		c := listsync.Pending{Change: tasks.Change{AppID: s.app, Domain: s.domain, Seq: seq, SiteID: s.site, RequestedAt: start}, Remove: s.kind == "remove", RecordedAt: start}
		_, err := l.Record(ctx, c, event(s.kind))
		fail(err)
	case "sync": // settles the pending changes of the app
		if _, err := l.Wake(ctx, s.app); err != nil {
			r.Fatal(err)
		}
		lease, err := l.Acquire(ctx, s.app)
		fail(err)
		snapshot, err := l.Snapshot(ctx, s.app)
		fail(err)
		c := listsync.Commit{Listed: len(snapshot.Records), WorkerID: "w1"}
		for domain, change := range snapshot.Pending {
			record := snapshot.Records[domain]
			record.Domain, record.Seq, record.State, record.Certificate = domain, change.Seq, s.state, nil
			s.explain(&record)
			if change.SiteID != 0 {
				record.SiteID = change.SiteID
			}
			c.Outcomes = append(c.Outcomes, listsync.Outcome{Record: record, Cause: tasks.Cause{Code: "settled"}})
		}
		fail(l.BeginWrite(ctx, lease, listsync.WriteIntent{Added: []string{s.domain}, Size: 7, WorkerID: "w1"}))
		_, err = l.Commit(ctx, lease, c)
		fail(err)
		_, err = l.Release(ctx, lease)
		fail(err)
	case "snooze", "won't fix":
		v, ok, err := l.Domain(ctx, s.app, s.domain)
		fail(err)
		if !ok || !v.NeedsPerson() {
			return
		}
		snooze := Snooze{WontFix: s.kind == "won't fix", Note: "known", By: "ada", At: start}
		if s.left > 20 && !snooze.WontFix {
			snooze.Until = start.UnixMilli() // it has ended
		}
		fail(l.Snooze(ctx, v, snooze))
	case "verify":
		v, ok, err := l.Domain(ctx, s.app, s.domain)
		fail(err)
		if !ok || v.Record.Domain == "" {
			return
		}
		record := v.Record
		record.State, record.Certificate = s.state, certificate(s.lifetime, s.left)
		s.explain(&record)
		_, err = l.CommitVerification(ctx, s.app, v.Record, record, listsync.HistoryEntry{At: start, State: record.State})
		fail(err)
	}
}

// explain gives a record the step's cause and warning.
func (s step) explain(record *listsync.Record) {
	var warnings []tasks.Cause
	if s.warning != "" {
		warnings = []tasks.Cause{{Code: s.warning}}
	}
	record.Explain(tasks.Cause{Code: s.cause, Params: tasks.Params{Message: `it says "cause":"Fake"`}}, warnings...)
}

func compare(r *rapid.T, l *Ledger, apps []string) {
	ctx := r.Context()
	var all []View
	for _, app := range apps {
		views, err := l.Domains(ctx, app)
		if err != nil {
			r.Fatal(err)
		}
		for i := range views {
			if views[i].Snooze, err = l.SnoozeOf(ctx, views[i]); err != nil {
				r.Fatal(err)
			}
		}
		all = append(all, views...)
	}
	names, err := l.Names(ctx)
	if err != nil {
		r.Fatal(err)
	}
	states, err := l.AppStates(ctx)
	if err != nil {
		r.Fatal(err)
	}
	for _, text := range []string{"", "b.ex", "zzz"} {
		for _, in := range [][]string{nil, {"app1"}, {"app2", "unknown"}} {
			for _, q := range []Query{{}, {States: []tasks.State{tasks.Pending}}, {States: []tasks.State{tasks.Done, tasks.DoneWithoutSSL}},
				{Cause: code(tasks.CauseDNSElsewhere)}, {Cause: code(tasks.CauseOnTwoApps), States: []tasks.State{tasks.Done}}, {Snoozed: true}, {Snoozed: true, Cause: code(tasks.CauseDNSElsewhere)}} {
				q.Apps, q.Limit, q.Stable = in, 2, rapid.Bool().Draw(r, "stable")
				if text != "" {
					q.Among = slices.DeleteFunc(slices.Clone(names), func(p Position) bool { return !strings.Contains(p.Domain, text) })
				}
				compareFind(r, l, states, all, q, text)
			}
		}
	}
	compareSites(r, l, states, all)
	compareApps(r, l, all)
	latest, err := l.Latest(ctx, states, 100)
	if err != nil {
		r.Fatal(err)
	}
	if len(latest) != len(all) {
		r.Errorf("%d changed last, want %d", len(latest), len(all))
	}
}

// compareFind compares the pages of a query with all domains.
func compareFind(r *rapid.T, l *Ledger, states []App, all []View, q Query, text string) {
	var want, got []Position
	order := tasks.StatesByUrgency()
	for _, v := range slices.SortedFunc(slices.Values(all), func(a, b View) int {
		byState := cmp.Compare(slices.Index(order, a.State), slices.Index(order, b.State))
		if q.Stable {
			byState = 0
		}
		if text == "" {
			return cmp.Or(byState, strings.Compare(a.AppID, b.AppID), strings.Compare(a.Domain, b.Domain))
		}
		return cmp.Or(byState, position(a).Compare(position(b)))
	}) {
		if strings.Contains(v.Domain, text) && q.matches(v) && (q.Apps == nil || slices.Contains(q.Apps, v.AppID)) {
			want = append(want, position(v))
		}
	}
	for {
		page, err := l.Find(r.Context(), states, q)
		if err != nil {
			r.Fatal(err)
		}
		if page.Total != len(want) && (page.Total != -1 || !q.Stable || text == "") {
			r.Errorf("%+v: %d in all, want %d", q, page.Total, len(want))
		}
		for _, v := range page.Views {
			got = append(got, position(v))
		}
		if page.Next == nil || len(got) > len(want) {
			break
		}
		q.After = page.Next
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		r.Errorf("text %q, %+v (-want +got):\n%s", text, q, diff)
	}
}

// compareSites compares the domains of sites with all domains.
func compareSites(r *rapid.T, l *Ledger, states []App, all []View) {
	for site := int64(1); site <= 3; site++ {
		var want []Position
		for _, v := range all {
			if v.SiteID() == site {
				want = append(want, position(v))
			}
		}
		slices.SortFunc(want, Position.Compare)
		got, err := l.Sites(r.Context(), states, site)
		if err != nil {
			r.Fatal(err)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			r.Errorf("site %d (-want +got):\n%s", site, diff)
		}
	}
}

func compareApps(r *rapid.T, l *Ledger, all []View) {
	states, err := l.AppStates(r.Context())
	if err != nil {
		r.Fatal(err)
	}
	for _, app := range states {
		compareCauses(r, app, all)
		counts, pending, expiry, expiring := map[tasks.State]int{}, 0, time.Time{}, Expiring{}
		for _, v := range all {
			if v.AppID != app.ID {
				continue
			}
			counts[v.State]++
			if v.Pending != nil {
				pending++
			}
			c := v.Record.Certificate
			if c == nil || v.Record.State != tasks.Done {
				continue
			}
			end := c.NotAfter.UTC().Truncate(time.Second) // as Redis has it
			if expiry.IsZero() || end.Before(expiry) {
				expiry = end
			}
			if time.Now().Before(c.AlarmAt()) {
				continue
			}
			if expiring.Count++; expiring.First.IsZero() || end.Before(expiring.First) {
				expiring.First = end
			}
		}
		app.Expiring.Domain = "" // several may end in the same second
		got := fmt.Sprint(app.Counts, app.Pending, !app.Oldest.IsZero(), app.Expiry, app.Expiring)
		if want := fmt.Sprint(counts, pending, pending > 0, expiry, expiring); got != want {
			r.Errorf("app %s: got %s, want %s", app.ID, got, want)
		}
	}
}

// compareCauses compares the causes that an app's readers see with its domains.
func compareCauses(r *rapid.T, app App, all []View) {
	causes, snoozed, counts := CauseCounts{}, CauseCounts{}, map[tasks.State]int{}
	for _, v := range all {
		if v.AppID != app.ID || v.State == tasks.Removed {
			continue
		}
		to := causes
		if v.Snooze != nil {
			to = snoozed
			counts[v.State]++
		}
		for _, code := range v.Codes() {
			to.Add(CauseCounts{code: {v.State: 1}})
		}
	}
	got := fmt.Sprint(app.Causes, app.SnoozedCauses, app.SnoozedCounts, app.Uncounted)
	if want := fmt.Sprint(causes, snoozed, counts, 0); got != want {
		r.Errorf("the causes of app %s are %s, want %s", app.ID, got, want)
	}
}

func position(v View) Position { return Position{Domain: v.Domain, App: v.AppID} }

func TestWritesHaveTheirChangesAndOutcome(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, _ *redis.Client) {
		ctx := t.Context()
		if _, err := l.Wake(ctx, testApp); err != nil {
			t.Fatal(err)
		}
		write := func(lease listsync.Lease, added string) {
			t.Helper()
			intent := listsync.WriteIntent{Added: []string{added}, Removed: []string{"gone.example.com"}, Size: 3, WorkerID: "w1"}
			if err := l.BeginWrite(ctx, lease, intent); err != nil {
				t.Fatal(err)
			}
		}
		check := func(when string, want ...string) {
			t.Helper()
			writes, err := l.Writes(ctx, testApp, 10)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, w := range writes {
				got = append(got, fmt.Sprintf("%d %s +%s -%s %d %s", w.N, w.Outcome, w.Added[0], w.Removed[0], w.Size, w.WorkerID))
			}
			if diff := gocmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		lease, err := l.Acquire(ctx, testApp)
		if err != nil {
			t.Fatal(err)
		}
		check("before any write")
		write(lease, "a")
		check("under way", "0 writing +a -gone.example.com 3 w1")
		if _, err := l.Commit(ctx, lease, listsync.Commit{Listed: 3}); err != nil {
			t.Fatal(err)
		}
		check("committed", "1 written +a -gone.example.com 3 w1")
		write(lease, "b")
		if err := l.EndWrite(ctx, lease); err != nil {
			t.Fatal(err)
		}
		check("refused", "2 failed +b -gone.example.com 3 w1", "1 written +a -gone.example.com 3 w1")
		if err := l.BeginWrite(ctx, lease, listsync.WriteIntent{}); err != nil { // a write without changes
			t.Fatal(err)
		}
		check("without a change", "2 failed +b -gone.example.com 3 w1", "1 written +a -gone.example.com 3 w1")

		write(lease, "c") // its worker dies
		if err := l.rdb.HDel(ctx, key(testApp, "sync"), "until", "token", "landing").Err(); err != nil {
			t.Fatal(err)
		}
		next, err := l.Acquire(ctx, testApp)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Commit(ctx, next, listsync.Commit{Listed: 3}); err != nil {
			t.Fatal(err)
		}
		check("its worker died", "3 unknown +c -gone.example.com 3 w1", "2 failed +b -gone.example.com 3 w1", "1 written +a -gone.example.com 3 w1")
		apps, err := l.AppStates(ctx, testApp)
		if err != nil {
			t.Fatal(err)
		}
		if a := apps[0]; a.Listed != 3 || time.Since(a.ListedAt).Abs() > 365*24*time.Hour {
			t.Errorf("got %d names listed at %s", a.Listed, a.ListedAt)
		}
		for range 60 {
			write(next, "d")
		}
		if all, err := l.Writes(ctx, testApp, 1000); err != nil || len(all) != WritesKept+1 || all[1].N != 62 {
			t.Errorf("%d writes are kept (%v)", len(all), err)
		}
	})
}

func code(c tasks.Code) *tasks.Code { return &c }
