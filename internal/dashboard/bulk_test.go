package dashboard

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// withFields is a change for sendRequest that posts a form.
func withFields(form url.Values) func(*http.Request) {
	return func(r *http.Request) {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Body = io.NopCloser(strings.NewReader(form.Encode()))
	}
}

// inState is a domain of app1 in a state.
func inState(domain string, state tasks.State) ledger.View {
	return ledger.View{AppID: "app1", Domain: domain, State: state, Names: []string{domain, "www." + domain}, Seq: 3, UpdatedAt: noon,
		Record: listsync.Record{Domain: domain, State: state, Names: []string{domain, "www." + domain}, Seq: 3, CheckSeq: 3, Attempt: 2}}
}

func mixedDomains() []ledger.View {
	return []ledger.View{inState("done.example.com", tasks.Done), inState("failed.example.com", tasks.Failed), inState("*.wild.example.com", tasks.DoneWithoutSSL),
		inState("refused.example.com", tasks.Rejected), inState("gone.example.com", tasks.Removed)}
}

func TestABulkActionTakesTheDomainsThatItSuits(t *testing.T) {
	t.Parallel()
	for action, want := range map[string][]string{
		"verify": {"done.example.com", "failed.example.com"},
		"retry":  {"failed.example.com", "refused.example.com"},
		"remove": {"done.example.com", "failed.example.com", "*.wild.example.com", "refused.example.com"},
	} {
		for _, form := range []url.Values{
			{"action": {action}, "all": {"yes"}, "confirmed": {"yes"}},
			{"action": {action}, "confirmed": {"yes"}, "select": {positionLines(mixedDomains()), "app1/done.example.com"}},
		} {
			s := &fakeLedger{views: mixedDomains()}
			rec := sendRequest(newPages(t, s, fakeQueues{}, User{"ada", Act}), "POST", "/bulk", withFields(form))
			if to := rec.Header().Get("Location"); rec.Code != http.StatusSeeOther || to != "/bulk/"+strings.Repeat("a", 32) {
				t.Errorf("%v: %d to %s: %s", form, rec.Code, to, rec.Body)
			}
			var asked, kept []string
			for _, r := range s.requests {
				if r.By != "ada" || r.Remove != (action == "remove") {
					t.Errorf("%v: the request is %+v", form, r)
				}
				asked = append(asked, r.Domain)
			}
			for _, v := range s.verified {
				asked = append(asked, strings.TrimPrefix(v, "ada app1 "))
			}
			for _, item := range s.bulk.Items {
				kept = append(kept, item.Domain)
			}
			if diff := cmp.Diff([][]string{want, want}, [][]string{asked, kept}); diff != "" {
				t.Errorf("%v: (-want +got):\n%s", form, diff)
			}
			if s.bulk.By != "ada" || s.bulk.Action != action || s.bulk.Skipped != 5-len(want) {
				t.Errorf("%v: kept is %+v", form, s.bulk)
			}
		}
	}
}

func TestRemovalOfManyListsWhatLeavesAndAsks(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{views: append(mixedDomains(), inState("<script>.example.com", tasks.Done))}
	h := newPages(t, s, fakeQueues{}, User{"ada", Act})
	rec := sendRequest(h, "POST", "/bulk", withFields(url.Values{"action": {"remove"}, "all": {"yes"}}))
	for _, want := range []string{"Remove 5 domains?", "8 names leave their lists", "<div>done.example.com</div><div>www.done.example.com</div>", "&lt;script&gt;.example.com",
		"1 of the selected domains is removed already", `name="confirmed" value="yes"`, "app1/done.example.com\napp1/failed.example.com"} {
		checkAnswer(t, rec, http.StatusOK, want)
	}
	if strings.Contains(rec.Body.String(), "<script>.") || len(s.requests) > 0 {
		t.Errorf("requests are %v, the page is\n%s", s.requests, rec.Body)
	}
}

func TestABulkActionThatIsRefusedSaysWhy(t *testing.T) {
	t.Parallel()
	many := make([]string, maxBulk+1)
	views := make([]ledger.View, maxBulk+1)
	for i := range many {
		views[i] = inState(fmt.Sprint("n", i, ".example.com"), tasks.Done)
		many[i] = "app1/" + views[i].Domain
	}
	for _, test := range []struct {
		form   url.Values
		user   User
		status int
		says   string
	}{
		{url.Values{"action": {"verify"}}, User{"ada", Act}, 422, "no domain is selected"},
		{url.Values{"action": {"verify"}, "select": many}, User{"ada", Act}, 422, "1,001 domains are selected, and one action takes 1,000"},
		{url.Values{"action": {"verify"}, "all": {"yes"}}, User{"ada", Act}, 422, "more than 1,000 domains match"},
		{url.Values{"action": {"verify"}, "select": {"<b>"}}, User{"ada", Act}, 422, "&lt;b&gt;"},
		{url.Values{"action": {"retry"}, "select": many[:3]}, User{"ada", Act}, 422, "only domains that failed can be retried"},
		{url.Values{"action": {"verify"}, "select": {"app1/unknown.example.com"}}, User{"ada", Act}, 422, "none of the 0 selected"},
		{url.Values{"action": {"verify"}, "all": {"yes"}, "search": {"state=nonsense"}}, User{"ada", Act}, 400, "nonsense"},
		{url.Values{"action": {"<i>"}, "select": many[:3]}, User{"ada", Act}, 404, "&lt;i&gt;"},
		{url.Values{"action": {"verify"}, "select": {strings.Repeat("x", bulkFormLimit)}}, User{"ada", Act}, 422, "too large"},
		{url.Values{"action": {"verify"}, "select": many[:3]}, User{"bob", View}, 403, "read-only"},
	} {
		s := &fakeLedger{views: views}
		checkAnswer(t, sendRequest(newPages(t, s, fakeQueues{}, test.user), "POST", "/bulk", withFields(test.form)), test.status, test.says)
		if len(s.verified)+len(s.requests) > 0 {
			t.Errorf("%s: %v %v", test.says, s.verified, s.requests)
		}
	}
}

