package dashboard

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

func TestASearchIsReadFromTheURL(t *testing.T) {
	t.Parallel()
	q, err := url.ParseQuery("q=+Shop.&app=b&app=a&app=b&app=&state=done&state=failed&state=&after=failed/a/shop.example.com&cause=DNSElsewhere&snoozed=1&page=3")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseSearch(q)
	want := search{Text: "Shop.", Apps: []string{"a", "b"}, States: []tasks.State{"done", "failed"}, Cause: "DNSElsewhere", Snoozed: true,
		After: &ledger.Cursor{State: "failed", Position: ledger.Position{App: "a", Domain: "shop.example.com"}}, Page: 3}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	back, err := url.Parse(got.url(&ledger.Cursor{State: "done", Position: ledger.Position{App: "b", Domain: "x.example.com"}}))
	if err != nil {
		t.Fatal(err)
	}
	next, err := parseSearch(back.Query())
	want.After, want.Page = &ledger.Cursor{State: "done", Position: ledger.Position{App: "b", Domain: "x.example.com"}}, 4
	want.Trail = []string{"failed/a/shop.example.com"}
	if diff := cmp.Diff(want, next); err != nil || diff != "" {
		t.Errorf("the next page: %v (-want +got):\n%s", err, diff)
	}
	if first := (search{}).url(nil); first != "/domains" {
		t.Errorf("the URL of an empty search is %s", first)
	}
}

func TestAnInvalidQueryIsRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"state=nonsense", "app=a%2Fb", "cause=%3Cb%3E"} {
		q, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseSearch(q); !errors.Is(err, errBadQuery) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestASearchFindsAPartOfANameAndASite(t *testing.T) {
	t.Parallel()
	names := []string{"12monkeys.example.com", "shop.example.com", "xn--bcher-kva.example.com", "*.xn--bcher-kva.example.com"}
	for text, want := range map[string][]int{
		"": nil, "OP.ex": {1}, " https://www.shop.example.com/cart?x=1 ": {1}, "https://shop.example.com": {1}, "*.": {3}, "bücher": {2, 3}, "BÜCHER.Ex": {2, 3},
		"ücher.example.co": {2, 3}, "bu\u0308cher": {2, 3}, "xn--bcher": {2, 3}, "bcher-k": {2, 3}, "nothing": {}, "www.": {}, "12": {0}, "site:12": {}, "site:x": {}, "<script>": {},
	} {
		s := &fakeLedger{}
		for _, name := range names {
			s.views = append(s.views, ledger.View{Domain: name, AppID: "app1"})
		}
		found, err := newNameSearch(t.Context(), s, &freshness{}).among(t.Context(), nil, text)
		if err != nil {
			t.Fatal(err)
		}
		var got []int
		if found != nil {
			got = []int{}
		}
		for _, p := range found {
			got = append(got, slices.Index(names, p.Domain))
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", text, diff)
		}
	}
	for text, want := range map[string]string{"shop.example.com.": "shop.example.com", "https://shop.example.com./x": "shop.example.com", "BÜCHER.example。": "bücher.example", "shop.": "shop."} {
		if got := parseTyped(text).unicode; got != want {
			t.Errorf("%q is searched as %q; want %q", text, got, want)
		}
	}
	for text, want := range map[string]int64{"12": 12, "site: 7": 7, "SITE:7": 7, "12a": 0, "site:x": 0} {
		if got := parseTyped(text).site; got != want {
			t.Errorf("%q: site %d, want %d", text, got, want)
		}
	}
}

func TestACauseIsChosenOrTyped(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		search search
		text   string
		code   tasks.Code
	}{
		{search{Text: "cause:dnselsewhere"}, "", tasks.CauseDNSElsewhere},
		{search{Text: "cause: dns elsewhere"}, "", tasks.CauseDNSElsewhere}, // as the pages name it
		{search{Text: "shop", Cause: "CAAForbids"}, "shop", tasks.CauseCAAForbids},
		{search{Cause: noCause}, "", ""},
		{search{Cause: "OfALaterRelease"}, "", "OfALaterRelease"},
	} {
		if text, code := test.search.text(); text != test.text || code == nil || *code != test.code {
			t.Errorf("%+v: %q, %v", test.search, text, code)
		}
	}
	if text, code := (search{Text: "shop"}).text(); text != "shop" || code != nil {
		t.Errorf("without a cause: %q, %v", text, code)
	}
}

func TestInventedAppsAreNoFilters(t *testing.T) {
	t.Parallel()
	s := &fakeLedger{apps: []ledger.App{{ID: "app1", ListedAt: noon}, {ID: "invented", Pending: 1}}}
	h := newPages(t, s, fakeQueues{}, User{Role: View})
	rec := sendRequest(h, "GET", "/domains", nil)
	for _, want := range []string{`name="app" value="app1">`, "Another app's id"} {
		checkAnswer(t, rec, 200, want)
	}
	if strings.Contains(rec.Body.String(), `value="invented"`) {
		t.Error("an app that no worker has served is offered")
	}
	checkAnswer(t, sendRequest(h, "GET", "/domains?app=invented", nil), 200, `name="app" value="invented" checked>`)
}
