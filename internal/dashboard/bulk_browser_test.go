package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
)

// sizes shows the page in light, dark and on a phone, and checks that it isn't wider.
func (b tab) sizes(name string) {
	b.t.Helper()
	for _, window := range []struct {
		name, scheme  string
		width, height int64
	}{{"dark", "dark", 1280, 900}, {"phone", "light", 390, 844}, {"light", "light", 1280, 900}} {
		b.setWindow(window.width, window.height, window.scheme)
		if b.holds("document.documentElement.scrollWidth > innerWidth") {
			b.t.Errorf("%s is too wide for %s", name, window.name)
		}
		screenshot(b.t, b.ctx, name+"-"+window.name)
	}
}

func TestSelectedDomainsAreVerifiedRetriedAndRemoved(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}}, nil)
	w.startWorker("app1", "app2")
	w.enqueue("app1", false, "cafe.example.com", "elsewhere-hotel.example.com", "refused-casino.example.net", "bücher.example.com")
	w.enqueue("app2", false, "laden.example.com")
	w.awaitState("app1", "cafe.example.com", tasks.Done)
	w.awaitState("app1", "elsewhere-hotel.example.com", tasks.Failed)
	w.awaitState("app1", "refused-casino.example.net", tasks.Rejected)
	w.awaitState("app2", "laden.example.com", tasks.Done)
	b := tab{t, browsertest.New(t)}
	b.open(w.url + "/domains")
	box := func(at string) chromedp.Action[chromedp.Void] { return click(fmt.Sprintf("input[value=%q]", at)) }

	// What is selected stays selected while the page updates itself.
	b.do(box("app1/cafe.example.com"), box("app2/laden.example.com"))
	b.awaitTrue(`document.getElementById("selected").textContent === "2 selected"`)
	w.enqueue("app2", false, "another.example.com")
	b.awaitTrue(`document.getElementById("results").innerText.includes("another.example.com")`)
	b.awaitTrue(`document.querySelectorAll('input[name="select"]:checked').length === 2 && document.getElementById("select-page").indeterminate`)
	b.sizes("bulk-select")
	b.do(click(`#bulk button[value="verify"]`))
	b.awaitTrue(`document.querySelector("h1")?.textContent === "Verify 2 domains" && document.body.innerText.includes("2 of 2 processed")`)
	for app, domain := range map[string]string{"app1": "cafe.example.com", "app2": "laden.example.com"} {
		if history, err := w.ledger.History(t.Context(), app, domain); err != nil || history[0].Actor != "operator" || history[0].Attempt != 1 {
			t.Errorf("the history of %s begins with %+v, %v", domain, history[0], err)
		}
	}

	b.open(w.url + "/domains?app=app1")
	b.do(click("#select-page"))
	b.awaitTrue(`document.getElementById("selected").textContent === "4 selected"`)
	b.do(click(`#bulk button[value="retry"]`))
	b.awaitTrue(`document.querySelector("h1")?.textContent === "Retry 2 domains" && document.body.innerText.includes("2 of 2 processed")`)
	b.awaitTrue(`document.body.innerText.includes("2 of the selected domains were left out") && document.body.innerText.includes("2 need attention")`)
	b.sizes("bulk-progress")

	b.open(w.url + "/domains?app=app1&q=")
	b.do(click("#select-all"))
	b.awaitTrue(`document.getElementById("selected").textContent === "All selected"`)
	b.do(click(`#bulk button[value="remove"]`))
	b.awaitTrue(`document.querySelector("h1")?.textContent === "Remove 4 domains?" && document.querySelector("button.danger")`)
	if !b.holds(`[...document.querySelectorAll("main a")].filter((a) => a.pathname === "/domains").every((a) => a.search === "?app=app1") && document.querySelector('input[name="search"]').value === "app=app1"`) {
		t.Error("the way back from the removal loses the search:\n" + b.text(`document.querySelector("main").innerHTML`))
	}
	b.sizes("bulk-remove")
	b.do(click("button.danger"))
	b.awaitTrue(`document.body.innerText.includes("4 of 4 processed")`)
	w.awaitState("app1", "xn--bcher-kva.example.com", tasks.Removed)
	if list := w.sim.List("app1"); len(list) != 0 {
		t.Errorf("the list still has %v", list)
	}
	if len(w.sim.List("app2")) == 0 {
		t.Error("a domain of another app was removed")
	}

	// Without JavaScript it is an ordinary form.
	rec, err := http.PostForm(w.url+"/bulk", url.Values{"action": {"verify"}, "select": {"app2/laden.example.com"}})
	if err != nil {
		t.Fatal(err)
	}
	_ = rec.Body.Close()
	if !strings.HasPrefix(rec.Request.URL.Path, "/bulk/") || rec.StatusCode != http.StatusOK {
		t.Errorf("the form leads to %s with %d", rec.Request.URL, rec.StatusCode)
	}
	page := httpGet(t, rec.Request.URL.String(), "")
	if !strings.Contains(page, `<noscript><meta http-equiv="refresh" content="5">`) || !strings.Contains(page, "Verify 1 domain") {
		t.Errorf("the page without JavaScript is\n%s", page)
	}
	// A page of another site can't post it.
	foreign, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/bulk", strings.NewReader("action=remove&all=yes&confirmed=yes"))
	if err != nil {
		t.Fatal(err)
	}
	foreign.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	if rec, err = http.DefaultClient.Do(foreign); err != nil || rec.StatusCode != http.StatusForbidden {
		t.Errorf("a foreign page gets %v, %v", rec, err)
	}
	_ = rec.Body.Close()
}

