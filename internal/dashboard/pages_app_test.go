package dashboard

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

func TestTheListIsComparedWithTheLedger(t *testing.T) {
	t.Parallel()
	wanted := func(domain string, names ...string) ledger.View {
		return ledger.View{AppID: "a", Domain: domain, State: tasks.Done, Record: listsync.Record{Domain: domain, Wanted: true, Names: names}}
	}
	views := []ledger.View{
		wanted("a.example.com", "a.example.com", "www.a.example.com"), wanted("www.a.example.com", "www.a.example.com"),
		wanted("hand.example.com", "hand.example.com"), wanted("lost.example.com", "lost.example.com", "www.lost.example.com"),
		{AppID: "a", Domain: "gone.example.com", State: tasks.Removed, Record: listsync.Record{Names: []string{"gone.example.com"}}},
	}
	list := []string{"Archive.example.com", "www.a.example.com", "a.example.com", "HAND.example.com.", "gone.example.com"}
	type line struct{ Name, Kind, Domain string }
	var got []line
	names := classifyNames(list, []string{"a.example.com", "gone.example.com", "www.a.example.com"}, views)
	for _, n := range names {
		l := line{n.Name, string(n.Kind), ""}
		if n.View != nil {
			l.Domain = n.View.Domain
		}
		got = append(got, l)
	}
	if diff := cmp.Diff([]line{
		{"lost.example.com", "missing", "lost.example.com"}, {"www.lost.example.com", "missing", "lost.example.com"},
		{"Archive.example.com", "set by hand", ""}, {"www.a.example.com", "owned", "www.a.example.com"}, {"a.example.com", "owned", "a.example.com"},
		{"HAND.example.com.", "set by hand", "hand.example.com"}, {"gone.example.com", "left over", ""},
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]kindCount{{missingName, 2}, {leftoverName, 1}, {manualName, 2}, {ownedName, 2}}, countKinds(names)); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	for _, k := range []nameKind{missingName, leftoverName, manualName, ownedName, unreadName} {
		if k.Explanation() == "" {
			t.Errorf("%s has no explanation", k)
		}
	}
}

func TestListUsageHasThreeLevels(t *testing.T) {
	t.Parallel()
	for used, want := range map[int]string{0: "", 269: "", 270: "tight", 299: "tight", 300: "full", 305: "full"} {
		f := listUsage(ledger.App{Listed: used})
		if f.Of != 300 || f.Level() != want {
			t.Errorf("%d of %d is %q, want %q", used, f.Of, f.Level(), want)
		}
	}
}

// queries is a ledger that keeps what is asked of it.
type queries struct {
	*fakeLedger
	asked []ledger.Query
}

func (q *queries) Find(ctx context.Context, apps []ledger.App, query ledger.Query) (ledger.Page, error) {
	q.asked = append(q.asked, query)
	return q.fakeLedger.Find(ctx, apps, query)
}

// 100,000 refused domains of an app ended the dashboard that showed it, for want of memory.
func TestAnAppsPageReadsABoundedNumberOfDomains(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, views: []ledger.View{failedShop("app1")}}
	q := &queries{fakeLedger: s}
	if w := sendRequest(newPagesOver(t, s, q, fakeQueues{}, User{"ada", View}), "GET", "/apps/app1", nil); w.Code != http.StatusOK {
		t.Fatalf("the page is answered %d: %s", w.Code, w.Body)
	}
	seen := map[tasks.State]bool{}
	for _, query := range q.asked {
		for _, state := range query.States {
			seen[state] = true
		}
		if len(query.States) == 0 || query.Limit > maxDesired {
			t.Errorf("the page asks for %+v", query)
		}
	}
	for _, state := range tasks.States() {
		if want := state != tasks.Rejected && state != tasks.Removed; seen[state] != want {
			t.Errorf("domains in state %s are read: %v, want %v", state, seen[state], want)
		}
	}
}

// crowded is a ledger in which more domains wait than a page reads.
type crowded struct{ *fakeLedger }

func (crowded) Find(context.Context, []ledger.App, ledger.Query) (ledger.Page, error) {
	return ledger.Page{Next: &ledger.Cursor{}}, nil
}

func (crowded) Owned(context.Context, string) ([]string, error) {
	return []string{"a.example.com"}, nil
}

// 2,000 invented domains that waited made the names of others look left over.
func TestWaitingDomainsDontMakeOthersLookLeftOver(t *testing.T) {
	t.Parallel()
	v := failedShop("app1")
	v.Domain, v.Record.Wanted, v.Record.Names = "a.example.com", true, []string{"a.example.com"}
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, views: []ledger.View{v}}
	h := newPagesWith(t, s, crowded{s}, fakeQueues{}, User{"ada", View}, func(p *pageServer) { p.listCache = newListCache(&countingLists{}) })
	page := sendRequest(h, "GET", "/apps/app1", nil).Body.String()
	if strings.Contains(page, string(leftoverName)) || !strings.Contains(page, ownedName.Explanation()) {
		t.Errorf("a listed name is shown as left over: %s", page)
	}
	if !strings.Contains(page, "More domains wait than are compared with the list") {
		t.Error("the page doesn't say that it leaves out some")
	}
}

// 16 pages of an app with 2,700 waiting domains took 240 MB; those of two users ended a worker.
func TestFewAppsOfAUserAreComparedAtATime(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, views: []ledger.View{failedShop("app1")}}
	var p *pageServer
	page := func(ctx context.Context, user string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r := httptest.NewRequestWithContext(context.WithValue(ctx, userKey{}, User{user, View}), "GET", "/apps/app1", http.NoBody)
		r.SetPathValue("app", "app1")
		p.handle(harness.Limit, p.app)(w, r)
		return w
	}
	newPagesWith(t, s, s, fakeQueues{}, User{}, func(made *pageServer) { p = made })
	var release func()
	for range maxComparisonsEach {
		var refusal int
		if release, refusal = p.comparing.Try("ada"); refusal != 0 {
			t.Fatalf("refused with %d", refusal)
		}
	}
	impatient, cancel := context.WithCancel(t.Context())
	cancel()
	if w := page(impatient, "ada"); w.Code != http.StatusServiceUnavailable || !strings.Contains(w.Body.String(), "Too many pages of apps") {
		t.Errorf("another app of the user is answered %d: %s", w.Code, w.Body)
	}
	if w := page(t.Context(), "bob"); w.Code != http.StatusOK {
		t.Errorf("an app of another user is answered %d", w.Code)
	}
	release()
	for range 2 { // each gives its place back
		if w := page(t.Context(), "ada"); w.Code != http.StatusOK {
			t.Errorf("an app is answered %d when another one has ended", w.Code)
		}
	}
}
