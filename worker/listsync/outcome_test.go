package listsync

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
)

// outcome makes a world's plan true and returns what it said of a domain.
func outcome(t *testing.T, f *fixture, domain string) Outcome {
	t.Helper()
	for _, o := range f.sync().Outcomes {
		if o.Record.Domain == domain {
			o.Record.Version = ""
			return o
		}
	}
	t.Fatalf("the plan says nothing of %s", domain)
	return Outcome{}
}

// finishVerification makes the domain's verification end well, as one that took two attempts.
func (f *fixture) finishVerification(domain string) {
	f.verified(domain, func(r *Record) {
		r.State, r.Attempt, r.SeenPointing, r.Reason = tasks.Done, 2, true, "fine"
		r.Certificate, r.AttemptAt = &Cert{Issuer: "R11", NotAfter: start}, &start
	})
}

func TestANewDomainIsListedAndItsVerificationStarts(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.record(Pending{Change: tasks.Change{AppID: app, Domain: "a.com", Seq: 7, SiteID: 3, RequestedAt: start}})
	f.advance(time.Minute)
	want := Outcome{
		Record: Record{Domain: "a.com", Seq: 7, Wanted: true, Since: 7, WWW: tasks.WWWAlways, SiteID: 3, State: tasks.CheckingDNS,
			Names: []string{"a.com", "www.a.com"}, Reason: "put on the list; DNS and the certificate are checked next",
			CheckSeq: 7, RequestedAt: start, UpdatedAt: start.Add(time.Minute)},
		Entry: "put on the list", Verify: true, Notify: true,
	}
	if diff := cmp.Diff(want, outcome(t, f, "a.com")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAskingAgainKeepsStateAttemptCertificateAndSite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		tell  func(*fixture)
		event string
	}{
		{"as it stands", func(*fixture) {}, "asked for again: nothing changed"},
		{"with its www form taken off", func(f *fixture) { f.list = []string{"a.com"} }, "asked for again: put back www.a.com"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.record(Pending{Change: tasks.Change{AppID: app, Domain: "a.com", Seq: f.next(), SiteID: 3, RequestedAt: start}})
			f.sync()
			f.finishVerification("a.com")
			c.tell(f)
			want := f.records["a.com"]
			want.Version, want.Seq, want.AddSeq = "", 2, 2
			f.add("a.com", "")
			got := outcome(t, f, "a.com")
			if diff := cmp.Diff(Outcome{Record: want, Entry: c.event, Notify: true, AlreadyListed: true}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatStartsTheVerificationAnew(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		tell     func(*fixture)
		restarts bool
	}{
		{"asking again doesn't", func(f *fixture) { f.add("a.com", "") }, false},
		{"a new www form does", func(f *fixture) { f.add("a.com", tasks.WWWAlways) }, true},
		{"removing and adding does", func(f *fixture) { f.remove("a.com"); f.sync(); f.add("a.com", "") }, true},
		{"removing and adding does, even if no sync came between", func(f *fixture) { f.remove("a.com"); f.add("a.com", "") }, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.rules.WWW = tasks.WWWNever
			f.add("a.com", "")
			f.sync()
			f.finishVerification("a.com")
			f.verified("a.com", func(r *Record) { r.Problems = []tasks.Problem{{Name: "www.a.com", Cause: tasks.CauseDNSMissing}} })
			c.tell(f)
			o := outcome(t, f, "a.com")
			r := o.Record
			if (r.Problems == nil) != c.restarts {
				t.Errorf("the problems are %v", r.Problems)
			}
			if o.Verify != c.restarts || c.restarts != (r.State == tasks.CheckingDNS) {
				t.Fatalf("verified %v, state %s", o.Verify, r.State)
			}
			if c.restarts && (r.Attempt != 0 || r.Certificate != nil || r.SeenPointing || r.AttemptAt != nil || r.CheckSeq != r.Seq) {
				t.Errorf("something of the last verification is left: %+v", r)
			}
			if !c.restarts && (r.Attempt != 2 || r.Certificate == nil || r.CheckSeq != 1) {
				t.Errorf("something of the verification was lost: %+v", r)
			}
		})
	}
}

func TestAWWWFormThatGoesStartsNoVerification(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.add("a.com", "")
	f.sync()
	f.finishVerification("a.com")
	f.remove("www.a.com")
	o := outcome(t, f, "a.com")
	if o.Verify || o.Notify || o.Record.State != tasks.Done || o.Entry != "its names on the list are now a.com" {
		t.Errorf("got %+v", o)
	}
}

func TestANamePutBackIsToldInTheHistoryAndNowhereElse(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.add("a.com", "")
	f.sync()
	f.finishVerification("a.com")
	f.list = []string{"www.a.com"}
	o := outcome(t, f, "a.com")
	if o.Verify || o.Notify || o.Record.State != tasks.Done || o.Entry != "put back a.com" {
		t.Errorf("got %+v", o)
	}
}

// What support reads has to be right word by word.
func TestEachOutcomeSaysWhatHappened(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		on     *fixture
		tell   func(*fixture)
		domain string
		state  tasks.State
		reason string
	}{
		{"put on", newFixture(), func(f *fixture) { f.add("a.com", "") }, "a.com", tasks.CheckingDNS,
			"put on the list; DNS and the certificate are checked next"},
		{"there already", newFixture("A.com", "www.a.com"), func(f *fixture) { f.add("a.com", "") }, "a.com", tasks.CheckingDNS,
			"was on the list already; DNS and the certificate are checked next"},
		{"a wildcard", newFixture(), func(f *fixture) { f.add("*.a.com", "") }, "*.a.com", tasks.DoneWithoutSSL,
			"put on the list; a wildcard gets no certificate: Let's Encrypt can't certify one over HTTP, which is how ServerPilot gets its certificates. For HTTPS add each subdomain by its own name"},
		{"taken off", newFixture("A.com"), func(f *fixture) { f.remove("a.com") }, "a.com", tasks.Removed, "taken off the list"},
		{"not there", newFixture(), func(f *fixture) { f.remove("a.com") }, "a.com", tasks.Removed, "was not on the list"},
		{"still claimed", newFixture(), func(f *fixture) { f.add("www.a.com", ""); f.sync(); f.remove("www.a.com"); f.add("a.com", "") },
			"www.a.com", tasks.Removed, "no longer mapped by itself; the name stays on the list for a.com"},
		{"no room", full(299), func(f *fixture) { f.add("a.com", "") }, "a.com", tasks.Rejected,
			"the app's list holds 299 names of at most 300; a.com would need 2 more"},
		{"protected", newFixture("a.com"), func(f *fixture) { f.rules.Protected = []string{"a.com"}; f.remove("a.com") }, "a.com", tasks.Rejected,
			"a.com is protected (PILOTSYNC_PROTECTED): it is never taken off the list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.tell(c.on)
			o := outcome(t, c.on, c.domain)
			if o.Record.State != c.state || o.Record.Reason != c.reason {
				t.Errorf("got  %s: %s\nwant %s: %s", o.Record.State, o.Record.Reason, c.state, c.reason)
			}
			if !o.Notify || o.Verify != (c.state == tasks.CheckingDNS) {
				t.Errorf("told %v, verified %v", o.Notify, o.Verify)
			}
		})
	}
}

