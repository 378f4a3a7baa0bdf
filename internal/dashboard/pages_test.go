package dashboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/enqueue"
	"pilotsync/internal/quota"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// fakeLedger is a ledger in memory. It records actions.
type fakeLedger struct {
	apps    []ledger.App
	views   []ledger.View
	writes  []ledger.Write
	workers []ledger.Worker
	loss    ledger.Loss
	err     error // of each read

	mu sync.Mutex // of verified, checked and run

	paused  []string // pauses and resumes of apps
	snoozed []ledger.Snooze

	enqueueErr error // of each request
	requests   []enqueue.Request
	verified   []string
	bulk       ledger.Bulk // the last one
	audit      ledger.AuditQuery
	requested  []ledger.AuditEntry
	checked    []string                     // by whom, and the domain
	results    map[string]tasks.CheckResult // by domain; no worker answers for others
	checkErr   error
	saveErr    error           // of a list of domains to check
	run        ledger.CheckRun // the last one
	running    sync.WaitGroup  // its checks
}

func (s *fakeLedger) AppStates(_ context.Context, ids ...string) ([]ledger.App, error) {
	if len(ids) == 0 {
		return append([]ledger.App{}, s.apps...), s.err
	}
	for _, a := range s.apps {
		if a.ID == ids[0] {
			return []ledger.App{a}, s.err
		}
	}
	return []ledger.App{{ID: ids[0]}}, s.err
}

func (s *fakeLedger) Names(context.Context) (names []ledger.Position, err error) {
	for _, v := range s.views {
		names = append(names, ledger.Position{Domain: v.Domain, App: v.AppID})
	}
	return names, s.err
}

func (s *fakeLedger) Sites(context.Context, []ledger.App, int64) ([]ledger.Position, error) {
	return nil, s.err
}

func (s *fakeLedger) SnoozeOf(_ context.Context, v ledger.View) (*ledger.Snooze, error) {
	return v.Snooze, s.err
}

func (s *fakeLedger) Snooze(_ context.Context, v ledger.View, z ledger.Snooze) error {
	s.snoozed = append(s.snoozed, z)
	return s.enqueueErr
}

func (s *fakeLedger) EndSnooze(context.Context, string, string, string) error {
	s.snoozed = nil
	return s.enqueueErr
}

func (s *fakeLedger) Find(context.Context, []ledger.App, ledger.Query) (ledger.Page, error) {
	return ledger.Page{Views: s.views, Total: len(s.views)}, s.err
}
func (s *fakeLedger) Latest(context.Context, []ledger.App, int) ([]ledger.View, error) {
	return s.views, s.err
}

func (s *fakeLedger) Domain(_ context.Context, app, domain string) (ledger.View, bool, error) {
	for _, v := range s.views {
		if v.AppID == app && v.Domain == domain {
			return v, true, s.err
		}
	}
	return ledger.View{}, false, s.err
}

func (s *fakeLedger) Domains(context.Context, string, ...string) ([]ledger.View, error) {
	return s.views, s.err
}
func (s *fakeLedger) History(context.Context, string, string) ([]listsync.HistoryEntry, error) {
	return nil, s.err
}
func (s *fakeLedger) Writes(context.Context, string, int) ([]ledger.Write, error) {
	return s.writes, s.err
}
func (s *fakeLedger) Owned(context.Context, string) ([]string, error) { return nil, s.err }

func (s *fakeLedger) Workers(context.Context) ([]ledger.Worker, error) { return s.workers, s.err }
func (s *fakeLedger) Loss(context.Context) (ledger.Loss, error)        { return s.loss, s.err }

func (s *fakeLedger) Enqueue(_ context.Context, reqs ...enqueue.Request) ([]enqueue.Receipt, error) {
	s.requests = append(s.requests, reqs...)
	receipts := make([]enqueue.Receipt, len(reqs))
	for i, r := range reqs {
		receipts[i] = enqueue.Receipt{AppID: r.AppID, Domain: r.Domain, Seq: 9}
		if s.enqueueErr == nil {
			receipts[i].TaskID = "task"
		}
	}
	return receipts, s.enqueueErr
}

