package dashboard

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/browsertest"
)

// recordRows are the rows of the records' table: sign and status, type, name, value, found.
const recordRows = `[...document.querySelectorAll("#dns tbody tr")].map(tr => [...tr.cells].map(td => (td.querySelector("code") || td).textContent.trim()).join("|")).join("\n")`

func TestADomainsPageStartsWithItsDNSRecords(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	w.startWorker("app1")
	domains := map[string]tasks.State{"elsewhere-hotel.example.com": tasks.Failed, "shop.example.com": tasks.Done, "nodns-bücher.example.com": tasks.Failed, "nocert-fado.example.com": tasks.DoneWithoutSSL}
	for domain, state := range domains {
		w.enqueue("app1", false, domain)
		name, err := tasks.ParseDomain(domain)
		if err != nil {
			t.Fatal(err)
		}
		w.awaitState("app1", name, state)
	}
	b := tab{t, browsertest.New(t)}
	for _, test := range []struct{ domain, want string }{
		{"elsewhere-hotel.example.com", "✗ wrong|A|elsewhere-hotel.example.com|127.0.0.1|203.0.113.9\n✗ wrong|CNAME|www.elsewhere-hotel.example.com|elsewhere-hotel.example.com|203.0.113.9"},
		{"xn--nodns-bcher-zhb.example.com", "✗ missing|A|xn--nodns-bcher-zhb.example.com|127.0.0.1|nothing\n✗ missing|CNAME|www.xn--nodns-bcher-zhb.example.com|xn--nodns-bcher-zhb.example.com|nothing"},
		{"shop.example.com", "✓ right|A|shop.example.com|127.0.0.1|127.0.0.1\n✓ right|CNAME|www.shop.example.com|shop.example.com|127.0.0.1"},
		{"nocert-fado.example.com", "✓ right|A|nocert-fado.example.com|127.0.0.1|127.0.0.1\n✓ right|CNAME|www.nocert-fado.example.com|nocert-fado.example.com|127.0.0.1"},
	} {
		b.open(w.url + "/domains/app1/" + test.domain)
		if got := b.text(recordRows); got != test.want {
			t.Errorf("the records of %s are\n%s\nwant\n%s", test.domain, got, test.want)
		}
		if !b.holds(`document.querySelector("main .card").contains(document.querySelector("#dns table"))`) {
			t.Errorf("the page of %s doesn't start with the records", test.domain)
		}
		if got := b.text(`document.querySelector("#next").innerText`); !strings.HasPrefix(got, "Next check in ") || !strings.HasSuffix(got, " UTC") {
			t.Errorf("the next check of %s is %q", test.domain, got)
		}
		for _, window := range []struct{ width, height int64 }{{1280, 900}, {390, 844}} {
			b.setWindow(window.width, window.height, "light")
			if !b.holds(`(r => r.top >= 0 && r.bottom <= innerHeight && r.width > 0)(document.querySelector("#verify button").getBoundingClientRect())`) {
				t.Errorf("%s: the button to verify is below the fold of %dx%d", test.domain, window.width, window.height)
			}
		}
	}
}

func TestDNSRecordsCanBeCopied(t *testing.T) {
	t.Parallel()
	w := newFixture(t, simulator.Options{}, nil)
	w.startWorker("app1")
	w.enqueue("app1", false, "elsewhere-hotel.example.com")
	w.awaitState("app1", "elsewhere-hotel.example.com", tasks.Failed)
	b := tab{t, browsertest.New(t)}
	b.open(w.url + "/domains/app1/elsewhere-hotel.example.com")
	// A live update of the page replaces the buttons, and with them label and selection. So each
	// try clicks again.
	button := func(column string) string {
		return `document.querySelector(".records tbody tr:first-child td:` + column + ` button")`
	}
	b.do(chromedp.Evaluate[chromedp.Void](`Object.defineProperty(navigator, "clipboard", { value: { writeText: async (text) => { window.copied = text; } } }); undefined`))
	b.awaitTrue(`window.copied === "127.0.0.1" && ` + button("nth-child(4)") + `.textContent.startsWith("Copied") || (` + button("nth-child(4)") + `.click(), false)`)

	const whole = `document.querySelector("[data-copy=customer-text]")`
	b.awaitTrue(`window.copied?.startsWith("Please change") || (` + whole + `.click(), false)`)
	want := `Please change these DNS records of elsewhere-hotel.example.com at your DNS provider:

Change the A record
  Name:  elsewhere-hotel.example.com
  Value: 127.0.0.1
  Now:   203.0.113.9

Change the CNAME record
  Name:  www.elsewhere-hotel.example.com
  Value: elsewhere-hotel.example.com
  Now:   203.0.113.9

Leave the other records as they are. The domain is then checked again automatically.
`
	if got := b.text("window.copied"); got != want {
		t.Errorf("the text for the customer is\n%s\nwant\n%s", got, want)
	}

	// Without a clipboard API, as over plain HTTP, the text is selected.
	b.do(chromedp.Evaluate[chromedp.Void](`navigator.clipboard.writeText = undefined; undefined`))
	b.awaitTrue(`getSelection().toString() === "elsewhere-hotel.example.com" || (` + button("nth-child(3)") + `.click(), false)`)
	b.awaitTrue(`getSelection().toString().startsWith("Please change") || (` + whole + `.click(), false)`)

	// A real click also copies it there.
	b.do(chromedp.Evaluate[chromedp.Void](`getSelection().empty();
		document.addEventListener("copy", () => { window.copying = getSelection().toString(); });
		const exec = document.execCommand.bind(document);
		document.execCommand = (command) => window.executed = exec(command); undefined`))
	b.mouse(`[data-copy=customer-text]`)
	b.awaitTrue(`window.executed && window.copying?.startsWith("Please change")`)
}
