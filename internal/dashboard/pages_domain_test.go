package dashboard

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

func TestStepsShowADomainsProgress(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		view ledger.View
		want string
	}{
		{"requested", ledger.View{State: tasks.Pending, Pending: &listsync.Pending{}}, "done now ahead ahead"},
		{"listed", ledger.View{State: tasks.CheckingDNS}, "done done now ahead"},
		{"DNS is right", ledger.View{State: tasks.CheckingSSL}, "done done done now"},
		{"certified", ledger.View{State: tasks.Done}, "done done done done"},
		{"DNS was never right", ledger.View{State: tasks.Failed}, "done done bad ahead"},
		{"no certificate came", ledger.View{State: tasks.DoneWithoutSSL}, "done done done bad"},
		{"a wildcard can't have a certificate", ledger.View{Domain: "*.example.com", State: tasks.DoneWithoutSSL}, "done done"},
		{"refused", ledger.View{State: tasks.Rejected}, "done bad ahead ahead"},
		{"removed", ledger.View{State: tasks.Removed}, ""},
		{"removal requested", ledger.View{State: tasks.Pending, Pending: &listsync.Pending{Remove: true}}, "done now"},
	} {
		var got []string
		for _, s := range progressSteps(test.view) {
			got = append(got, s.Status)
		}
		if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestAReasonIsShownAsCauseAndRemedy(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name           string
		view           ledger.View
		trouble        *listsync.Failure
		reason, remedy string
	}{
		{"the remedy that the reason names", ledger.View{State: tasks.Failed, Reason: "example.com points to 203.0.113.9. Next: make it point here, then have it verified again (on its page, or: pilotsync verify DOMAIN)."}, nil,
			"example.com points to 203.0.113.9.", "Make it point here, then have it verified again with the button below."},
		{"the remedy with the domain's name", ledger.View{Domain: "example.com", State: tasks.Failed, Reason: "it points elsewhere. Next: make it point here, then have it verified again (on its page, or: pilotsync verify example.com)."}, nil,
			"It points elsewhere.", "Make it point here, then have it verified again with the button below."},
		{"blocked", ledger.View{State: tasks.Pending, Reason: "waits to be put on the list: no card"}, &listsync.Failure{Blocked: true},
			"Waits to be put on the list: no card.", "Fix this cause, which blocks the app. Its changes then continue automatically; none is lost."},
		{"failing", ledger.View{State: tasks.Pending, Reason: "waits"}, &listsync.Failure{}, "Waits.", "Nothing yet: syncs of the app are retried automatically, and its changes wait."},
		{"waiting", ledger.View{State: tasks.Pending, Reason: "waits"}, nil, "Waits.", "Nothing: the app's next sync processes it."},
		{"done has none", ledger.View{State: tasks.Done, Reason: "certificate valid"}, nil, "Certificate valid.", ""},
		{"no reason at all", ledger.View{State: tasks.Removed}, nil, "", ""},
		{"a reason that ends in a parenthesis", ledger.View{State: tasks.Removed, Reason: "taken off (by hand.)"}, nil, "Taken off (by hand.)", ""},
		{"a first letter of several bytes", ledger.View{State: tasks.Removed, Reason: "österreich"}, nil, "Österreich.", ""},
	} {
		reason, remedy := causeAndRemedy(test.view, test.trouble)
		if diff := cmp.Diff([]string{test.reason, test.remedy}, []string{reason, remedy}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
	for _, state := range []tasks.State{tasks.CheckingDNS, tasks.CheckingSSL, tasks.Rejected} {
		if _, remedy := causeAndRemedy(ledger.View{State: state, Reason: "x", Record: listsync.Record{Attempt: 1}}, nil); remedy == "" {
			t.Errorf("%s has no remedy", state)
		}
	}
}

func TestADomainsTaskIDsAreThoseOfTheWorker(t *testing.T) {
	t.Parallel()
	var got []string
	for _, ref := range tasksOf(ledger.View{AppID: "a", Domain: "x.example.com", Seq: 9, Record: listsync.Record{Seq: 7, CheckSeq: 7, Since: 5, Attempt: 2}}) {
		got = append(got, ref.Queue+" "+ref.ID)
	}
	if diff := cmp.Diff([]string{
		"ssl verify:a:x.example.com:7:3", "ssl verify:a:x.example.com:7:2", "ssl verify:a:x.example.com:7:1",
		"domains change:a:x.example.com:9", "domains change:a:x.example.com:7", "domains change:a:x.example.com:5",
	}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestOnlyListedDomainsAndNoWildcardsCanBeVerified(t *testing.T) {
	t.Parallel()
	for _, state := range tasks.States() {
		if got := canVerify(ledger.View{Domain: "x.example.com", State: state}); got != state.Listed() {
			t.Errorf("%s: %t", state, got)
		}
		if canVerify(ledger.View{Domain: "*.example.com", State: state}) {
			t.Errorf("a wildcard that is %s", state)
		}
	}
}

func TestCertificateExpiresWithinTwoWeeks(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for days, want := range map[int]bool{-1: true, 13: true, 15: false} {
		d := domainPage{View: ledger.View{Record: listsync.Record{Certificate: &listsync.Cert{NotAfter: now.AddDate(0, 0, days)}}}}
		if got := d.CertificateExpires(now); got != want {
			t.Errorf("in %d days: %t", days, got)
		}
	}
	if (domainPage{}).CertificateExpires(now) {
		t.Error("a domain without certificate is marked as expiring")
	}
}
