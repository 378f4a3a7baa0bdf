package dashboard

import (
	"bytes"
	"errors"
	"fmt"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

var (
	ada     = User{"ada", Act}
	checkID = strings.Repeat("a", 32)
)

// withAddForm is a change for sendRequest that posts the form as browsers do.
func withAddForm(text, file string) func(*http.Request) {
	return func(r *http.Request) {
		var body bytes.Buffer
		form := multipart.NewWriter(&body)
		_ = form.WriteField("domains", text) // a buffer takes all
		part, _ := form.CreateFormFile("file", "names.txt")
		_, _ = part.Write([]byte(file))
		_ = form.Close()
		posted := httptest.NewRequest(r.Method, r.URL.String(), &body)
		r.Body, r.ContentLength = posted.Body, posted.ContentLength
		r.Header.Set("Content-Type", form.FormDataContentType())
	}
}

func result(domain string, ok bool, code tasks.Code, p tasks.Params) tasks.CheckResult {
	p.Name = domain
	r := tasks.CheckResult{Domain: domain, Names: []string{domain}, OK: ok, Cause: tasks.Cause{Code: code, Params: p}}
	if !ok {
		r.Problems = []tasks.Cause{r.Cause}
	}
	return r
}

func manyNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprint("n", i, ".example.com")
	}
	return names
}

func TestTheFormShowsWhatTheWorkersSayOfEachLine(t *testing.T) {
	t.Parallel()
	www := tasks.Cause{Code: tasks.CauseDNSMissing, Params: tasks.Params{Name: "www.good.example.com"}}
	good := result("good.example.com", true, tasks.CauseWouldWork, tasks.Params{})
	good.Problems = []tasks.Cause{www, {Code: tasks.CauseServerDisconnected}}
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, results: map[string]tasks.CheckResult{"good.example.com": good,
		"bad.example.com": result("<b>.example.com", false, tasks.CauseDNSElsewhere, tasks.Params{Found: []string{"203.0.113.9"}, Expected: []string{"198.51.100.4"}})}}
	pages := newPages(t, s, fakeQueues{}, ada)
	rec := sendRequest(pages, "POST", "/apps/app1/check",
		withAddForm("good.example.com\r\n\r\n bad.example.com \r\nGood.Example.com.\r\na/b\r\n", "\uFEFF# our sites\r\nlate.example.com\r\n"))
	if to := rec.Header().Get("Location"); rec.Code != http.StatusSeeOther || to != "/apps/app1/checks/"+checkID {
		t.Fatalf("%d to %s: %s", rec.Code, to, rec.Body)
	}
	s.running.Wait()
	slices.Sort(s.checked)
	want := []string{"ada app1 bad.example.com", "ada app1 good.example.com", "ada app1 late.example.com", "ada app1 late.example.com"} // the last again
	if diff := cmp.Diff(want, s.checked); diff != "" {
		t.Errorf("checked (-want +got):\n%s", diff)
	}
	rec = sendRequest(pages, "GET", "/apps/app1/checks/"+checkID, nil)
	for _, want := range []string{
		`line 5: domain &#34;a/b&#34; is refused`, "<b>2 of 3</b> checked, 1 not. 1 would work, 1 would not work yet.", "No worker answered in time for 1.",
		"good.example.com would work: it points here", "www.good.example.com has no A or AAAA record", "The app&#39;s server has not been connected to ServerPilot",
		"Make &lt;b&gt;.example.com point to 198.51.100.4", `value="good.example.com" checked>`, `value="bad.example.com">`, `value="late.example.com">`, "OK, with a problem",
		"1 line repeats a domain of another line, and was left out.",
		"good.example.com\n\n bad.example.com \nGood.Example.com.\na/b\n# our sites\nlate.example.com\n</textarea>",
	} {
		checkAnswer(t, rec, 200, want)
	}
	if at := func(part string) int { return strings.Index(rec.Body.String(), `id="select:`+part) }; at("bad") > at("late") || at("late") > at("good") {
		t.Error("what needs a look isn't first")
	}
	if len(s.requests) > 0 {
		t.Errorf("a check adds %v", s.requests)
	}
}

