package listsync

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
)

// outcome carries out the fixture's plan and returns the outcome of a domain.
func outcome(t *testing.T, f *fixture, domain string) Outcome {
	t.Helper()
	for _, o := range f.sync().Outcomes {
		if o.Record.Domain == domain {
			o.Record.Version = ""
			return o
		}
	}
	t.Fatalf("the plan has no outcome of %s", domain)
	return Outcome{}
}

// finishVerification ends the domain's verification as done, after two attempts.
func (f *fixture) finishVerification(domain string) {
	f.verified(domain, func(r *Record) {
		r.State, r.Attempt, r.SeenPointing, r.Cause = tasks.Done, 2, true, tasks.Cause{Code: tasks.CauseWorks}
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
			Names: []string{"a.com", "www.a.com"}, Cause: tasks.Cause{Code: tasks.CauseListed},
			CheckSeq: 7, RequestedAt: start, UpdatedAt: start.Add(time.Minute)},
		Cause: tasks.Cause{Code: tasks.CauseListed}, Verify: true, Notify: true,
	}
	if diff := cmp.Diff(want, outcome(t, f, "a.com")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestARepeatedAdditionKeepsStateAttemptCertificateAndSite(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		tell  func(*fixture)
		event tasks.Cause
	}{
		{"with both names listed", func(*fixture) {}, tasks.Cause{Code: tasks.CauseNothingChanged}},
		{"with its www form removed", func(f *fixture) { f.list = []string{"a.com"} },
			tasks.Cause{Code: tasks.CausePutBack, Params: tasks.Params{Names: []string{"www.a.com"}}}},
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
			if diff := cmp.Diff(Outcome{Record: want, Cause: c.event, Notify: true, AlreadyListed: true}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhichChangesStartANewVerification(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name     string
		tell     func(*fixture)
		restarts bool
	}{
		{"a repeated addition doesn't", func(f *fixture) { f.add("a.com", "") }, false},
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
			f.verified("a.com", func(r *Record) {
				r.Warnings = []tasks.Cause{{Code: tasks.CauseDNSMissing, Params: tasks.Params{Name: "www.a.com"}}}
			})
			c.tell(f)
			o := outcome(t, f, "a.com")
			r := o.Record
			if (r.Warnings == nil) != c.restarts {
				t.Errorf("the problems are %v", r.Warnings)
			}
			if o.Verify != c.restarts || c.restarts != (r.State == tasks.CheckingDNS) {
				t.Fatalf("verified %v, state %s", o.Verify, r.State)
			}
			if c.restarts && (r.Attempt != 0 || r.Certificate != nil || r.SeenPointing || r.AttemptAt != nil || r.CheckSeq != r.Seq) {
				t.Errorf("fields of the last verification are left: %+v", r)
			}
			if !c.restarts && (r.Attempt != 2 || r.Certificate == nil || r.CheckSeq != 1) {
				t.Errorf("fields of the verification were lost: %+v", r)
			}
		})
	}
}

func TestAWWWFormThatLeavesStartsNoVerification(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.add("a.com", "")
	f.sync()
	f.finishVerification("a.com")
	f.remove("www.a.com")
	o := outcome(t, f, "a.com")
	if o.Verify || o.Notify || o.Record.State != tasks.Done || o.Cause.Sentence() != "its names on the list are now a.com" {
		t.Errorf("got %+v", o)
	}
}

func TestANamePutBackIsOnlyInTheHistory(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.add("a.com", "")
	f.sync()
	f.finishVerification("a.com")
	f.list = []string{"www.a.com"}
	o := outcome(t, f, "a.com")
	if o.Verify || o.Notify || o.Record.State != tasks.Done || o.Cause.Sentence() != "put back a.com" {
		t.Errorf("got %+v", o)
	}
}

func TestAFormThatReappearsIsInTheHistoryOfItsListedDomain(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.add("a.com", tasks.WWWAlways)
	f.sync()
	f.add("a.com", tasks.WWWNever)
	f.sync()
	f.list = append(f.list, "www.a.com")
	if o := outcome(t, f, "a.com"); o.Notify || !o.Record.Wanted || o.Cause.Sentence() != "removed again, since it was not requested: www.a.com" {
		t.Errorf("got %+v", o)
	}
}

// Support staff read these texts.
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
		{"added", newFixture(), func(f *fixture) { f.add("a.com", "") }, "a.com", tasks.CheckingDNS,
			"put on the list; DNS and the certificate are checked next"},
		{"listed already", newFixture("A.com", "www.a.com"), func(f *fixture) { f.add("a.com", "") }, "a.com", tasks.CheckingDNS,
			"was on the list already; DNS and the certificate are checked next"},
		{"a wildcard", newFixture(), func(f *fixture) { f.add("*.a.com", "") }, "*.a.com", tasks.DoneWithoutSSL,
			"Let's Encrypt never certifies *.a.com: a wildcard needs a check over DNS, and ServerPilot's certificates are checked over HTTP"},
		{"removed", newFixture("A.com"), func(f *fixture) { f.remove("a.com") }, "a.com", tasks.Removed, "taken off the list"},
		{"not listed", newFixture(), func(f *fixture) { f.remove("a.com") }, "a.com", tasks.Removed, "was not on the list"},
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
			if o.Record.State != c.state || o.Record.Reason() != c.reason {
				t.Errorf("got  %s: %s\nwant %s: %s", o.Record.State, o.Record.Reason(), c.state, c.reason)
			}
			if !o.Notify || o.Verify != (c.state == tasks.CheckingDNS) {
				t.Errorf("notified %v, verified %v", o.Notify, o.Verify)
			}
		})
	}
}

