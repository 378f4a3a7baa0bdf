package dashboard

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

func TestAListOfNamesShowsWhatLeavesAndAsks(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, views: mixedDomains()}
	h := newPages(t, s, fakeQueues{}, ada)
	rec := sendRequest(h, "POST", "/apps/app1/remove", withAddForm("# customers that left\r\nDone.example.com\ndone.example.com.\nunknown.example.com\nmy shop", "\uFEFFgone.example.com\r\nfailed.example.com"))
	for _, want := range []string{"Remove 2 domains?", "4 names leave their lists", "<div>done.example.com</div><div>www.done.example.com</div>", "1 of these domains is removed already",
		"1 name isn&#39;t a domain of app1, and stays as it is", "<li>unknown.example.com</li>", "<li>line 5: ", "1 line repeats a domain", `<textarea id="leaving"`,
		`name="select" value="app1/done.example.com` + "\n" + `app1/failed.example.com"`} {
		checkAnswer(t, rec, http.StatusOK, want)
	}
	if len(s.requests) > 0 {
		t.Errorf("before the answer it requested %v", s.requests)
	}
	if body := rec.Body.String(); !strings.Contains(body, `<textarea id="leaving" name="domains" rows="5" autocapitalize="none" autocomplete="off" spellcheck="false"># customers that left`+"\n") {
		t.Errorf("the form loses what was typed:\n%s", body)
	}
}

func TestAListOfNamesThatIsRefusedIsNotLost(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text, path string
		user       User
		status     int
		says       string
	}{
		{"", "app1", ada, 422, "the form has no domain"},
		{"<b>", "app1", ada, 422, "<li>line 1: "},
		{"unknown.example.com", "app1", ada, 422, "none of these domains is on app app1"},
		{"gone.example.com", "app1", ada, 422, "none of these domains is on app app1; removed already: 1"},
		{strings.Join(manyNames(maxBulk+1), "\n"), "app1", ada, 422, "1,001 domains, and the form takes 1,000 at once; for more run &#39;pilotsync enqueue remove --file=FILE&#39;"},
		{"done.example.com", "nosuchapp", ada, 404, "No worker knows an app"},
		{"done.example.com", "app1", User{"bob", View}, 403, "read-only"},
	} {
		s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, views: mixedDomains()}
		rec := sendRequest(newPages(t, s, fakeQueues{}, test.user), "POST", "/apps/"+test.path+"/remove", withAddForm(test.text, ""))
		checkAnswer(t, rec, test.status, test.says)
		if _, form, ok := strings.Cut(rec.Body.String(), `spellcheck="false">`); test.status == 422 {
			text, _, _ := strings.Cut(form, "</textarea>")
			if diff := cmp.Diff(strings.ReplaceAll(test.text, "<b>", "&lt;b&gt;"), text); !ok || diff != "" {
				t.Errorf("%s: the form comes back with other text (-want +got):\n%s", test.says, diff)
			}
		}
		if len(s.requests) > 0 {
			t.Errorf("%s: it requested %v", test.says, s.requests)
		}
	}
}

// A domain's www form may be a domain of its own, which keeps it on the list.
func TestTheQuestionBeforeARemovalShowsOnlyWhatLeaves(t *testing.T) {
	t.Parallel()
	base, form := inState("shop.example.com", tasks.Done), inState("www.shop.example.com", tasks.Done)
	form.Names = []string{"www.shop.example.com"}
	base.Record.Wanted, form.Record.Wanted = true, true
	leaving, refused := form, form
	leaving.Pending = &listsync.Pending{Remove: true}
	refused.Record, refused.Pending = listsync.Record{}, &listsync.Pending{}
	both, alone := "2 names leave their lists", "1 name leaves its list"
	for _, test := range []struct {
		form    ledger.View
		domains string
		says    string
		page    string // what the first domain's page says
	}{
		{form, "shop.example.com", alone, "no longer be reached by it."},
		{form, "shop.example.com\nwww.shop.example.com", both, "no longer be reached by it."},
		{leaving, "shop.example.com", both, "no longer be reached by them."},
		{refused, "shop.example.com", both, "no longer be reached by them."},
	} {
		s := &fakeLedger{apps: []ledger.App{{ID: "app1"}}, views: []ledger.View{base, test.form}}
		h := newPages(t, s, fakeQueues{}, ada)
		checkAnswer(t, sendRequest(h, "POST", "/apps/app1/remove", withAddForm(test.domains, "")), http.StatusOK, test.says)
		if test.says == alone {
			checkAnswer(t, sendRequest(h, "POST", "/apps/app1/remove", withAddForm(test.domains, "")), http.StatusOK, "The site can then no longer be reached by it.")
		}
		checkAnswer(t, sendRequest(h, "GET", "/domains/app1/shop.example.com", nil), http.StatusOK, test.page)
		selected := "app1/" + strings.ReplaceAll(test.domains, "\n", "\napp1/")
		checkAnswer(t, sendRequest(h, "POST", "/bulk", withFields(url.Values{"action": {"remove"}, "select": {selected}})), http.StatusOK, test.says)
	}
}

func TestARefusedDomainLeavesNoListThatASiteIsReachedBy(t *testing.T) {
	t.Parallel()
	h := newPages(t, &fakeLedger{apps: []ledger.App{{ID: "app1"}}, views: mixedDomains()}, fakeQueues{}, ada)
	rec := sendRequest(h, "POST", "/apps/app1/remove", withAddForm("refused.example.com", ""))
	checkAnswer(t, rec, http.StatusOK, "0 names leave their lists")
	if strings.Contains(rec.Body.String(), "no longer be reached") {
		t.Errorf("the page says that a site can't be reached any more:\n%s", rec.Body)
	}
}