func TestACheckThatHasNotEndedShowsItsProgress(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, run: ledger.CheckRun{App: "app1", Domains: []string{"a.example.com", "b.example.com"}, ProgressAt: noon,
		Results: map[string]tasks.CheckResult{"b.example.com": result("b.example.com", true, tasks.CauseWouldWork, tasks.Params{})}}}
	pages := newPages(t, s, fakeQueues{}, ada)
	rec := sendRequest(pages, "GET", "/apps/app1/checks/"+checkID, nil)
	for _, want := range []string{"<b>1 of 2</b> checked. 1 would work.", "waiting", `content="2"`, "<progress"} {
		checkAnswer(t, rec, 200, want)
	}
	if strings.Contains(rec.Body.String(), "Add the selected") {
		t.Error("domains can be added before the end")
	}
	s.run.ProgressAt = noon.Add(-checkRunSilence - time.Second)
	rec = sendRequest(pages, "GET", "/apps/app1/checks/"+checkID, nil)
	for _, want := range []string{"<b>1 of 2</b> checked, 1 not", "the dashboard that had them checked has stopped", `value="b.example.com" checked`, "Add the selected"} {
		checkAnswer(t, rec, 200, want)
	}
	for _, path := range []string{"/apps/app2/checks/" + checkID, "/apps/app1/checks/x"} {
		checkAnswer(t, sendRequest(pages, "GET", path, nil), 404, "stored any more")
	}
}

func TestTheFormAddsTheSelectedDomainsByItsUser(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, views: []ledger.View{failedShop("app1")}}
	rec := sendRequest(newPages(t, s, fakeQueues{}, ada), "POST", "/apps/app1/add", withFields(url.Values{"select": {"new.example.com", "shop.example.com"}}))
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/bulk/"+checkID {
		t.Errorf("%d to %s: %s", rec.Code, rec.Header().Get("Location"), rec.Body)
	}
	want := []enqueue.Request{{AppID: "app1", Domain: "new.example.com", By: "ada"},
		{AppID: "app1", Domain: "shop.example.com", By: "ada", WWW: tasks.WWWNever, SiteID: 7, Attempts: 9}} // it keeps its options
	if diff := cmp.Diff(want, s.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if s.bulk.Action != "add" || len(s.bulk.Items) != 2 {
		t.Errorf("the progress is of %+v", s.bulk)
	}
}

func TestAFormThatIsRefusedSaysWhyAndComesBack(t *testing.T) {
	t.Parallel()
	many := strings.Join(manyNames(maxAdded+1), "\n")
	for _, test := range []struct {
		name       string
		user       User
		text, file string
		err        error
		status     int
		want       string
		back       bool // with the text
	}{
		{"read-only", User{"viola", View}, "a.example.com", "", nil, 403, "read-only access", false},
		{"too many", ada, "a.example.com\n" + many, "", nil, 422, "1,002 domains, and the form takes 1,000 at once", true},
		{"too many in the file", ada, "a.example.com", many, nil, 422, "pilotsync enqueue add --file=FILE", true},
		{"too large", ada, "a.example.com", strings.Repeat("a", addFormLimit), nil, 422, "larger than 1024 KiB", true},
		{"no text", ada, "a.example.com", "\xff\xfea\x00", nil, 422, "isn&#39;t UTF-8 text", true},
		{"nothing", ada, "\n# a.example.com", "", nil, 422, "the form has no domain", true},
		{"Redis is unavailable", ada, "a.example.com", "", errors.New("EOF"), 503, "Check domains failed: EOF.", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, saveErr: test.err}
			rec := sendRequest(newPages(t, s, fakeQueues{}, test.user), "POST", "/apps/app1/check", withAddForm(test.text, test.file))
			checkAnswer(t, rec, test.status, test.want)
			_, form, _ := strings.Cut(rec.Body.String(), "<textarea")
			if strings.Contains(form, "a.example.com") != test.back {
				t.Errorf("the form comes back filled: %v; it is %s", !test.back, rec.Body)
			}
			s.running.Wait()
			if len(s.requests)+len(s.checked) > 0 {
				t.Errorf("something was sent: %v %v", s.requests, s.checked)
			}
		})
	}
}

func TestAnAdditionThatIsRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, path string
		user       User
		selected   []string
		err        error
		status     int
		want       string
	}{
		{"read-only", "/apps/app1/add", User{"viola", View}, []string{"a.example.com"}, nil, 403, "read-only access"},
		{"unknown app", "/apps/app9/add", ada, []string{"a.example.com"}, nil, 404, "No worker knows an app"},
		{"none", "/apps/app1/add", ada, nil, nil, 422, "no domain is selected"},
		{"too many", "/apps/app1/add", ada, manyNames(maxAdded + 1), nil, 422, "the form takes 1,000"},
		{"no name", "/apps/app1/add", ada, []string{"a/b"}, nil, 422, "a/b"},
		{"Redis is unavailable", "/apps/app1/add", ada, []string{"a.example.com"}, errors.New("EOF"), 503, "Add domains failed: EOF."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, enqueueErr: test.err}
			form := url.Values{"select": test.selected, "check": {checkID}}
			rec := sendRequest(newPages(t, s, fakeQueues{}, test.user), "POST", test.path, withFields(form))
			checkAnswer(t, rec, test.status, test.want)
			if back := `href="/apps/app1/checks/` + checkID; test.user == ada && test.status != 404 && !strings.Contains(rec.Body.String(), back) {
				t.Errorf("no way leads back to the results: %s", rec.Body)
			}
			if test.err == nil && len(s.requests) > 0 {
				t.Errorf("something was sent: %v", s.requests)
			}
		})
	}
}