func TestARemovedDomainKeepsNothingThatGoesOn(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.record(Pending{Change: tasks.Change{AppID: app, Domain: "a.com", Seq: f.next(), SiteID: 3, RequestedAt: start}})
	f.sync()
	f.verified("a.com", func(r *Record) {
		r.NextAttemptAt, r.Problems = &start, []tasks.Problem{{Name: "a.com", Cause: tasks.CauseDNSMissing}}
	})
	f.remove("a.com")
	r := outcome(t, f, "a.com").Record
	if r.Wanted || r.Since != 0 || r.CheckSeq != 0 || r.NextAttemptAt != nil || r.Problems != nil {
		t.Errorf("something goes on: %+v", r)
	}
	if r.SiteID != 3 || r.Seq != 2 {
		t.Errorf("site %d, order number %d; want 3 and 2", r.SiteID, r.Seq)
	}
}

// The last addition decides, as it does about the www form.
func TestTheLimitOfAttempts(t *testing.T) {
	t.Parallel()
	add := func(f *fixture, attempts int, adopt bool) {
		f.record(Pending{Change: tasks.Change{AppID: app, Domain: "a.com", Seq: f.next(), Attempts: attempts, Import: adopt, RequestedAt: start}})
	}
	attempted := func(f *fixture, n int) {
		f.verified("a.com", func(r *Record) { r.Attempt = n })
	}
	for _, c := range []struct {
		name            string
		tell            func(*fixture)
		attempts, limit int
	}{
		{"is the setting's where the addition doesn't say", func(f *fixture) { add(f, 0, false) }, 0, 5},
		{"is the addition's", func(f *fixture) { add(f, 7, false) }, 7, 7},
		{"is an adoption's", func(f *fixture) { add(f, 7, true) }, 7, 7},
		{"follows a later addition", func(f *fixture) { add(f, 7, false); f.sync(); add(f, 9, false) }, 9, 9},
		{"goes back to the setting with an addition that doesn't say", func(f *fixture) { add(f, 7, false); f.sync(); add(f, 0, false) }, 0, 5},
		{"stays with an adoption that doesn't say", func(f *fixture) { add(f, 7, false); f.sync(); add(f, 0, true) }, 7, 7},
		{"follows an adoption", func(f *fixture) { add(f, 7, false); f.sync(); add(f, 9, true) }, 9, 9},
		{"is kept of a removed domain, to be asked for again", func(f *fixture) { add(f, 7, false); f.sync(); f.remove("a.com") }, 7, 7},
		{"is that of the addition after a removal", func(f *fixture) { add(f, 7, false); f.remove("a.com"); f.sync(); add(f, 0, false) }, 0, 5},
		{"leaves an attempt that is on its way, where it is lowered", func(f *fixture) { add(f, 7, false); f.sync(); attempted(f, 4); add(f, 3, false) }, 3, 5},
		{"of a verification that has ended stays what it was", func(f *fixture) { add(f, 7, false); f.sync(); f.finishVerification("a.com"); add(f, 3, false) }, 3, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.rules.Attempts = 5
			c.tell(f)
			if r := outcome(t, f, "a.com").Record; r.Attempts != c.attempts || r.Limit != c.limit {
				t.Errorf("asked for %d, limit %d; want %d and %d", r.Attempts, r.Limit, c.attempts, c.limit)
			}
		})
	}
}

func TestAWishToBeVerifiedStartsAListedDomainAnewAndMovesNoName(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.record(Pending{Change: tasks.Change{AppID: app, Domain: "a.com", Seq: f.next(), RequestedAt: start}})
	f.sync()
	f.finishVerification("a.com")
	f.record(Pending{Change: tasks.Change{AppID: app, Domain: "www.a.com", Seq: f.next(), RequestedAt: start}, Remove: true})
	f.sync()
	want := f.records["a.com"]
	seq := f.next()
	f.record(Pending{Change: tasks.Change{AppID: app, Domain: "a.com", Seq: seq, Import: true, Verify: true, RequestedAt: start}})
	got := outcome(t, f, "a.com")
	want.Version, want.Seq, want.CheckSeq = "", seq, seq
	want.State, want.Reason = tasks.CheckingDNS, "a new verification was requested; DNS and the certificate are checked next"
	want.Attempt, want.AttemptAt, want.SeenPointing = 0, nil, false
	if diff := cmp.Diff(Outcome{Record: want, Entry: "a new verification was requested", Verify: true, Immediate: true, Notify: true, AlreadyListed: true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if f.list[0] != "a.com" || len(f.list) != 1 {
		t.Errorf("the list is %q", f.list)
	}
}
