package dashboard

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"pilotsync/internal/serverpilot"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// manyApps are n apps, each with all that a page may show of it.
func manyApps(n int) (apps []ledger.App, ids []string) {
	for i := range n {
		counts := map[tasks.State]int{}
		for _, state := range tasks.States() {
			counts[state] = 12345
		}
		id := fmt.Sprintf("agency-with-a-long-name-%05d", i)
		ids = append(ids, id)
		apps = append(apps, ledger.App{ID: id, Counts: counts, Listed: 300, ListedAt: noon, Pending: 1234, Oldest: noon, Expiry: noon, ExpiryDomain: "a-long-name.shop.example.com",
			Paused: "ada", DisconnectedSince: noon, Failure: &listsync.Failure{Reason: strings.Repeat("no card ", 20), Blocked: true, Since: noon.Add(time.Duration(i))},
			Expiring: ledger.Expiring{Count: 12, First: noon, Domain: "a-long-name.shop.example.com"}})
	}
	return apps, ids
}

func TestPagesStaySmallWithTenThousandApps(t *testing.T) {
	t.Parallel()
	apps, ids := manyApps(10_000)
	s := &fakeLedger{apps: apps, workers: []ledger.Worker{{Name: "h1/1", Apps: ids, DryRun: true}}, loss: ledger.Loss{At: noon, Waiting: ids}}
	for range pageSize {
		s.views = append(s.views, failedShop(ids[0]))
	}
	h := newPages(t, s, fakeQueues{}, User{Role: Act})
	for path, want := range map[string]string{
		"/": "9,995 more apps</a> are blocked or failing", "/apps": "Page 1 of 200", "/apps?page=200": "agency-with-a-long-name-09999", "/apps/" + ids[7]: "and 9,995 more",
		"/domains": "Another app", "/domains?app=" + ids[7]: `value="` + ids[7] + `" checked`, "/domains/" + ids[0] + "/shop.example.com": "and 9,995 more", "/nowhere": "and 9,995 more",
	} {
		page := sendRequest(h, "GET", path, nil).Body.String()
		if !strings.Contains(page, want) {
			t.Errorf("%s lacks %q:\n%.3000s", path, want, page)
		}
		if len(page) > 200<<10 {
			t.Errorf("%s has %d KiB", path, len(page)>>10)
		}
	}
}

func TestAppsArePagedTheMostUrgentFirst(t *testing.T) {
	t.Parallel()
	var apps []ledger.App
	for i := range 120 {
		apps = append(apps, ledger.App{ID: fmt.Sprintf("app%03d", i)})
	}
	var served []string
	for _, app := range apps {
		served = append(served, app.ID)
	}
	apps = append(apps, ledger.App{ID: "aaa", Pending: 1, Failure: &listsync.Failure{Reason: "unserved", Blocked: true}}) // an invented one
	apps[119].Failure = &listsync.Failure{Reason: "no card", Blocked: true}
	apps[60].Paused = "ada"
	for _, test := range []struct {
		query, first, last string
		number, pages      int
		following          string
	}{
		{"", "app119", "app046", 1, 3, "/apps?page=2"},
		{"page=2", "app047", "app097", 2, 3, "/apps?page=3"},
		{"page=3", "app098", "app118", 3, 3, ""},
		{"page=99", "app098", "app118", 3, 3, ""},
		{"q=+APP0", "app060", "app048", 1, 2, "/apps?page=2&q=APP0"},
		{"q=09", "app009", "app109", 1, 1, ""},
		{"q=none&page=2", "", "", 1, 1, ""},
	} {
		q, err := url.ParseQuery(test.query)
		if err != nil {
			t.Fatal(err)
		}
		page, err := parseAppsQuery(q)
		if err != nil {
			t.Fatal(err)
		}
		page.fill(append([]ledger.App{}, apps...), []ledger.Worker{{Apps: served}})
		var shown []string
		for _, a := range page.Apps {
			shown = append(shown, a.ID)
		}
		if shown == nil {
			shown = []string{""}
		}
		want := []any{test.first, test.last, test.number, test.pages, test.following}
		got := []any{shown[0], shown[len(shown)-1], page.Number, page.Pages(), page.Following()}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.query, diff)
		}
	}
}

// An app of a worker's settings has no ledger before its first change.
func TestAppsOfLiveWorkersHaveAPageBeforeTheirFirstChange(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1"}, {ID: "invented", Pending: 1, Failure: &listsync.Failure{Reason: "unserved", Blocked: true}}}, workers: []ledger.Worker{{Name: "h1/1", Apps: []string{"app1", "app5"}}}}
	h := newPages(t, s, fakeQueues{}, ada)
	page := sendRequest(h, "GET", "/apps", nil).Body.String()
	at := func(part string) int { return strings.Index(page, part) }
	if at("3 apps") < 0 || at(`"/apps/invented"`) < 0 || at(`"/apps/app5"`) < at(`"/apps/app1"`) || at(`"/apps/app1"`) < at(`"/apps/invented"`) {
		t.Errorf("an app is missing, or one without trouble comes before one in trouble:\n%s", page)
	}
	if overview := sendRequest(h, "GET", "/", nil).Body.String(); !strings.Contains(overview, `<a href="/apps/app5">app5</a>`) {
		t.Errorf("the overview lacks it:\n%s", overview)
	}
	for _, want := range []string{"no sync yet", `action="/apps/app5/check"`} {
		checkAnswer(t, sendRequest(h, "GET", "/apps/app5", nil), 200, want)
	}
	checkAnswer(t, sendRequest(h, "POST", "/apps/app5/add", withFields(url.Values{"select": {"new.example.com"}})), 303, "")
	checkAnswer(t, sendRequest(h, "GET", "/apps/app6", nil), 404, "No worker knows an app")
	if len(s.requests) != 1 || s.requests[0].AppID != "app5" {
		t.Errorf("the requests are %v", s.requests)
	}
}