func (s *fakeLedger) Verify(_ context.Context, by string, targets ...enqueue.Target) (receipts []enqueue.Receipt, err error) {
	s.mu.Lock() // chunks are verified concurrently
	defer s.mu.Unlock()
	for _, t := range targets {
		s.verified = append(s.verified, by+" "+t.AppID+" "+t.Domain)
		receipts = append(receipts, enqueue.Receipt{AppID: t.AppID, Domain: t.Domain, Seq: 9, TaskID: "task"})
	}
	return receipts, s.enqueueErr
}

func (s *fakeLedger) Check(_ context.Context, by string, targets ...enqueue.Target) ([]tasks.CheckResult, error) {
	s.mu.Lock() // many are checked concurrently
	defer s.mu.Unlock()
	s.checked = append(s.checked, by+" "+targets[0].AppID+" "+targets[0].Domain)
	if s.checkErr != nil {
		return nil, s.checkErr
	}
	result, ok := s.results[targets[0].Domain]
	if !ok {
		return []tasks.CheckResult{{}}, enqueue.ErrNoResult
	}
	return []tasks.CheckResult{result}, nil
}

func (s *fakeLedger) SaveCheckRun(_ context.Context, run ledger.CheckRun) (string, error) {
	s.run = run
	s.run.Results, s.run.ProgressAt = map[string]tasks.CheckResult{}, run.At
	return strings.Repeat("a", 32), s.saveErr
}

func (s *fakeLedger) SaveCheckResult(_ context.Context, _, domain string, result tasks.CheckResult, _ time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.run.Results[domain] = result
	return nil
}

func (s *fakeLedger) EndCheckRun(_ context.Context, _, failure string) error {
	s.run.Ended, s.run.Failure = true, failure
	return nil
}

func (s *fakeLedger) CheckRun(context.Context, string) (ledger.CheckRun, bool, error) {
	return s.run, s.run.App != "", s.err
}

func (s *fakeLedger) Pause(_ context.Context, app, by string) error {
	s.paused = append(s.paused, by+" pauses "+app)
	return s.enqueueErr
}

func (s *fakeLedger) Resume(_ context.Context, app, by string) (bool, error) {
	s.paused = append(s.paused, by+" resumes "+app)
	return true, s.enqueueErr
}

func (s *fakeLedger) SaveBulk(_ context.Context, b ledger.Bulk) (string, error) {
	s.bulk = b
	return strings.Repeat("a", 32), s.err
}

func (s *fakeLedger) Bulk(context.Context, string) (ledger.Bulk, bool, error) {
	return s.bulk, s.bulk.Action != "", s.err
}

func (s *fakeLedger) Views(_ context.Context, at []ledger.Position) (found []ledger.View, err error) {
	for _, v := range s.views {
		if slices.Contains(at, ledger.Position{App: v.AppID, Domain: v.Domain}) {
			found = append(found, v)
		}
	}
	return found, s.err
}

func (s *fakeLedger) Audit(_ context.Context, q ledger.AuditQuery) ([]ledger.AuditEntry, *ledger.AuditPosition, error) {
	s.audit = q
	return s.requested, &ledger.AuditPosition{Seq: 5, App: "app1"}, s.err
}

func (s *fakeLedger) Snoozes(context.Context, string, string) ([]ledger.AuditEntry, error) {
	return s.requested, s.err
}

// fakeQueues are queues in which nothing changes.
type fakeQueues struct {
	queues      []queue
	workers     []process
	disabled    int
	quarantined int
	err         error
}

func (s fakeQueues) Queues(context.Context) ([]queue, error)               { return s.queues, s.err }
func (s fakeQueues) Workers(context.Context) ([]process, error)            { return s.workers, s.err }
func (s fakeQueues) DisabledWebhooks(context.Context) (int, error)         { return s.disabled, nil }
func (s fakeQueues) Quarantined(context.Context) (int, error)              { return s.quarantined, nil }
func (s fakeQueues) Tasks(context.Context, ...taskRef) ([]taskLink, error) { return nil, s.err }

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// newPages returns the pages over a fakeLedger, for a user.
func newPages(t *testing.T, s *fakeLedger, q fakeQueues, user User) http.Handler {
	t.Helper()
	return newPagesOver(t, s, s, q, user)
}