// A list of 216 names takes 42 domains with their www forms.
func TestDomainsBeyondTheRoomOfTheListAreNotSelected(t *testing.T) {
	t.Parallel()
	run := ledger.CheckRun{App: "app1", Ended: true, Results: map[string]tasks.CheckResult{}}
	add := func(names ...string) {
		r := result(names[0], true, tasks.CauseWouldWork, tasks.Params{})
		r.Names = names
		run.Domains, run.Results[names[0]] = append(run.Domains, names[0]), r
	}
	add("shop.example.com")
	for _, name := range manyNames(200) {
		add(name, "www."+name)
	}
	listed := failedShop("app1")
	listed.Record.Wanted = true
	s := &fakeLedger{apps: []ledger.App{{ID: "app1", Listed: 216, ListedAt: noon}}, views: []ledger.View{listed}, run: run}
	rec := sendRequest(newPages(t, s, fakeQueues{}, ada), "GET", "/apps/app1/checks/"+checkID, nil)
	for _, want := range []string{"The list has room for 84 more names; these 200 domains need 400", "158 domains don&#39;t fit and aren&#39;t selected", `value="n41.example.com" checked>`, `value="n42.example.com">`, `value="shop.example.com" checked>`} {
		checkAnswer(t, rec, 200, want)
	}
	if page := rec.Body.String(); strings.Count(page, " checked>") != 43 || strings.Count(page, "no room on the list") != 158 || strings.Count(page, "already on the list") != 1 {
		t.Errorf("another number is selected, without room or listed:\n%s", page)
	}
	s.apps[0].Listed = 2
	s.run.Domains = run.Domains[:101]
	if page := sendRequest(newPages(t, s, fakeQueues{}, ada), "GET", "/apps/app1/checks/"+checkID, nil).Body.String(); strings.Contains(page, "has room") {
		t.Errorf("all fit, and the page warns:\n%s", page)
	}
}

func TestTheListThatIsReadTellsItsRoom(t *testing.T) {
	t.Parallel()
	wanted := failedShop("app1")
	wanted.Record.Wanted, wanted.Names = true, []string{"shop.example.com", "www.shop.example.com"}
	room := newListRoom([]string{"Shop.example.com", "byhand.example.com"}, 250, []ledger.View{wanted})
	want := map[string]bool{"shop.example.com": true, "byhand.example.com": true, "www.shop.example.com": false}
	if diff := cmp.Diff(want, room.names); diff != "" || room.free != 297 {
		t.Errorf("the room is %d (-want +got):\n%s", room.free, diff)
	}
}

func TestEachKindOfLineEndSeparatesDomains(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n", "\r\n", "\r"} {
		parsed := parseDomains(unixLines("a.example.com" + end + "a/b" + end + "B.example.com." + end + "b.example.com"))
		if len(parsed.domains) != 2 || len(parsed.invalid) != 1 || !strings.HasPrefix(parsed.invalid[0], "line 2: ") || parsed.repeated != 1 {
			t.Errorf("%q: %+v", end, parsed)
		}
	}
}

func TestOnlyWrongLinesGiveTheFormBack(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}}
	wrong := make([]string, maxProblemsShown+3)
	for i := range wrong {
		wrong[i] = fmt.Sprint("a/", i)
	}
	rec := sendRequest(newPages(t, s, fakeQueues{}, ada), "POST", "/apps/app1/check", withFields(url.Values{"domains": {strings.Join(wrong, "\r\n")}}))
	for _, want := range []string{"These lines aren't domain names", "a/19", "and 3 more", "<textarea"} {
		checkAnswer(t, rec, 422, want)
	}
	if strings.Contains(rec.Body.String(), "/apps/app1/add") {
		t.Error("there is nothing to add")
	}
}

func TestOnlyActorsAreOfferedTheForm(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}}
	for user, offered := range map[User]bool{ada: true, {"viola", View}: false} {
		page := sendRequest(newPages(t, s, fakeQueues{}, user), "GET", "/apps/app1", nil).Body.String()
		if strings.Contains(page, `action="/apps/app1/check"`) != offered {
			t.Errorf("%s: the form is offered: %v", user.Name, !offered)
		}
	}
}
