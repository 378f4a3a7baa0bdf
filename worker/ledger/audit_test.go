package ledger

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

func TestTheAuditHasEachRequestOnce(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, _ *redis.Client) {
		add := change("a.example.com", first)
		add.SiteID = 7
		imported, remove := change("b.example.com", first+2), removal("a.example.com", first+1)
		imported.Import, remove.By = true, "ada"
		for _, c := range []listsync.Pending{add, imported, remove, add} { // the last runs again, and is late
			if _, err := l.Record(t.Context(), c, event("asked")); err != nil {
				t.Fatal(err)
			}
		}
		for range 2 {
			if err := l.AuditVerification(t.Context(), tasks.Verify{AppID: "app2", Domain: "c.example.com", Seq: first + 3, By: "bob"}); err != nil {
				t.Fatal(err)
			}
		}
		found, next, err := l.Audit(t.Context(), AuditQuery{Limit: 10})
		if err != nil || next != nil {
			t.Fatal(next, err)
		}
		want := []AuditEntry{
			{Seq: first + 3, App: "app2", Domain: "c.example.com", Action: "verify", By: "bob"},
			{Seq: first + 2, App: testApp, Domain: "b.example.com", Action: "import"},
			{Seq: first + 1, App: testApp, Domain: "a.example.com", Action: "remove", By: "ada"},
			{Seq: first, App: testApp, Domain: "a.example.com", Action: "add", SiteID: 7},
		}
		if diff := cmp.Diff(want, found); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if a, b, c := found[1].Actor(), found[2].Actor(), found[3].Actor(); a != "request" || b != "ada" || c != "site 7" {
			t.Errorf("they are by %s, %s and %s", a, b, c)
		}
	})
}

func TestTheAuditIsFilteredByPageAndBounded(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		const n = 2*auditChunk + 300
		fill := []any{"ZADD", auditKey}
		begin := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
		for i := range n { // two of each hour have one order number, on two apps
			e := AuditEntry{App: fmt.Sprint("app", i%2+1), Domain: "a.example.com", Seq: begin.Add(time.Duration(i/2) * time.Hour).UnixMicro(), By: fmt.Sprint("user", i%3)}
			fill = append(fill, e.Seq, encode(e))
		}
		if err := rdb.Do(t.Context(), fill...).Err(); err != nil {
			t.Fatal(err)
		}
		count := func(q AuditQuery) (all, pages int) {
			seen := map[AuditPosition]bool{}
			for pages++; ; pages++ {
				found, next, err := l.Audit(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				for _, e := range found {
					seen[AuditPosition{e.Seq, e.App}] = true
				}
				if all += len(found); next == nil {
					if len(seen) != all {
						t.Errorf("%+v has %d requests twice", q, all-len(seen))
					}
					return all, pages
				}
				q.After = next
			}
		}
		for _, test := range []struct {
			q          AuditQuery
			all, pages int
		}{
			{AuditQuery{Limit: 51}, n, n/51 + 1},
			{AuditQuery{Limit: n}, n, 1},
			{AuditQuery{Limit: 500, App: "app2"}, n / 2, 3},
			{AuditQuery{Limit: 500, Actor: "USER1"}, (n + 1) / 3, 2},
			{AuditQuery{Limit: 20, From: begin.Add(24 * time.Hour), To: begin.Add(48 * time.Hour)}, 48, 3},
			{AuditQuery{Limit: 20, App: "app1", From: begin.Add(24 * time.Hour), To: begin.Add(48 * time.Hour)}, 24, 2},
			{AuditQuery{Limit: 20, Actor: "nobody"}, 0, 1},
		} {
			if all, pages := count(test.q); all != test.all || pages != test.pages {
				t.Errorf("%+v finds %d on %d pages, want %d on %d", test.q, all, pages, test.all, test.pages)
			}
		}
	})
}