// newPagesOver returns them over a fakeLedger that another reader reads.
func newPagesOver(t *testing.T, s *fakeLedger, reader Reader, q fakeQueues, user User) http.Handler {
	t.Helper()
	return newPagesWith(t, s, reader, q, user, func(*pageServer) {})
}

// newPagesWith is newPagesOver, and lets use see them.
func newPagesWith(t *testing.T, s *fakeLedger, reader Reader, q fakeQueues, user User, use func(*pageServer)) http.Handler {
	t.Helper()
	files, err := newAssets(staticFiles)
	if err != nil {
		t.Fatal(err)
	}
	p := &pageServer{
		reader: reader, enqueuer: s, bulks: s, audits: s, exports: quota.New(maxExports, maxExportsEach), operator: s, snoozer: s, names: newNameSearch(t.Context(), reader, &freshness{}), queues: q, listCache: newListCache(nil), files: files, templates: newPageTemplates(), version: "test",
		now: func() time.Time { return noon }, log: testLog(t.Output()).WithField("test", t.Name()),
		fresh: &freshness{},
	}
	p.checks = &checkRunner{ctx: t.Context(), running: &s.running, enqueuer: s, store: s, quota: quota.New(maxCheckRuns, maxCheckRunsEach), log: p.log}
	p.hub = newHub(t.Context(), &freshness{}, snapshotReader{s, q}.take)
	use(p)
	mux := http.NewServeMux()
	p.register(mux)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
	})
}

func failedShop(app string) ledger.View {
	return ledger.View{AppID: app, Domain: "shop.example.com", State: tasks.Failed, Names: []string{"shop.example.com"}, Seq: 3, UpdatedAt: noon,
		Record: listsync.Record{Domain: "shop.example.com", State: tasks.Failed, WWW: tasks.WWWNever, SiteID: 7, Attempts: 9}}
}

func TestTheOverviewShowsFailuresFirst(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{views: []ledger.View{failedShop("app1")}, apps: []ledger.App{
		{ID: "calm", Listed: 290, ListedAt: noon, Counts: map[tasks.State]int{tasks.Done: 1200}},
		{ID: "cooling", Failure: &listsync.Failure{Reason: "503 <b>", Since: noon.Add(-time.Hour)}, Pending: 1, ListedAt: noon, Oldest: noon.Add(-3 * time.Minute)},
		{ID: "cut", DisconnectedSince: noon.Add(-time.Hour)},
		{ID: "invented", Pending: 5, Counts: map[tasks.State]int{tasks.Pending: 5}, Failure: &listsync.Failure{Reason: "no account", Blocked: true, Since: noon.Add(-2 * time.Hour)}},
		{ID: "held", Paused: "ada <b>", Pending: 4},
		{ID: "later", Expiring: ledger.Expiring{Count: 1, First: noon.Add(9 * 24 * time.Hour), Domain: "later.example.com"}},
		{ID: "soon", Expiring: ledger.Expiring{Count: 2, First: noon.Add(3 * 24 * time.Hour), Domain: "soon.example.com"}},
		{ID: "stuck", Failure: &listsync.Failure{Reason: "no card", Blocked: true, Since: noon.Add(-time.Hour)}, Counts: map[tasks.State]int{tasks.Failed: 2}},
	}}
	q := fakeQueues{disabled: 1, quarantined: 3, queues: []queue{{Name: "lists", Ready: 1234}, {Name: "events", Archived: 2}}, workers: []process{{Host: "h1", PID: 5, Started: noon, Missing: []string{"ssl"}}}}
	page := sendRequest(newPages(t, s, q, User{Role: View}), "GET", "/", nil).Body.String()
	last := 0
	for _, want := range []string{"The server of an app is not connected", "Check that the server runs", "cut</a>, since", "stuck</a> is blocked until a person acts", "no card", "cooling</a> is failing", "503 &lt;b&gt;", "1 change waits",
		"5 changes wait for an app that no worker has ever served", "invented</a>: 5 changes", "held</a> is paused by ada &lt;b&gt;", "4 changes wait", "3 certificates were not renewed in time", "soon.example.com", "later.example.com",
		"3 messages are in quarantine", "pilotsync quarantine", "1 webhook is switched off", "2 webhook events could not be delivered", `tile failed alarm"`, `<span class="count">5</span> <span class="label">Pending`, "1,200", "shop.example.com",
		"1,234", "3 min ago", `href="/apps/cooling"`, "h1</b>", "serve ssl", `"/apps/stuck"`, `"/apps/cooling"`, `"/apps/held"`, ">paused<", `"/apps/calm"`, "290 of 300"} {
		at := strings.Index(page[last:], want)
		if at < 0 {
			t.Fatalf("%s is missing, or in the wrong place:\n%s", want, page)
		}
		last += at
	}
	if strings.Contains(page, "No worker is running") {
		t.Error("the running worker isn't counted")
	}
	q.workers = nil
	page = sendRequest(newPages(t, s, q, User{Role: View}), "GET", "/", nil).Body.String()
	if at := strings.Index(page, "No worker is running"); at < 0 || at > strings.Index(page, "The server of an app is not connected") {
		t.Errorf("that no worker is running isn't the first warning:\n%s", page)
	}
	if strings.Count(page, "/apps/invented") != 1 {
		t.Error("an app that no worker has served is among the others")
	}
}