func TestTheHistoryOfAWildcardAnnouncesNoCheck(t *testing.T) {
	t.Parallel()
	for name, f := range map[string]*fixture{"added": newFixture(), "listed already": newFixture("*.a.com")} {
		f.add("*.a.com", "")
		if got := outcome(t, f, "*.a.com").Cause.Code; got != tasks.CauseListedWildcard {
			t.Errorf("%s: the entry is %s", name, got)
		}
	}
}

func TestTheRemedyIsThatOfAllProblems(t *testing.T) {
	t.Parallel()
	www := tasks.Cause{Code: tasks.CauseDNSMissing, Params: tasks.Params{Name: "www.a.com"}}
	apex := tasks.Cause{Code: tasks.CauseDNSMissing, Params: tasks.Params{Name: "a.com"}}
	const createWWW = "Create an address record of www.a.com."
	for _, c := range []struct {
		name     string
		state    tasks.State
		cause    tasks.Cause
		warnings []tasks.Cause
		want     string
	}{
		{"a www form without a record", tasks.Done, tasks.Cause{Code: tasks.CauseWorks}, []tasks.Cause{www}, createWWW},
		{"both names", tasks.Failed, apex, []tasks.Cause{www}, "Create an address record of a.com. " + createWWW},
		{"the same remedy twice", tasks.Failed, www, []tasks.Cause{www}, createWWW},
		{"works", tasks.Done, tasks.Cause{Code: tasks.CauseWorks}, nil, ""},
		{"being checked", tasks.CheckingDNS, tasks.Cause{Code: tasks.CauseListed}, nil, "Nothing: the first check starts by itself."},
	} {
		r := Record{State: c.state}
		r.Explain(c.cause, c.warnings...)
		if got := r.Remedy(); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

func TestARemovedDomainHasNoVerificationAndNoRecheck(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.record(Pending{Change: tasks.Change{AppID: app, Domain: "a.com", Seq: f.next(), SiteID: 3, RequestedAt: start}})
	f.sync()
	f.verified("a.com", func(r *Record) {
		r.NextAttemptAt, r.Cause = &start, tasks.Cause{Code: tasks.CauseDNSMissing, Params: tasks.Params{Name: "a.com"}}
	})
	f.remove("a.com")
	r := outcome(t, f, "a.com").Record
	if r.Wanted || r.Since != 0 || r.CheckSeq != 0 || r.NextAttemptAt != nil || r.Problems() != nil {
		t.Errorf("a verification or recheck is left: %+v", r)
	}
	if r.SiteID != 3 || r.Seq != 2 {
		t.Errorf("site %d, order number %d; want 3 and 2", r.SiteID, r.Seq)
	}
}

// The last addition decides, as it does for the www form.
func TestTheLimitOfAttempts(t *testing.T) {
	t.Parallel()
	add := func(f *fixture, attempts int, imported bool) {
		f.record(Pending{Change: tasks.Change{AppID: app, Domain: "a.com", Seq: f.next(), Attempts: attempts, Import: imported, RequestedAt: start}})
	}
	attempted := func(f *fixture, n int) {
		f.verified("a.com", func(r *Record) { r.Attempt = n })
	}
	for _, c := range []struct {
		name            string
		tell            func(*fixture)
		attempts, limit int
	}{
		{"is the setting's if the addition has none", func(f *fixture) { add(f, 0, false) }, 0, 5},
		{"is the addition's", func(f *fixture) { add(f, 7, false) }, 7, 7},
		{"is an import's", func(f *fixture) { add(f, 7, true) }, 7, 7},
		{"follows a later addition", func(f *fixture) { add(f, 7, false); f.sync(); add(f, 9, false) }, 9, 9},
		{"is the setting's again after an addition without one", func(f *fixture) { add(f, 7, false); f.sync(); add(f, 0, false) }, 0, 5},
		{"stays after an import without one", func(f *fixture) { add(f, 7, false); f.sync(); add(f, 0, true) }, 7, 7},
		{"follows an import", func(f *fixture) { add(f, 7, false); f.sync(); add(f, 9, true) }, 9, 9},
		{"stays in the record of a removed domain", func(f *fixture) { add(f, 7, false); f.sync(); f.remove("a.com") }, 7, 7},
		{"is that of the addition after a removal", func(f *fixture) { add(f, 7, false); f.remove("a.com"); f.sync(); add(f, 0, false) }, 0, 5},
		{"includes the enqueued attempt if it is lowered", func(f *fixture) { add(f, 7, false); f.sync(); attempted(f, 4); add(f, 3, false) }, 3, 5},
		{"of an ended verification stays the same", func(f *fixture) { add(f, 7, false); f.sync(); f.finishVerification("a.com"); add(f, 3, false) }, 3, 7},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			f.rules.Attempts = 5
			c.tell(f)
			if r := outcome(t, f, "a.com").Record; r.Attempts != c.attempts || r.Limit != c.limit {
				t.Errorf("requested %d, limit %d; want %d and %d", r.Attempts, r.Limit, c.attempts, c.limit)
			}
		})
	}
}

func TestARequestedVerificationStartsAnewAndChangesNoName(t *testing.T) {
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
	want.State, want.Cause = tasks.CheckingDNS, tasks.Cause{Code: tasks.CauseVerificationRequested}
	want.Attempt, want.AttemptAt, want.SeenPointing = 0, nil, false
	if diff := cmp.Diff(Outcome{Record: want, Cause: want.Cause, Verify: true, Immediate: true, Notify: true, AlreadyListed: true}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if f.list[0] != "a.com" || len(f.list) != 1 {
		t.Errorf("the list is %q", f.list)
	}
}
