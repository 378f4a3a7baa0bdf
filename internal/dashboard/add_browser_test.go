package dashboard

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
)

// checkResults are the names of a check with their results, as a script's expression.
const checkResults = `[...document.querySelectorAll(".checked")].map(s => s.querySelector("b").innerText + ": " + s.querySelector(".badge").textContent + (s.querySelector("input").checked ? " ☑" : "")).join(", ")`

func TestDomainsAreCheckedAndThenAdded(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	w.startWorker("app1")
	w.enqueue("app1", false, "shop.example.com") // so that the app is known
	w.awaitState("app1", "shop.example.com", tasks.Done)
	b := tab{t, browsertest.New(t)}

	b.open(w.url + "/apps/app1")
	b.do(click("#do-add summary"), chromedp.Evaluate[chromedp.Void](`document.querySelector("#domains").value =
		"new.example.com\nnodns-hotel.example.com\nNew.Example.com\n\nbücher.example.com\nmy shop.example.com\n"; undefined`), click("#do-add button"))
	b.awaitTrue(`document.querySelector(".checked input")`)
	for b.holds(`document.body.innerText.includes("not checked")`) { // on a busy machine
		b.do(click(".add button"))
		b.awaitTrue(`document.readyState === "complete" && document.querySelector(".checked input")`)
	}
	if got := b.text(checkResults); got != "nodns-hotel.example.com: would not work yet, new.example.com: OK ☑, bücher.example.com xn--bcher-kva.example.com: OK ☑" {
		t.Errorf("the results are %q", got)
	}
	if !b.holds(`document.querySelector(".notice.bad").innerText.includes("my shop.example.com")`) {
		t.Error("the line that breaks a rule isn't named")
	}
	if got := b.text(`[...document.querySelectorAll(".checked .records tbody tr")].map(tr => tr.innerText.replace(/\s*Copy.*?(?=\s|$)/g, "").replace(/\s+/g, " ")).join("; ")`); got == "" {
		t.Error("there are no records to set")
	}
	b.sizes("add")
	for _, domain := range []string{"new.example.com", "nodns-hotel.example.com"} {
		if _, known, err := w.ledger.Domain(t.Context(), "app1", domain); known || err != nil {
			t.Errorf("the check has added %s: %v, %v", domain, known, err)
		}
	}

	// Those that a person leaves selected are added.
	b.do(click(`[value="nodns-hotel.example.com"]`), click(`[value="new.example.com"]`))
	b.awaitTrue(`document.getElementById("selected").textContent === "2 selected"`)
	b.do(click("#adding button.primary"))
	b.awaitTrue(`document.querySelector("h1")?.textContent === "Add 2 domains" && document.body.innerText.includes("2 of 2 processed")`)
	w.awaitState("app1", "xn--bcher-kva.example.com", tasks.Done)
	history, err := w.ledger.History(t.Context(), "app1", "nodns-hotel.example.com")
	if err != nil || history[len(history)-1].Actor != "operator" {
		t.Errorf("the history is %+v, %v", history, err)
	}
	if _, known, err := w.ledger.Domain(t.Context(), "app1", "new.example.com"); known || err != nil {
		t.Errorf("a domain that wasn't selected was added: %v, %v", known, err)
	}
}

func TestAFileOfDomainsIsCheckedAndAdded(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	w.startWorker("app1")
	w.enqueue("app1", false, "shop.example.com")
	w.awaitState("app1", "shop.example.com", tasks.Done)
	b := tab{t, browsertest.New(t, "422 (Unprocessable Entity)")}
	choose := func(content string) chromedp.Action[chromedp.Void] {
		return chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`{
			const chosen = new DataTransfer();
			chosen.items.add(new File([%q], "names.txt", { type: "text/plain" }));
			document.getElementById("file").files = chosen.files;
			document.getElementById("domains").value = "typed.example.com";
		} undefined`, content))
	}

	// A file that is too long is refused, and nothing is lost.
	b.open(w.url + "/apps/app1")
	b.do(click("#do-add summary"), choose(strings.Join(manyNames(maxAdded), "\n")), click("#do-add button"))
	b.awaitTrue(`document.querySelector('[role="alert"]')?.innerText.includes("1,001 domains, and the form takes 1,000 at once")`)
	if n := b.text(`document.getElementById("domains").value.split("\n").length`); n != "1001" {
		t.Errorf("the form comes back with %s lines", n)
	}
	b.sizes("add-refused")

	b.open(w.url + "/apps/app1")
	b.do(click("#do-add summary"), choose("\uFEFF# from the agency\r\n"+strings.Join(manyNames(99), "\r\n")+"\r\nno domain\r\n"), click("#do-add button"))
	b.awaitTrue(`document.querySelector("#run progress") || document.querySelector(".checked input")`)
	b.sizes("add-progress")
	b.awaitTrue(`document.querySelector(".checked input")`) // live
	for b.holds(`document.body.innerText.includes("not checked")`) {
		b.do(click(".add button"))
		b.awaitTrue(`document.readyState === "complete" && document.querySelector(".checked input")`)
	}
	b.awaitTrue(`document.getElementById("selected").textContent === "100 selected"`)
	if !b.holds(`document.querySelector(".notice.bad").innerText.includes("line 102")`) {
		t.Error("the line that breaks a rule isn't named")
	}
	b.do(click("#adding button.primary"))
	b.awaitTrue(`document.querySelector("h1")?.textContent === "Add 100 domains"`)
	w.awaitState("app1", "n98.example.com", tasks.Done)
	w.awaitState("app1", "typed.example.com", tasks.Done)
}

func TestAFormWithoutAWorkerIsNotLost(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	fillApp(t, w.rdb, "app1", 0, 1)
	b := tab{t, browsertest.New(t, "503 (Service Unavailable)")}
	b.open(w.url + "/apps/app1")
	b.do(click("#do-add summary"), chromedp.Evaluate[chromedp.Void](`document.querySelector("#domains").value = "a.example.com\nb.example.com"; undefined`), click("#do-add button"))
	b.awaitTrue(`document.body.innerText.includes("No worker answered in time for 2")`)
	b.sizes("add-no-worker")
	if got := b.text(checkResults); got != "a.example.com: not checked, b.example.com: not checked" {
		t.Errorf("the results are %q", got)
	}
	w.redis.Stop()
	b.do(click(".add button"))
	b.awaitTrue(`document.querySelector('[role="alert"]')?.innerText.includes("nothing was checked")`)
	if got := b.text(`document.getElementById("domains").value`); got != "a.example.com\nb.example.com" {
		t.Errorf("the form comes back with %q", got)
	}
}
