package dashboard

import (
	"strings"
	"testing"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

func TestRelativeTimesUseTheLargestUnit(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for away, want := range map[time.Duration]string{
		0: "just now", time.Second: "just now", -1999 * time.Millisecond: "just now", -2 * time.Second: "2 s ago", -59 * time.Second: "59 s ago",
		-time.Minute: "1 min ago", 90 * time.Minute: "in 1 h", -47 * time.Hour: "1 day ago", 48 * time.Hour: "in 2 days", 90 * 24 * time.Hour: "in 90 days",
	} {
		if got := (moment{now.Add(away), now}).Relative(); got != want {
			t.Errorf("%s: %q, want %q", away, got, want)
		}
	}
	m := moment{now.In(time.FixedZone("", 3600)), now}
	if m.RFC3339() != "2026-03-01T12:00:00Z" || m.Full() != "2026-03-01 12:00:00 UTC" {
		t.Errorf("%s, %s", m.RFC3339(), m.Full())
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 50000: "50,000", 1234567: "1,234,567", -1000: "-1,000", -100: "-100"} {
		if got := formatNumber(n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
}

func TestInternationalNamesAreShownInUnicode(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"xn--bcher-kva.example.com": "bücher.example.com", "*.xn--bcher-kva.example.com": "*.bücher.example.com",
		"shop.example.com": "", "xn--999999999.example.com": "",
	} {
		if got := tasks.UnicodeName(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestEveryStateHasALabel(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, s := range tasks.States() {
		if word := s.Name(); word == string(s) || seen[word] {
			t.Errorf("%s has the label %q", s, word)
		} else {
			seen[word] = true
		}
	}
}

func TestTextsShowInternationalNamesInUnicode(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"nodns.xn--9dbne9b.co.il has no A record":           "nodns.שלום.co.il (nodns.xn--9dbne9b.co.il) has no A record",
		"Point it to xn--bcher-kva.example.":                "Point it to bücher.example (xn--bcher-kva.example).",
		"shop.example.com, xn--99999999.example":            "shop.example.com, xn--99999999.example",
		"run: pilotsync enqueue add xn--bcher-kva.example.": "run: pilotsync enqueue add xn--bcher-kva.example.",
	} {
		if got := withUnicode(text); got != want {
			t.Errorf("%q is shown as %q; want %q", text, got, want)
		}
	}
}

func TestReasonAndRemedyShowTheUnicodeForm(t *testing.T) {
	t.Parallel()
	const domain = "xn--bcher-kva.example"
	view := viewWith(tasks.Failed, tasks.SeenName{}, tasks.Cause{Code: tasks.CauseDNSMissing})
	view.Domain, view.Names, view.Record.Cause.Params.Name = domain, []string{domain}, domain
	view.Reason = domain + " has no A or AAAA record in DNS"
	h := newPages(t, &fakeLedger{views: []ledger.View{view}}, fakeQueues{}, User{Role: View})
	page := sendRequest(h, "GET", "/domains/app1/"+domain, nil).Body.String()
	for _, want := range []string{`<p class="what">bücher.example (xn--bcher-kva.example) has no A`, "<b>What to do:</b> Create an address record of bücher.example (xn--bcher-kva.example)"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q:\n%s", want, page)
		}
	}
}