func TestABulkActionThatFailsHalfwayShowsWhatHasATask(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{views: mixedDomains(), enqueueErr: errors.New("redis <b> is gone")}
	h := newPages(t, s, fakeQueues{}, User{"ada", Act})
	checkAnswer(t, sendRequest(h, "POST", "/bulk", withFields(url.Values{"action": {"retry"}, "all": {"yes"}})), http.StatusServiceUnavailable, "Retry domains failed: redis &lt;b&gt; is gone")
	sendRequest(h, "POST", "/bulk", withFields(url.Values{"action": {"verify"}, "all": {"yes"}}))
	checkAnswer(t, sendRequest(h, "GET", "/bulk/"+strings.Repeat("a", 32), nil), http.StatusOK, "Some of the selected domains got no task")
	checkAnswer(t, sendRequest(h, "GET", "/bulk/<script>", nil), http.StatusNotFound, "stored any more")
}

func TestProgressCountsTheDomainsWithAResult(t *testing.T) {
	t.Parallel()
	pending := func(v ledger.View, seq int64) ledger.View {
		v.Seq, v.State, v.Pending = seq, tasks.Pending, &listsync.Pending{Change: tasks.Change{AppID: "app1", Domain: v.Domain, Seq: seq}}
		return v
	}
	at := func(v ledger.View, seq, check int64, attempt int) ledger.View {
		v.Seq, v.Record.Seq, v.Record.CheckSeq, v.Record.Attempt = seq, seq, check, attempt
		return v
	}
	done, rejected := inState("a.example.com", tasks.Done), inState("a.example.com", tasks.Rejected)
	for name, test := range map[string]struct {
		action string
		view   ledger.View
		want   bool
	}{
		"a retry that no worker has recorded":   {"retry", at(rejected, 3, 3, 1), false},
		"a recorded retry":                      {"retry", pending(rejected, 5), false},
		"a retry that a sync decided about":     {"retry", at(done, 5, 5, 0), true},
		"a retry that a later request replaced": {"retry", pending(done, 6), true},
		"a removal":                             {"remove", at(inState("a.example.com", tasks.Removed), 5, 0, 0), true},
		"a removal of a forgotten domain":       {"remove", ledger.View{}, true},
		"an addition that isn't recorded":       {"add", ledger.View{}, false},
		"a verification that waits":             {"verify", at(done, 3, 3, 2), false},
		"a verification without an attempt":     {"verify", at(done, 3, 5, 0), false},
		"a verification with an attempt":        {"verify", at(done, 3, 5, 1), true},
		"a verification that was restarted":     {"verify", at(done, 7, 7, 0), true},
		"a verification of a removed domain":    {"verify", at(inState("a.example.com", tasks.Removed), 4, 3, 0), true},
	} {
		page := newBulkPage(ledger.Bulk{Action: test.action, Items: []ledger.BulkItem{{App: "app1", Domain: "a.example.com", Seq: 5}}},
			slices.DeleteFunc([]ledger.View{test.view}, func(v ledger.View) bool { return v.Domain == "" }))
		if page.Finished() != test.want || page.Waiting.Count()+page.Processed != 1 {
			t.Errorf("%s: %+v", name, page)
		}
	}
}

func TestABulkActionListsWhatNeedsAttention(t *testing.T) {
	t.Parallel()
	warned := inState("warned.example.com", tasks.Done)
	warned.Record.Cause = tasks.Cause{Code: tasks.CauseWorks}
	works := warned
	works.Domain = "works.example.com"
	warned.Record.Warnings = []tasks.Cause{{Code: tasks.CauseCertificateWrongName}}
	items := []ledger.BulkItem{{App: "app1", Domain: warned.Domain, Seq: 3}, {App: "app1", Domain: works.Domain, Seq: 3}}
	page := newBulkPage(ledger.Bulk{Action: "verify", Items: items}, []ledger.View{warned, works})
	if !page.Finished() || page.Trouble.Count() != 1 || page.Trouble.First[0].Domain != warned.Domain {
		t.Errorf("%+v", page)
	}
}

func TestABulkActionSaysWhichResultsAreStillToCome(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{views: []ledger.View{inState("a.example.com", tasks.CheckingDNS), inState("b.example.com", tasks.Done)},
		bulk: ledger.Bulk{Action: "add", By: "ada", At: noon, Items: []ledger.BulkItem{{App: "app1", Domain: "a.example.com", Seq: 3}, {App: "app1", Domain: "b.example.com", Seq: 3}}}}
	h := newPages(t, s, fakeQueues{}, ada)
	for _, want := range []string{"<b>2 of 2</b> processed", "1 is still being checked: its result is still to come."} {
		checkAnswer(t, sendRequest(h, "GET", "/bulk/"+checkID, nil), 200, want)
	}
	s.views[0].State = tasks.Failed
	if page := sendRequest(h, "GET", "/bulk/"+checkID, nil).Body.String(); strings.Contains(page, "still to come") {
		t.Errorf("nothing is checked any more:\n%s", page)
	}
}