func TestTheAuditKeepsTheLastRequests(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		all := make([]any, 0, 2*AuditKept)
		for i := range AuditKept {
			all = append(all, first+int64(i), encode(AuditEntry{Seq: first + int64(i), App: testApp}))
		}
		if err := rdb.Do(t.Context(), append([]any{"ZADD", auditKey}, all...)...).Err(); err != nil {
			t.Fatal(err)
		}
		if _, err := l.Record(t.Context(), change("a.example.com", first+AuditKept), event("asked")); err != nil {
			t.Fatal(err)
		}
		found, _, err := l.Audit(t.Context(), AuditQuery{Limit: 2 * AuditKept})
		if err != nil || len(found) != AuditKept || found[0].Seq != first+AuditKept || found[AuditKept-1].Seq != first+1 {
			t.Errorf("%d requests, %v", len(found), err)
		}
	})
}

func TestADomainsSnoozesOutliveTheAudit(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		for i, e := range []AuditEntry{
			{App: testApp, Domain: "a.example.com", Action: AuditWontFix, By: "ada", Detail: "the customer left"},
			{App: testApp, Domain: "aa.example.com", Action: AuditSnooze, By: "ada"},
			{App: "app2", Domain: "a.example.com", Action: AuditSnooze, By: "ada"},
			{App: testApp, Domain: "a.example.com", Action: "verify", By: "ada"},
			{App: testApp, Domain: "a.example.com", Action: AuditEndSnooze, By: "bob"},
		} {
			e.Seq = first + int64(i)
			if err := l.addToAudit(t.Context(), e); err != nil {
				t.Fatal(err)
			}
		}
		if err := rdb.Del(t.Context(), auditKey).Err(); err != nil { // as many later requests do
			t.Fatal(err)
		}
		rdb.ZAdd(t.Context(), snoozesKey, redis.Z{Score: float64(first + 3), Member: `{"domain":"a.example.com"`}) // broken
		found, err := l.Snoozes(t.Context(), testApp, "a.example.com")
		want := []AuditEntry{
			{Seq: first + 4, App: testApp, Domain: "a.example.com", Action: AuditEndSnooze, By: "bob"},
			{Seq: first, App: testApp, Domain: "a.example.com", Action: AuditWontFix, By: "ada", Detail: "the customer left"},
		}
		if diff := cmp.Diff(want, found); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}

		many := make([]redis.Z, SnoozesKept)
		for i := range many {
			e := AuditEntry{Seq: first + 100 + int64(i), App: testApp, Domain: "b.example.com", Action: AuditSnooze}
			many[i] = redis.Z{Score: float64(e.Seq), Member: encode(e)}
		}
		rdb.ZAdd(t.Context(), snoozesKey, many...)
		if err := l.addToAudit(t.Context(), AuditEntry{Seq: first + 5000, App: testApp, Domain: "b.example.com", Action: AuditEndSnooze}); err != nil {
			t.Fatal(err)
		}
		found, err = l.Snoozes(t.Context(), testApp, "b.example.com")
		if kept := rdb.ZCard(t.Context(), snoozesKey).Val(); kept != SnoozesKept || err != nil || len(found) != HistoryKept || found[0].Seq != first+5000 {
			t.Errorf("%d are kept, and %+v, %v is found", kept, found, err)
		}
	})
}

func TestAForgottenAppsSnoozesAreForgotten(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		for i, app := range []string{testApp, "app2"} {
			if err := l.addToAudit(t.Context(), AuditEntry{Seq: first + int64(i), App: app, Domain: "a.example.com", Action: AuditSnooze, By: "ada"}); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Forget(t.Context(), testApp); err != nil {
			t.Fatal(err)
		}
		own, err := l.Snoozes(t.Context(), testApp, "a.example.com")
		others, othersErr := l.Snoozes(t.Context(), "app2", "a.example.com")
		if len(own) != 0 || len(others) != 1 || errors.Join(err, othersErr) != nil {
			t.Errorf("kept are %+v, and of another app %+v, %v", own, others, errors.Join(err, othersErr))
		}
		if kept := rdb.ZCard(t.Context(), auditKey).Val(); kept != 2 {
			t.Errorf("the audit has %d requests, want 2", kept)
		}
	})
}
