package dashboard

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

func TestThePagesOfASearchLeadBackAsTheyLedForward(t *testing.T) {
	t.Parallel()
	parse := func(address string) (d domainsPage) {
		u, err := url.Parse(address)
		if err == nil {
			d.search, err = parseSearch(u.Query())
		}
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	page, visited := parse("/domains?q=shop&app=app1"), []string{"/domains?app=app1&q=shop"}
	for n := range 5 {
		page.Next = &ledger.Cursor{State: tasks.Failed, Position: ledger.Position{App: "app1", Domain: fmt.Sprintf("shop%d.example.com", n)}}
		visited = append(visited, page.Following())
		page = parse(page.Following())
	}
	for n := len(visited) - 2; n >= 0; n-- {
		if got := page.Previous(); got != visited[n] {
			t.Fatalf("before page %d is %s, want %s", n+2, got, visited[n])
		}
		page = parse(page.Previous())
	}
	if got := page.Previous(); got != "" {
		t.Errorf("before the first page is %s", got)
	}
	// An address of an earlier release doesn't have the way back.
	if got := parse("/domains?after=failed/app1/shop.example.com&page=7").Previous(); got != "" {
		t.Errorf("the way back is invented: %s", got)
	}
}

func TestTheWayBackDoesntGrowWithoutLimit(t *testing.T) {
	t.Parallel()
	page := auditPage{Number: 1}
	for range 3 * maxTrail {
		page.Next = &ledger.AuditPosition{Seq: int64(1000 + page.Number), App: "app1"}
		u, err := url.Parse(page.Following())
		if err == nil {
			page, _, err = parseAudit(u.Query())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := len(page.Trail); n != maxTrail || page.Trail[n-1] != fmt.Sprintf("%d/app1", 1000+page.Number-2) {
		t.Errorf("page %d has the way back %v", page.Number, page.Trail)
	}
	q := url.Values{"via": {"", strings.Repeat("x", maxPosition+1), "1/app1"}}
	if got := parseTrail(q); len(got) != 1 || got[0] != "1/app1" {
		t.Errorf("the way back is %v", got)
	}
}

func TestAllAppsHaveAPreviousPage(t *testing.T) {
	t.Parallel()
	for number, want := range map[int]string{1: "", 2: "/apps?q=a", 3: "/apps?page=2&q=a"} {
		if got := (appsPage{Text: "a", Number: number}).Previous(); got != want {
			t.Errorf("before page %d is %q, want %q", number, got, want)
		}
	}
}

func TestAPageBehindTheLastEntryIsntCalledAnEmptyList(t *testing.T) {
	t.Parallel()
	h := newPages(t, &fakeLedger{apps: []ledger.App{{ID: "app1"}}}, fakeQueues{}, ada)
	checkAnswer(t, sendRequest(h, "GET", "/domains?after=removed/zz/zz&page=3", nil), http.StatusOK, "No domain follows any more.")
	checkAnswer(t, sendRequest(h, "GET", "/audit?after=1/a&page=3", nil), http.StatusOK, "No request follows any more.")
}
