package dashboard

import (
	"testing"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
	"pilotsync/worker/operator"
)

func TestLongNamesLeaveRoomForWhatIsBesideThem(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{Apps: []simulator.App{{ID: "app1"}}}, nil)
	w.startWorker("app1")
	const long = "elsewhere-im-namen.mit.unterdomain.eines.müden.bücherwurms.example.com"
	ascii, err := tasks.ParseDomain(long)
	if err != nil {
		t.Fatal(err)
	}
	w.enqueue("app1", false, long, "shop.example.com")
	w.awaitState("app1", ascii, tasks.Failed)
	w.awaitState("app1", "shop.example.com", tasks.Done)
	b := tab{t, browsertest.New(t)}
	b.setWindow(1280, 900, "light")
	b.open(w.url + "/domains/app1/" + ascii)
	b.awaitTrue(`document.querySelector("#history .checks dd")`)
	const lines = `((el) => { const range = document.createRange(); range.selectNodeContents(el); return new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size; })`
	if got := b.text(`[...document.querySelectorAll("#dns tbody tr")].map((tr) => [tr.cells[1], tr.cells[4]].map(` + lines + `)).join()`); got != "1,1,1,1" {
		t.Errorf("type and address of the records take %s lines", got)
	}
	if got := b.text(`Math.min(...[...document.querySelectorAll("#history .checks dd")].map((dd) => dd.clientWidth / dd.parentElement.clientWidth))`); got < "0.4" {
		t.Errorf("the results in the history have %s of their width", got)
	}

	// Only what needs a person has a color.
	b.open(w.url + "/apps")
	b.awaitTrue(`document.querySelector("#apps .chip.done")`)
	if b.holds(`getComputedStyle(document.querySelector("#apps .chip.done")).color !== getComputedStyle(document.body).color`) {
		t.Error("the domains that are done stand out beside those in trouble")
	}

	b.open(w.url + "/apps/app1")
	b.awaitTrue(`document.querySelector(".names tbody th")`)
	if got := b.text(`[...document.querySelectorAll(".names tbody tr")].filter((tr) => tr.innerText.includes("shop")).map((tr) => ` + lines + `(tr.cells[0])).join()`); got != "1,1" {
		t.Errorf("short names take %s lines beside long ones", got)
	}
	if err := operator.New(w.rdb).Pause(t.Context(), "app1", "ada"); err != nil {
		t.Fatal(err)
	}
	b.awaitTrue(`document.querySelectorAll("#state .badge").length === 2`)
	if !b.holds(`((one, other) => other.left > one.right)(...[...document.querySelectorAll("#state .badge")].map((el) => el.getBoundingClientRect()))`) {
		t.Error("the badges of an app touch each other")
	}

	// The fields of a filter end on one line, and an open action stays within its card.
	b.open(w.url + "/audit")
	if got := b.text(`new Set([...document.querySelectorAll(".fields input")].map((el) => Math.round(el.getBoundingClientRect().top))).size`); got != "1" {
		t.Errorf("the fields of the audit begin on %s lines", got)
	}
	b.setWindow(390, 844, "light")
	b.open(w.url + "/apps/app1")
	b.do(click("#do-add summary"))
	if !b.holds(`((card, box) => box.right <= card.right - parseFloat(getComputedStyle(document.querySelector("#actions")).paddingRight) + 1)(document.querySelector("#actions").getBoundingClientRect(), document.querySelector("#do-add").getBoundingClientRect())`) {
		t.Error("the form is wider than its place in the card")
	}
	b.setWindow(320, 640, "light") // the narrowest window for which WCAG allows no scrolling in two directions
	for _, path := range []string{"/", "/domains", "/apps", "/apps/app1", "/audit"} {
		b.open(w.url + path)
		if b.holds("document.documentElement.scrollWidth > innerWidth") {
			t.Errorf("%s is %s pixels wide in a window of 320", path, b.text("document.documentElement.scrollWidth"))
		}
	}
}

func TestAnActionWithoutASelectionIsNotSent(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	w.enqueue("app1", false, "shop.example.com")
	w.startWorker("app1")
	w.awaitState("app1", "shop.example.com", tasks.Done)
	b := tab{t, browsertest.New(t)}
	b.open(w.url + "/domains")
	b.mouse(`#bulk button[value="verify"]`)
	b.awaitTrue(`document.getElementById("selected").textContent === "Select a domain first" && location.pathname === "/domains"`)
	w.enqueue("app1", false, "another.example.com") // a live update keeps what the page says
	b.awaitTrue(`document.getElementById("results").innerText.includes("another.example.com")`)
	if got := b.text(`document.getElementById("selected").textContent`); got != "Select a domain first" {
		t.Errorf("after an update the page says %q", got)
	}
	b.do(click("#select-all"))
	b.awaitTrue(`document.getElementById("selected").textContent === "All selected"`)
	w.awaitState("app1", "another.example.com", tasks.Done)
	b.mouse(`#bulk button[value="verify"]`)
	b.awaitTrue(`document.querySelector("h1")?.textContent === "Verify 2 domains"`)
}
