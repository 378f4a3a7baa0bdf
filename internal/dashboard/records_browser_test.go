package dashboard

import (
	"testing"

	"github.com/chromedp/chromedp"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
)

func TestDNSRecordsCanBeCopied(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	w.startWorker("app1")
	w.enqueue("app1", false, "elsewhere-hotel.example.com", "shop.example.com")
	w.awaitState("app1", "elsewhere-hotel.example.com", tasks.Failed)
	w.awaitState("app1", "shop.example.com", tasks.Done)
	b := tab{t, browsertest.New(t)}

	b.open(w.url + "/domains/app1/elsewhere-hotel.example.com")
	want := "A|elsewhere-hotel.example.com|127.0.0.1|change (now 203.0.113.9)"
	if got := b.text(`[...document.querySelectorAll(".records tbody tr:first-child td")].map(td => (td.querySelector("code") || td).textContent).join("|")`); got != want {
		t.Errorf("the record is %q, want %q", got, want)
	}
	// A live update of the page replaces the buttons, and with them label and selection. So each
	// try clicks again.
	button := func(column string) string {
		return `document.querySelector(".records tr:first-child td:` + column + ` button")`
	}
	b.do(chromedp.Evaluate[chromedp.Void](`Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { window.copied = text; } } }); undefined`))
	b.awaitTrue(`window.copied === "127.0.0.1" && ` + button("nth-child(3)") + `.textContent.startsWith("Copied") || (` + button("nth-child(3)") + `.click(), false)`)

	// Without a clipboard API, as over plain HTTP, the value is at least selected.
	b.do(chromedp.Evaluate[chromedp.Void](`navigator.clipboard.writeText = undefined; undefined`))
	b.awaitTrue(`getSelection().toString() === "elsewhere-hotel.example.com" || (` + button("nth-child(2)") + `.click(), false)`)

	b.open(w.url + "/domains/app1/shop.example.com")
	if b.holds(`document.querySelector(".records")`) {
		t.Error("a domain whose DNS is right has records to set")
	}
}
