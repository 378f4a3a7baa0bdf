package dashboard

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/google/go-cmp/cmp"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
	"pilotsync/worker/ledger"
)

func TestTheAuditShowsWhoAskedForWhat(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{requested: []ledger.AuditEntry{{Seq: noon.UnixMicro(), App: "app1", Domain: "<b>.example.com", Action: "<i>", By: "<script>"},
		{Seq: noon.UnixMicro(), App: "app1", Domain: "shop.example.com", Action: "remove", SiteID: 7}}}
	h := newPages(t, s, fakeQueues{}, User{"bob", View})
	rec := sendRequest(h, "GET", "/audit?user=Ada+&app=app1&day=2026-03-01&after=9/app2&page=2", nil)
	for _, want := range []string{"&lt;b&gt;.example.com", "&lt;i&gt;", "&lt;script&gt;", "site 7", ">Remove<", `value="Ada"`, `value="2026-03-01"`, "Page 2",
		`href="/audit?after=5%2Fapp1&amp;app=app1&amp;day=2026-03-01&amp;page=3&amp;user=Ada&amp;via=9%2Fapp2"`, `<a class="button" rel="prev" href="/audit?app=app1&amp;day=2026-03-01&amp;user=Ada">Previous</a>`, "12:00 UTC"} {
		checkAnswer(t, rec, http.StatusOK, want)
	}
	day := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	if diff := cmp.Diff(ledger.AuditQuery{Actor: "Ada", App: "app1", From: day, To: day.AddDate(0, 0, 1), After: &ledger.AuditPosition{Seq: 9, App: "app2"}, Limit: auditPerPage}, s.audit); diff != "" {
		t.Errorf("the query is (-want +got):\n%s", diff)
	}
	if strings.Contains(rec.Body.String(), "<script>.") {
		t.Error("a user's name is a script")
	}
	for query, says := range map[string]string{"app=a/b": "app_id is", "day=1.3.2026": "day is &#34;1.3.2026&#34;", "after=x/app1": "after is"} {
		checkAnswer(t, sendRequest(h, "GET", "/audit?"+query, nil), http.StatusBadRequest, says)
	}
}

func TestTheAuditHasRequestsOfAllProducers(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}}, nil)
	w.startWorker("app1", "app2")
	if _, err := w.client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: "bücher.example.com", SiteID: 7},
		enqueue.Request{AppID: "app2", Domain: "laden.example.com", By: "<b>ada</b>"}); err != nil {
		t.Fatal(err)
	}
	w.awaitState("app1", "xn--bcher-kva.example.com", tasks.Done)
	w.awaitState("app2", "laden.example.com", tasks.Done)
	b := tab{t, browsertest.New(t)}
	b.open(w.url + "/domains/app2/laden.example.com")
	b.do(click("#verify button"))
	b.awaitTrue(`location.search === "?asked=verify"`)
	b.open(w.url + "/audit")
	rows := `[...document.querySelectorAll(".audit tbody tr")].map((tr) => [...tr.cells].slice(0, 4).map((td) => td.innerText).join(" ")).sort().join("; ")`
	const all = "bücher.example.com xn--bcher-kva.example.com Add site 7 app1; laden.example.com Add <b>ada</b> app2; laden.example.com Verify operator app2"
	b.awaitTrue(rows + ` === "` + all + `"`)
	b.sizes("audit")
	b.do(chromedp.Evaluate[chromedp.Void](`document.getElementById("user").value = "OPERATOR"; document.getElementById("user").dispatchEvent(new Event("change", { bubbles: true })); undefined`))
	b.awaitTrue(rows + ` === "laden.example.com Verify operator app2"`)
	b.open(w.url + "/audit?app=app1&day=" + time.Now().UTC().Format(time.DateOnly)) // the fields work without JavaScript, too
	b.awaitTrue(rows + ` === "bücher.example.com xn--bcher-kva.example.com Add site 7 app1"`)
	b.open(w.url + "/audit?day=2001-01-01")
	b.awaitTrue(`document.body.innerText.includes("No request matches.")`)
}