func TestAnAppThatWasNeverSyncedIsNotCalledHealthy(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1", Pending: 2, Oldest: noon, Counts: map[tasks.State]int{tasks.Pending: 2}}, {ID: "app3", ListedAt: noon}},
		workers: []ledger.Worker{{Name: "h1/1", Apps: []string{"app1", "app2", "app3"}}}}
	h := newPages(t, s, fakeQueues{}, ada)
	for path, unsynced := range map[string]int{"/": 2, "/apps": 2, "/apps/app1": 1, "/apps/app2": 1, "/apps/app3": 0} {
		page := sendRequest(h, "GET", path, nil).Body.String()
		if n := strings.Count(page, "no sync yet"); n != unsynced {
			t.Errorf("%s says of %d apps, not %d, that they weren't synced:\n%s", path, n, unsynced, page)
		}
		if praised := strings.Contains(page, "healthy") || strings.Contains(page, "in order"); praised != (path == "/apps/app3") {
			t.Errorf("%s calls an app healthy: %v\n%s", path, praised, page)
		}
	}
}

func TestActionsThatEndedWithErrorsAreOnTheOverview(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app0", ListedAt: noon, Action: &ledger.Action{ID: "A0", Status: serverpilot.ActionSuccess}}}}
	h := newPages(t, s, fakeQueues{}, ada)
	if page := sendRequest(h, "GET", "/", nil).Body.String(); strings.Contains(page, "ended with errors") {
		t.Errorf("an action that succeeded is shown:\n%s", page)
	}
	for i := range maxNotices + 1 {
		s.apps = append(s.apps, ledger.App{ID: fmt.Sprintf("app%d", i+1), ListedAt: noon, Action: &ledger.Action{ID: "<b>", Status: serverpilot.ActionError, WrittenAt: noon}})
		s.workers = []ledger.Worker{{Name: "h1/1", Apps: []string{"app1"}}}
	}
	for _, want := range []string{"last actions of apps ended with errors", `<li><a href="/apps/app1">app1</a>, action &lt;b&gt;, for the write <time`, `<li>and <a href="/apps">1 more</a></li>`, "save the app&#39;s domains in ServerPilot once more"} {
		checkAnswer(t, sendRequest(h, "GET", "/", nil), 200, want)
	}
}

func TestOfAppsThatNeedAttentionTheWorstComesFirst(t *testing.T) {
	t.Parallel()
	var apps []ledger.App
	for i, n := range []int{0, 2, 7} {
		apps = append(apps, ledger.App{ID: fmt.Sprintf("app%d", n), Listed: 300 - i, Causes: ledger.CauseCounts{tasks.CauseDNSElsewhere: {tasks.Failed: n}}})
	}
	sortByUrgency(apps)
	if got := fmt.Sprint(apps[0].ID, apps[1].ID, apps[2].ID); got != "app7app2app0" {
		t.Errorf("the order is %s", got)
	}
}

func TestAPageThatIsNoNumberIsRefused(t *testing.T) {
	t.Parallel()
	h := newPages(t, &fakeLedger{}, fakeQueues{}, User{Role: View})
	for _, page := range []string{"0", "-1", "x"} {
		checkAnswer(t, sendRequest(h, "GET", "/apps?page="+page, nil), 400, "it takes a number from 1")
	}
}

func TestAppsAreFoundByPagingAndTyping(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{}, nil)
	for i := range 120 {
		if err := f.rdb.SAdd(t.Context(), "pilotsync:apps", fmt.Sprintf("app%03d", i)).Err(); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.ledger.Pause(t.Context(), "app077", "ada"); err != nil {
		t.Fatal(err)
	}
	b := tab{t, browsertest.New(t)}
	b.open(f.url + "/apps")
	rows := func(first string, n int) {
		t.Helper()
		b.awaitTrue(fmt.Sprintf(`document.querySelectorAll("#apps tbody tr").length === %d && document.querySelector("#apps tbody a").textContent === %q`, n, first))
	}
	rows("app077", 50)
	b.do(click(`a[rel="next"]`))
	rows("app049", 50)
	b.awaitTrue(`document.querySelector(".pager").innerText.includes("Page 2 of 3") && document.querySelector(".pager a").textContent === "First"`)
	b.awaitTrue(`document.getElementById("live").textContent === "Live"`)
	rows("app049", 50) // the live page is the same one
	b.do(click(`a[rel="next"]`))
	rows("app100", 20)
	b.awaitTrue(`!document.querySelector('a[rel="next"]')`)
	b.do(press("/"))
	b.awaitTrue(`document.activeElement.id === "q"`)
	b.do(chromedp.KeyEvent("7"))
	rows("app077", 21)
	b.awaitTrue(`document.getElementById("total").textContent === "21 apps found" && location.pathname + location.search === "/apps?q=7"`)

	// With so many apps the filter of the domains takes an id.
	b.open(f.url + "/domains")
	b.awaitTrue(`document.querySelector("#pick") && !document.querySelector('#pick input[type="checkbox"]')`)
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("#pick").open = true; undefined`), chromedp.Focus(chromedp.CSS(`#pick input`)), chromedp.KeyEvent("app077\r"))
	b.awaitTrue(`location.search === "?app=app077" && document.querySelector("#pick summary").textContent === "1 app"`)
	b.do(chromedp.Reload())
	b.awaitTrue(`document.querySelector('#pick input[type="checkbox"]')?.checked && document.querySelector("#pick input").value === "app077"`)
}
