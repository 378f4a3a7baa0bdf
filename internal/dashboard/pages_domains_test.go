package dashboard

import (
	"errors"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

func TestASearchIsReadFromTheURL(t *testing.T) {
	t.Parallel()
	q, err := url.ParseQuery("q=+Shop.&app=b&app=a&app=b&app=&state=done&state=failed&state=&after=a/shop.example.com&page=3")
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseSearch(q)
	want := search{Text: "Shop.", Apps: []string{"a", "b"}, States: []tasks.State{"done", "failed"}, After: &ledger.Position{App: "a", Domain: "shop.example.com"}, Page: 3}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	back, err := url.Parse(got.url(&ledger.Position{App: "b", Domain: "x.example.com"}))
	if err != nil {
		t.Fatal(err)
	}
	next, err := parseSearch(back.Query())
	want.After, want.Page = &ledger.Position{App: "b", Domain: "x.example.com"}, 4
	if diff := cmp.Diff(want, next); err != nil || diff != "" {
		t.Errorf("the next page: %v (-want +got):\n%s", err, diff)
	}
	if first := (search{}).url(nil); first != "/domains" {
		t.Errorf("the URL of an empty search is %s", first)
	}
}

func TestAnInvalidQueryIsRefused(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{"state=nonsense", "app=a%2Fb"} {
		q, err := url.ParseQuery(raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseSearch(q); !errors.Is(err, errBadQuery) {
			t.Errorf("%s: %v", raw, err)
		}
	}
}

func TestTypedTextBecomesANamePrefix(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"": "", "Shop.EX": "shop.ex", " https://shop.example.com/cart?x=1 ": "shop.example.com", "*.": "*.",
		"bücher.example.com": "xn--bcher-kva.example.com", "bücher.ex": "xn--bcher-kva.ex", "bücher.": "xn--bcher-kva", "xn--bch": "xn--bch",
	} {
		if got := namePrefix(typed); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}
