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
		{"certified, but not its www form", ledger.View{State: tasks.Done, Record: listsync.Record{State: tasks.Done, Warnings: []tasks.Cause{{Code: tasks.CauseCertificateDoesNotCover}}}}, "done done done warn"},
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

func TestAClauseBecomesASentence(t *testing.T) {
	t.Parallel()
	for clause, want := range map[string]string{
		"example.com points to 203.0.113.9": "example.com points to 203.0.113.9.",
		"certificate valid":                 "Certificate valid.",
		"":                                  "",
		"taken off (by hand.)":              "Taken off (by hand.)",
		"österreich":                        "Österreich.",
		"waits: the app was paused":         "Waits: the app was paused.",
		"https://a.example: no answer":      "https://a.example: no answer.",
	} {
		if got := sentence(clause); got != want {
			t.Errorf("%q became %q, want %q", clause, got, want)
		}
	}
}

func TestADomainThatDoesNotWorkShowsItsNextCheck(t *testing.T) {
	t.Parallel()
	attempt, recheck := time.Unix(100, 0), time.Unix(200, 0)
	for _, test := range []struct {
		name string
		view ledger.View
		want *time.Time
	}{
		{"checking", ledger.View{State: tasks.CheckingDNS, Record: listsync.Record{NextAttemptAt: &attempt}}, &attempt},
		{"failed", ledger.View{State: tasks.Failed, Record: listsync.Record{RecheckAt: &recheck}}, &recheck},
		{"done", ledger.View{State: tasks.Done, Record: listsync.Record{RecheckAt: &recheck}}, &recheck},
		{"pending", ledger.View{State: tasks.Pending, Pending: &listsync.Pending{}, Record: listsync.Record{RecheckAt: &recheck}}, nil},
	} {
		if got := test.view.NextCheck(); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
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

func TestCertificateExpiresInItsLastQuarter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		lifetime, left int // days; a lifetime of 0 isn't known
		want           bool
	}{
		{90, -1, true}, {90, 22, true}, {90, 23, false}, {64, 16, true}, {64, 17, false}, {45, 11, true}, {45, 12, false},
		{6, 1, true}, {6, 2, false}, {0, 22, true}, {0, 23, false},
	} {
		cert := listsync.Cert{NotAfter: now.AddDate(0, 0, c.left)}
		if c.lifetime > 0 {
			cert.NotBefore = cert.NotAfter.AddDate(0, 0, -c.lifetime)
		}
		d := domainPage{View: ledger.View{Record: listsync.Record{Certificate: &cert}}}
		if got := d.CertificateExpires(now); got != c.want {
			t.Errorf("%d of %d days are left: %t", c.left, c.lifetime, got)
		}
	}
	if (domainPage{}).CertificateExpires(now) {
		t.Error("a domain without certificate is marked as expiring")
	}
}

// A certificate for other names, or one that browsers refuse, has neither green nor a tick.
func TestACertificateThatDoesNotMatchNeverLooksGood(t *testing.T) {
	t.Parallel()
	cert := &listsync.Cert{Issuer: "Let's Encrypt", NotAfter: noon.AddDate(0, 0, 80), NotBefore: noon.AddDate(0, 0, -10)}
	wrong := tasks.Cause{Code: tasks.CauseCertificateWrongName, Params: tasks.Params{Name: "www.shop.example.com"}}
	for _, record := range []listsync.Record{
		{Domain: "shop.example.com", State: tasks.DoneWithoutSSL, Cause: wrong, Certificate: cert},
		{Domain: "shop.example.com", State: tasks.CheckingSSL, Cause: wrong, Certificate: cert},
		{Domain: "shop.example.com", State: tasks.Failed, Cause: tasks.Cause{Code: tasks.CauseOtherSite, Params: tasks.Params{Name: "shop.example.com", Provider: "Cloudflare"}}, Certificate: cert},
		{Domain: "shop.example.com", State: tasks.Done, Cause: tasks.Cause{Code: tasks.CauseWorks}, Warnings: []tasks.Cause{wrong}, Certificate: cert},
	} {
		record.Names = []string{"shop.example.com", "www.shop.example.com"}
		view := ledger.View{AppID: "app1", Domain: record.Domain, Names: record.Names, State: record.State, Cause: record.Cause, Reason: record.Reason(), Record: record}
		h := newPages(t, &fakeLedger{apps: []ledger.App{{ID: "app1"}}, views: []ledger.View{view}}, fakeQueues{}, User{Role: Act})
		page := sendRequest(h, "GET", "/domains/app1/shop.example.com", nil).Body.String()
		if strings.Contains(page, `card reason done"`) || strings.Contains(page, `<li class="done"><span class="mark" aria-hidden="true"></span><span>Certificate`) {
			t.Errorf("%s looks good:\n%s", record.State, page)
		}
		if record.State == tasks.Done {
			if !(appPage{Names: []listedName{{Name: record.Domain, View: &view}}}).Warned() {
				t.Error("its app looks healthy")
			}
			for _, path := range []string{"/domains/app1/shop.example.com", "/domains", "/"} {
				rec := sendRequest(h, "GET", path, nil)
				checkAnswer(t, rec, 200, `<span class="badge pending" title="done">Done, with a problem</span>`)
				if strings.Contains(rec.Body.String(), `class="badge done"`) {
					t.Errorf("%s has a green badge:\n%s", path, rec.Body)
				}
			}
			continue
		}
		want := "none that browsers accept"
		if record.State == tasks.Failed { // browsers accept the other site's
			want = "visitors may see another site"
		}
		checkAnswer(t, sendRequest(h, "GET", "/domains/app1/shop.example.com", nil), 200, `<span class="badtext">`+want+"</span><br>last seen: Let&#39;s Encrypt")
	}
}
