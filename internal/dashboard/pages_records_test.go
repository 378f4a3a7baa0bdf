package dashboard

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// viewWith is a domain with what the last check saw of it.
func viewWith(state tasks.State, seen tasks.SeenName, cause tasks.Cause) ledger.View {
	const domain = "shop.example.com"
	seen.Name, cause.Params.Name = domain, domain
	return ledger.View{AppID: "app1", Domain: domain, State: state, Names: []string{domain}, Record: listsync.Record{Domain: domain, State: state, Cause: cause,
		DNS: &tasks.SeenDNS{Expected: []string{"198.51.100.4"}, Names: []tasks.SeenName{seen}}}}
}

func TestTheTextForTheCustomerSaysOnlyWhatIsTrue(t *testing.T) {
	t.Parallel()
	const checked = "The domain is then checked again automatically.\n"
	const unchanged = "As far as is known, nothing has to be changed in the DNS of shop.example.com.\n\n"
	proxy := tasks.SeenName{Has: []string{"203.0.113.9"}, Provider: "Relay"}
	unanswered, here := tasks.SeenName{NoAnswer: true}, tasks.SeenName{Has: []string{"198.51.100.4"}}
	elsewhere := tasks.Cause{Code: tasks.CauseDNSElsewhere, Params: tasks.Params{Found: []string{"203.0.113.9"}, Expected: []string{"198.51.100.4"}}}
	both := viewWith(tasks.Failed, tasks.SeenName{Has: []string{"203.0.113.9"}}, elsewhere)
	both.Record.Warnings = []tasks.Cause{{Code: tasks.CauseDNSSECBogus, Params: tasks.Params{Name: "www.shop.example.com"}}}
	for _, test := range []struct {
		name          string
		view          ledger.View
		summary, text string
	}{
		{"wrong signatures", viewWith(tasks.Failed, unanswered, tasks.Cause{Code: tasks.CauseDNSSECBogus}), "1 problem to repair",
			"Please repair this problem of shop.example.com:\n\nThe DNSSEC signatures of shop.example.com are wrong, so many resolvers refuse its records. Repair the signatures of the zone, or delete its DS record at the registrar.\n\n" + checked},
		{"no answer", viewWith(tasks.Failed, unanswered, tasks.Cause{Code: tasks.CauseDNSUnknown}), "1 problem to repair",
			"Please repair this problem of shop.example.com:\n\nThe DNS lookup of shop.example.com failed, which doesn't mean that its records are wrong. If it lasts, check that the domain's name servers answer.\n\n" + checked},
		{"another site behind a proxy", viewWith(tasks.DoneWithoutSSL, proxy, tasks.Cause{Code: tasks.CauseOtherSite, Params: tasks.Params{Provider: "Relay", Expected: []string{"198.51.100.4"}}}), "1 problem to repair",
			"Please repair this problem of shop.example.com:\n\nshop.example.com is behind Relay, and the site that answers there isn't of this network. In the proxy's settings, set the origin of shop.example.com to the app's server, 198.51.100.4.\n\n" + checked},
		{"wrong records", viewWith(tasks.Failed, tasks.SeenName{Has: []string{"203.0.113.9"}}, elsewhere), "1 of 1 to change",
			"Please change these DNS records of shop.example.com at your DNS provider:\n\nChange the A record\n  Name:  shop.example.com\n  Value: 198.51.100.4\n  Now:   203.0.113.9\n\nLeave the other records as they are. " + checked},
		{"a wrong record, and wrong signatures", both, "1 of 1 to change, 1 problem to repair",
			"Please change these DNS records of shop.example.com at your DNS provider:\n\nChange the A record\n  Name:  shop.example.com\n  Value: 198.51.100.4\n  Now:   203.0.113.9\n\nLeave the other records as they are. Please also repair this problem of shop.example.com:\n\nThe DNSSEC signatures of www.shop.example.com are wrong, so many resolvers refuse its records. Repair the signatures of the zone, or delete its DS record at the registrar.\n\n" + checked},
		{"a problem of the operator", viewWith(tasks.DoneWithoutSSL, here, tasks.Cause{Code: tasks.CauseAutoSSLOff}), "all right", unchanged + "shop.example.com points to the server: 198.51.100.4.\n"},
		{"a proxy that works", viewWith(tasks.Done, proxy, tasks.Cause{Code: tasks.CauseWorks}), "nothing to change", unchanged + "shop.example.com is behind a proxy: 203.0.113.9.\n"},
		{"not looked up", viewWith(tasks.CheckingDNS, unanswered, tasks.Cause{Code: tasks.CauseWaitsToBeListed}), "not all known", unchanged + "What shop.example.com points to isn't known.\n"},
	} {
		d := recordsOf(test.view)
		if diff := cmp.Diff(test.summary+"\n"+test.text, d.Summary()+"\n"+d.CustomerText()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestOwnersAreAskedEvenIfNoRecordIsKnown(t *testing.T) {
	t.Parallel()
	view := viewWith(tasks.Failed, tasks.SeenName{}, tasks.Cause{Code: tasks.CauseDNSSECBogus})
	view.Record.DNS = nil
	h := newPages(t, &fakeLedger{views: []ledger.View{view}}, fakeQueues{}, User{Role: View})
	page := sendRequest(h, "GET", "/domains/app1/shop.example.com", nil).Body.String()
	if !strings.Contains(page, "Please repair this problem of shop.example.com") || strings.Contains(page, "table class=\"list records\"") {
		t.Errorf("got %s", page)
	}
}

func TestNamesAreWrittenFromLeftToRight(t *testing.T) {
	t.Parallel()
	const domain = "xn--9dbne9b.co.il"
	view := viewWith(tasks.Done, tasks.SeenName{}, tasks.Cause{Code: tasks.CauseWorks})
	view.Domain, view.Names, view.Record.DNS.Names = domain, []string{domain}, []tasks.SeenName{{Name: domain, Has: []string{"198.51.100.4"}}}
	h := newPages(t, &fakeLedger{views: []ledger.View{view}}, fakeQueues{}, User{Role: View})
	for path, want := range map[string]int{"/domains/app1/" + domain: 3, "/domains": 1} { // heading, records and facts; the list
		page := sendRequest(h, "GET", path, nil).Body.String()
		if got := strings.Count(page, `<bdi dir="ltr">שלום.co.il</bdi>`); got != want || strings.Contains(page, "<bdi>") {
			t.Errorf("%s has the name %d times from left to right; want %d", path, got, want)
		}
	}
}