func TestAPastedListIsRemovedAfterAQuestion(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	w.startWorker("app1")
	w.enqueue("app1", false, "cafe.example.com", "bücher.example.com", "stays.example.com")
	w.awaitState("app1", "cafe.example.com", tasks.Done)
	w.awaitState("app1", "xn--bcher-kva.example.com", tasks.Done)
	w.awaitState("app1", "stays.example.com", tasks.Done)
	b := tab{t, browsertest.New(t)}
	b.open(w.url + "/apps/app1")
	b.do(click("#do-remove summary"), chromedp.Evaluate[chromedp.Void](`document.getElementById("leaving").value = "Cafe.example.com\nBücher.example.com\nunknown.example.com\nno domain"; undefined`))
	b.sizes("remove-list-form")
	b.do(click("#do-remove button"))
	b.awaitTrue(`document.querySelector("h1")?.textContent === "Remove 2 domains?" && document.querySelector("button.danger")`)
	b.sizes("remove-list")
	if list := w.sim.List("app1"); len(list) != 6 {
		t.Errorf("before the answer the list is %v", list)
	}
	b.do(click("button.danger"))
	b.awaitTrue(`document.body.innerText.includes("2 of 2 processed")`)
	w.awaitState("app1", "cafe.example.com", tasks.Removed)
	w.awaitState("app1", "xn--bcher-kva.example.com", tasks.Removed)
	if list := w.sim.List("app1"); strings.Join(list, " ") != "stays.example.com www.stays.example.com" {
		t.Errorf("the list is %v", list)
	}
}

func TestAThousandDomainsAreRemovedWithProgress(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}, {ID: "app2"}}}, nil)
	for i, app := range []string{"app1", "app2"} {
		fillApp(t, w.rdb, app, i, maxBulk/2)
	}
	b := tab{t, browsertest.New(t)}
	b.open(w.url + "/domains")
	b.awaitTrue(`document.getElementById("total").textContent === "1,000 domains"`)
	b.do(click("#select-all"), click(`#bulk button[value="remove"]`))
	b.awaitTrue(`document.querySelector("h1")?.textContent === "Remove 1,000 domains?" && document.querySelector("button.danger")`)
	b.do(click("button.danger"))
	b.awaitTrue(`document.body.innerText.includes("0 of 1,000 processed, 1,000 still wait for a worker")`)
	b.sizes("bulk-thousand")
	if n := w.rdb.LLen(t.Context(), "asynq:{"+tasks.QueueDomains+"}:pending").Val(); n != maxBulk {
		t.Errorf("%d tasks wait, want %d", n, maxBulk)
	}
	w.startWorker("app1", "app2")
	b.awaitTrue(`document.body.innerText.includes("1,000 of 1,000 processed")`) // live
	w.awaitState("app2", "kunde499.app2.example.com", tasks.Removed)
}
