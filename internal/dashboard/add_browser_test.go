package dashboard

import (
	"testing"

	"github.com/chromedp/chromedp"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
)

func TestDomainsAreCheckedAndThenAdded(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	w.startWorker("app1")
	w.enqueue("app1", false, "shop.example.com") // so that the app is known
	w.awaitState("app1", "shop.example.com", tasks.Done)
	b := tab{t, browsertest.New(t)}

	b.open(w.url + "/apps/app1")
	b.do(click("#do-add summary"), chromedp.Evaluate[chromedp.Void](`document.querySelector("#domains").value =
		"new.example.com\nnodns-hotel.example.com\nNew.Example.com\n\nmy shop.example.com\n"; undefined`), click("#do-add button"))
	const results = `[...document.querySelectorAll(".checked")].map(s => s.querySelector("h2").textContent + ": " + s.querySelector(".badge").textContent).join(", ")`
	b.awaitTrue(`document.querySelector(".checked")`)
	for b.holds(`document.body.innerText.includes("No worker answered")`) { // on a busy machine
		b.do(click(".add button"))
		b.awaitTrue(`document.readyState === "complete" && document.querySelector(".checked")`)
	}
	if got := b.text(results); got != "new.example.com: OK, nodns-hotel.example.com: would not work yet" {
		t.Errorf("the results are %q", got)
	}
	if !b.holds(`document.querySelector(".notice.bad").innerText.includes("my shop.example.com")`) {
		t.Error("the line that breaks a rule isn't named")
	}
	if got := b.text(`[...document.querySelectorAll(".checked .records tbody tr")].map(tr => tr.innerText.replace(/\s*Copy.*?(?=\s|$)/g, "").replace(/\s+/g, " ")).join("; ")`); got == "" {
		t.Error("there are no records to set")
	}
	for _, window := range []struct {
		name, scheme  string
		width, height int64
	}{{"light", "light", 1280, 900}, {"dark", "dark", 1280, 900}, {"phone", "light", 390, 844}} {
		b.setWindow(window.width, window.height, window.scheme)
		if b.holds("document.documentElement.scrollWidth > innerWidth") {
			t.Errorf("the page is too wide for %s", window.name)
		}
		screenshot(t, b.ctx, "add-"+window.name)
	}
	if _, known, err := w.ledger.Domain(t.Context(), "app1", "new.example.com"); known || err != nil {
		t.Errorf("the check has added the domain: %v, %v", known, err)
	}

	b.do(click(".below-results form:first-child button"))
	b.awaitTrue(`location.search === "?asked=additions" && document.body.innerText.includes("Additions requested")`)
	w.awaitState("app1", "new.example.com", tasks.Done)
	history, err := w.ledger.History(t.Context(), "app1", "new.example.com")
	if err != nil || history[len(history)-1].Actor != "operator" {
		t.Errorf("the history is %+v, %v", history, err)
	}
	if _, known, err := w.ledger.Domain(t.Context(), "app1", "nodns-hotel.example.com"); known || err != nil {
		t.Errorf("a domain that wouldn't work was added: %v, %v", known, err)
	}
	b.setWindow(390, 844, "light")
	b.do(click("#do-add summary"))
	screenshot(t, b.ctx, "add-form-phone")
	if b.holds("document.documentElement.scrollWidth > innerWidth") {
		t.Error("the form is too wide for a phone")
	}
}