func TestAnErrorOfAsynqHidesNothingElse(t *testing.T) {
	t.Parallel()
	h := newPages(t, &fakeLedger{views: []ledger.View{failedShop("app1")}}, fakeQueues{err: errors.New("UNKNOWN: redis eval")}, User{Role: View})
	for path, want := range map[string]string{"/": "Queues can't be read: UNKNOWN: redis eval", "/domains/app1/shop.example.com": "Tasks can't be read: UNKNOWN"} {
		checkAnswer(t, sendRequest(h, "GET", path, nil), 200, want)
		checkAnswer(t, sendRequest(h, "GET", path, nil), 200, "shop.example.com")
	}
}

func TestErrorPagesExplainTheError(t *testing.T) {
	t.Parallel()
	h := newPages(t, &fakeLedger{}, fakeQueues{}, User{Role: Act})
	for path, want := range map[string]string{
		"/nonsense": "This page doesn&#39;t exist.", "/domains/app1/shop.example.com": "No worker knows shop.example.com on app app1 yet.",
		"/domains/a%2Fb/shop.example.com": "The app &#34;a/b&#34; doesn&#39;t exist", "/domains/app1/shop": "The domain doesn&#39;t exist", "/apps/app9": "No worker knows an app",
	} {
		rec := sendRequest(h, "GET", path, nil)
		checkAnswer(t, rec, http.StatusNotFound, want)
		checkAnswer(t, rec, http.StatusNotFound, `<form class="search"`)
	}
	checkAnswer(t, sendRequest(h, "GET", "/domains?state=nonsense", nil), http.StatusBadRequest, "state is &#34;nonsense&#34;")
	checkAnswer(t, sendRequest(h, "POST", "/domains/app1/shop.example.com/verify", nil), http.StatusNotFound, "No worker knows")

	away := newPages(t, &fakeLedger{err: fmt.Errorf("list the apps: %w", io.EOF), apps: []ledger.App{{ID: "app1"}}}, fakeQueues{}, User{Role: Act})
	for _, path := range []string{"/", "/apps", "/apps/app1", "/domains", "/domains/app1/shop.example.com"} {
		rec := sendRequest(away, "GET", path, nil)
		checkAnswer(t, rec, http.StatusServiceUnavailable, "list the apps: EOF")
		checkAnswer(t, rec, http.StatusServiceUnavailable, `<meta http-equiv="refresh" content="5">`)
		if rec.Header().Get("Retry-After") == "" {
			t.Errorf("%s has no Retry-After", path)
		}
	}
}

