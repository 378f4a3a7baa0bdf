package dashboard

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// withForm is a change for sendRequest that posts domains, one per line.
func withForm(domains ...string) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(strings.NewReader(url.Values{"domains": {strings.Join(domains, "\r\n")}}.Encode()))
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

func TestTheFormShowsWhatTheWorkersSayOfEachLine(t *testing.T) {
	t.Parallel()
	www := tasks.Cause{Code: tasks.CauseDNSMissing, Params: tasks.Params{Name: "www.good.example.com"}}
	good := result("good.example.com", true, tasks.CauseWouldWork, tasks.Params{})
	good.Problems = []tasks.Cause{www, {Code: tasks.CauseServerDisconnected}}
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, checkErr: enqueue.ErrNoResult, results: []tasks.CheckResult{good,
		result("<b>.example.com", false, tasks.CauseDNSElsewhere, tasks.Params{Found: []string{"203.0.113.9"}, Expected: []string{"198.51.100.4"}}), {}}}
	rec := sendRequest(newPages(t, s, fakeQueues{}, User{"ada", Act}), "POST", "/apps/app1/check",
		withForm("good.example.com", "", " bad.example.com ", "Good.Example.com.", "late.example.com", "a/b"))
	if diff := cmp.Diff([]string{"ada app1 good.example.com", "ada app1 bad.example.com", "ada app1 late.example.com"}, s.checked); diff != "" {
		t.Errorf("checked (-want +got):\n%s", diff)
	}
	for _, want := range []string{
		`a/b`, "good.example.com would work: it points here", "www.good.example.com has no A or AAAA record", "the app&#39;s server has not been connected to ServerPilot",
		"bad.example.com", "Make &lt;b&gt;.example.com point to 198.51.100.4", "No worker answered in time", "late.example.com",
		`value="good.example.com"`, "Add 1 domain that would work", "value=\"good.example.com\nbad.example.com\nlate.example.com\"", "Add all 3 domains",
	} {
		checkAnswer(t, rec, 200, want)
	}
	if len(s.requests) > 0 {
		t.Errorf("a check adds %v", s.requests)
	}
}

func TestTheFormAddsTheDomainsByItsUser(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, views: []ledger.View{failedShop("app1")}}
	rec := sendRequest(newPages(t, s, fakeQueues{}, User{"ada", Act}), "POST", "/apps/app1/add", withForm("new.example.com", "shop.example.com"))
	if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/apps/app1?asked=additions" {
		t.Errorf("%d to %s: %s", rec.Code, rec.Header().Get("Location"), rec.Body)
	}
	want := []enqueue.Request{{AppID: "app1", Domain: "new.example.com", By: "ada"},
		{AppID: "app1", Domain: "shop.example.com", By: "ada", WWW: tasks.WWWNever, SiteID: 7, Attempts: 9}} // it keeps its options
	if diff := cmp.Diff(want, s.requests); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}

func TestAFormThatIsRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	many := make([]string, tasks.MaxChecks+1)
	for i := range many {
		many[i] = fmt.Sprint("n", i, ".example.com")
	}
	for _, test := range []struct {
		name, path string
		user       User
		form       []string
		err        error
		status     int
		want       string
	}{
		{"read-only, check", "/apps/app1/check", User{"viola", View}, []string{"a.example.com"}, nil, 403, "read-only access"},
		{"read-only, add", "/apps/app1/add", User{"viola", View}, []string{"a.example.com"}, nil, 403, "read-only access"},
		{"unknown app", "/apps/app9/check", User{"ada", Act}, []string{"a.example.com"}, nil, 404, "No worker knows an app"},
		{"too many to check", "/apps/app1/check", User{"ada", Act}, many, nil, 422, "pilotsync enqueue add --file"},
		{"too many to add", "/apps/app1/add", User{"ada", Act}, many, nil, 422, "the form takes 50"},
		{"too large", "/apps/app1/check", User{"ada", Act}, []string{strings.Repeat("a", formLimit)}, nil, 422, "Read the form failed"},
		{"Redis is unavailable", "/apps/app1/check", User{"ada", Act}, []string{"a.example.com"}, errors.New("EOF"), 503, "Check domains failed: EOF."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, checkErr: test.err}
			checkAnswer(t, sendRequest(newPages(t, s, fakeQueues{}, test.user), "POST", test.path, withForm(test.form...)), test.status, test.want)
			if len(s.requests) > 0 || test.err == nil && len(s.checked) > 0 {
				t.Errorf("something was sent: %v %v", s.requests, s.checked)
			}
		})
	}
}

func TestOnlyWrongLinesGiveTheFormBack(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}}
	wrong := make([]string, maxProblemsShown+3)
	for i := range wrong {
		wrong[i] = fmt.Sprint("a/", i)
	}
	rec := sendRequest(newPages(t, s, fakeQueues{}, User{"ada", Act}), "POST", "/apps/app1/check", withForm(wrong...))
	for _, want := range []string{"These lines aren't domain names", "a/19", "and 3 more", "<textarea"} {
		checkAnswer(t, rec, 200, want)
	}
	if strings.Contains(rec.Body.String(), "/apps/app1/add") {
		t.Error("there is nothing to add")
	}
}

func TestOnlyActorsAreOfferedTheForm(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}}
	for user, offered := range map[User]bool{{"ada", Act}: true, {"viola", View}: false} {
		page := sendRequest(newPages(t, s, fakeQueues{}, user), "GET", "/apps/app1", nil).Body.String()
		if strings.Contains(page, `action="/apps/app1/check"`) != offered {
			t.Errorf("%s: the form is offered: %v", user.Name, !offered)
		}
	}
}