func TestADomainIsFoundInAnySpelling(t *testing.T) {
	t.Parallel()
	h := newPages(t, &fakeLedger{views: []ledger.View{failedShop("app1")}}, fakeQueues{}, User{Role: View})
	rec := sendRequest(h, "GET", "/domains/app1/Shop.EXAMPLE.com.", nil)
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/domains/app1/shop.example.com" {
		t.Errorf("%d to %s", rec.Code, rec.Header().Get("Location"))
	}
}

func TestAnActionKeepsTheDomainsOptions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, action string
		user         User
		pending      *listsync.Pending
		want         []enqueue.Request
		verified     []string
	}{
		{"verify", "verify", User{"ada", Act}, nil, nil, []string{"ada app1 shop.example.com"}},
		{"verify without a login", "verify", User{"", Act}, nil, nil, []string{"operator app1 shop.example.com"}},
		{"add", "add", User{"ada", Act}, nil, []enqueue.Request{{AppID: "app1", Domain: "shop.example.com", By: "ada", WWW: tasks.WWWNever, SiteID: 7, Attempts: 9}}, nil},
		{"remove", "remove", User{"", Act}, nil, []enqueue.Request{{AppID: "app1", Domain: "shop.example.com", Remove: true, By: "operator", WWW: tasks.WWWNever, SiteID: 7}}, nil},
		{"add a pending addition", "add", User{"ada", Act}, &listsync.Pending{Change: tasks.Change{SiteID: 8, Attempts: 4}}, []enqueue.Request{{AppID: "app1", Domain: "shop.example.com", By: "ada", SiteID: 8, Attempts: 4}}, nil},
		{"add a pending removal", "add", User{"ada", Act}, &listsync.Pending{Change: tasks.Change{SiteID: 8}, Remove: true}, []enqueue.Request{{AppID: "app1", Domain: "shop.example.com", By: "ada", SiteID: 8, Attempts: 9}}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			view := failedShop("app1")
			view.Pending = test.pending
			s := &fakeLedger{views: []ledger.View{view}}
			rec := sendRequest(newPages(t, s, fakeQueues{}, test.user), "POST", "/domains/app1/shop.example.com/"+test.action, nil)
			if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/domains/app1/shop.example.com?asked="+test.action {
				t.Errorf("%d to %s: %s", rec.Code, rec.Header().Get("Location"), rec.Body)
			}
			if diff := cmp.Diff(test.want, s.requests); diff != "" {
				t.Errorf("requests (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.verified, s.verified); diff != "" {
				t.Errorf("verifications (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAFailedActionNamesTheActionAndTheCause(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, action string
		state        tasks.State
		refuse       error
		user         User
		status       int
		want         string
	}{
		{"Redis is unavailable", "remove", tasks.Done, errors.New("EOF"), User{"ada", Act}, 503, "Remove shop.example.com failed: EOF."},
		{"refused", "add", tasks.Done, enqueue.ErrInvalid, User{"ada", Act}, 422, "because the request itself is refused"},
		{"not listed", "verify", tasks.Removed, nil, User{"ada", Act}, 422, "only a domain that is on the list can be verified"},
		{"unknown", "explode", tasks.Done, nil, User{"ada", Act}, 404, "The action &#34;explode&#34; doesn"},
		{"not allowed", "remove", tasks.Done, nil, User{"viola", View}, 403, "read-only access"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			view := failedShop("app1")
			view.State = test.state
			s := &fakeLedger{views: []ledger.View{view}, enqueueErr: test.refuse}
			checkAnswer(t, sendRequest(newPages(t, s, fakeQueues{}, test.user), "POST", "/domains/app1/shop.example.com/"+test.action, nil), test.status, test.want)
			if test.refuse == nil && len(s.requests)+len(s.verified) > 0 {
				t.Errorf("a request was sent: %v %v", s.requests, s.verified)
			}
		})
	}
	if status := sendRequest(newPages(t, &fakeLedger{views: []ledger.View{failedShop("app1")}}, fakeQueues{}, User{"ada", Act}), "GET", "/domains/app1/shop.example.com/remove", nil).Code; status < 400 {
		t.Errorf("a link can act: %d", status)
	}
}

func TestOnlyActorsPauseAndResumeAnApp(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, path string
		user       User
		refuse     error
		status     int
		redirect   string
		want       string // in the page
		paused     []string
	}{
		{"pause", "/apps/app1/pause", User{"ada", Act}, nil, 303, "/apps/app1?asked=pause", "", []string{"ada pauses app1"}},
		{"pause without a login", "/apps/app1/pause", User{"", Act}, nil, 303, "/apps/app1?asked=pause", "", []string{"operator pauses app1"}},
		{"resume", "/apps/app1/resume", User{"ada", Act}, nil, 303, "/apps/app1?asked=resume", "", []string{"ada resumes app1"}},
		{"not allowed", "/apps/app1/pause", User{"viola", View}, nil, 403, "", "read-only access", nil},
		{"unknown app", "/apps/app9/pause", User{"ada", Act}, nil, 404, "", "No worker knows an app", nil},
		{"unknown action", "/apps/app1/explode", User{"ada", Act}, nil, 404, "", "The action &#34;explode&#34; doesn", nil},
		{"Redis is unavailable", "/apps/app1/resume", User{"ada", Act}, errors.New("EOF"), 503, "", "Resume app app1 failed: EOF.", []string{"ada resumes app1"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, enqueueErr: test.refuse}
			rec := sendRequest(newPages(t, s, fakeQueues{}, test.user), "POST", test.path, nil)
			checkAnswer(t, rec, test.status, test.want)
			if diff := cmp.Diff(test.paused, s.paused); diff != "" || rec.Header().Get("Location") != test.redirect {
				t.Errorf("it redirects to %q; actions (-want +got):\n%s", rec.Header().Get("Location"), diff)
			}
		})
	}
	s := &fakeLedger{apps: []ledger.App{{ID: "app1", Paused: "ada", Pending: 2}}, views: []ledger.View{{AppID: "app1", Domain: "new.example.com", State: tasks.Pending, Pending: &listsync.Pending{},
		Cause: tasks.Cause{Code: tasks.CauseAppPaused, Params: tasks.Params{App: "app1", By: "ada"}}}}}
	for user, form := range map[User]bool{{"ada", Act}: true, {"viola", View}: false} {
		rec := sendRequest(newPages(t, s, fakeQueues{}, user), "GET", "/apps/app1?asked=pause", nil)
		for _, want := range []string{"Paused by ada", "2 changes wait, and no sync reads or writes the list", "App paused."} {
			checkAnswer(t, rec, 200, want)
		}
		if page := rec.Body.String(); strings.Contains(page, `action="/apps/app1/resume"`) != form || strings.Contains(page, "/pause\"") || strings.Contains(page, "healthy") {
			t.Errorf("%s is offered the wrong action, or the app is called healthy:\n%s", user.Name, page)
		}
	}
	checkAnswer(t, sendRequest(newPages(t, s, fakeQueues{}, User{Role: View}), "GET", "/domains/app1/new.example.com", nil), 200, "pilotsync resume --app=app1")
}

func TestWithoutKeysTheAppsPageShowsTheLedgersNames(t *testing.T) {
	t.Parallel()
	view := failedShop("app1")
	view.Record.Wanted, view.Record.Names = true, view.Names
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, views: []ledger.View{view},
		writes: []ledger.Write{{N: 3, At: noon, Outcome: ledger.WriteUnknown, Added: []string{"new.example.com"}, Removed: []string{"old.example.com"}, Size: 12, WorkerID: "w/1"}}}
	rec := sendRequest(newPages(t, s, fakeQueues{}, User{Role: View}), "GET", "/apps/app1", nil)
	for _, want := range []string{"without ServerPilot&#39;s keys", "not seen", "shop.example.com", "+ new.example.com", "− old.example.com", "no answer", "12 names, by w/1"} {
		checkAnswer(t, rec, 200, want)
	}
}
