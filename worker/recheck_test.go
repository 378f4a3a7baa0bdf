package worker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
)

var (
	checkedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	fresh     = checkedAt.Add(60 * 24 * time.Hour)
	ending    = checkedAt.Add(13 * 24 * time.Hour)
)

func endedAs(state tasks.State, misses int, ended time.Duration) listsync.Record {
	at, due := checkedAt.Add(-ended), checkedAt
	return listsync.Record{Domain: "a.example.com", Wanted: true, State: state, FailedRechecks: misses, CheckSeq: 7, Attempt: 5,
		Cause: tasks.Cause{Code: tasks.CauseDNSMissing, Params: tasks.Params{Name: "a.example.com"}},
		Names: []string{"a.example.com"}, EndedAt: &at, RecheckAt: &due}
}

// causes returns the causes of the record's problems.
func causes(r listsync.Record) string {
	var all []string
	for _, p := range r.Problems() {
		all = append(all, string(p.Code))
	}
	return strings.Join(all, " ")
}

func TestEvaluateRecheck(t *testing.T) {
	t.Parallel()
	good := func(end time.Time) certcheck.Probe {
		return certcheck.Probe{DNS: certcheck.PointsHere, TLS: certcheck.Valid, Issuer: "CA", NotAfter: end}
	}
	untrusted := certcheck.Probe{DNS: certcheck.PointsHere, TLS: certcheck.Untrusted, TLSDetail: "it is self-signed"}
	elsewhere := certcheck.Probe{DNS: certcheck.Elsewhere}
	told := endedAs(tasks.Done, 0, 0)
	told.ExpiryNotified = &ending
	for _, c := range []struct {
		name   string
		was    listsync.Record
		probe  certcheck.Probe
		state  tasks.State
		misses int
		event  string // a part of it; empty for none
		check  func(listsync.Record) bool
	}{
		{"done stays done, without a word", endedAs(tasks.Done, 0, 0), good(fresh), tasks.Done, 0, "", nil},
		{"a first miss takes nothing away", endedAs(tasks.Done, 0, 0), untrusted, tasks.Done, 1, "recheck 1 of 3", nil},
		{"nor does a second", endedAs(tasks.Done, 1, 0), elsewhere, tasks.Done, 2, "recheck 2 of 3", nil},
		{"a third does, and it is verified from scratch", endedAs(tasks.Done, 2, 0), untrusted, tasks.CheckingSSL, 0, "self-signed",
			func(r listsync.Record) bool {
				return r.CheckSeq > 7 && r.Attempt == 1 && r.RecheckAt == nil && r.EndedAt == nil
			}},
		{"so it is where DNS went elsewhere", endedAs(tasks.Done, 2, 0), elsewhere, tasks.CheckingDNS, 0, "points to", nil},
		{"misses in a row only", endedAs(tasks.Done, 2, 0), good(fresh), tasks.Done, 0, "certificate valid", nil},
		{"a certificate that ends soon is told", endedAs(tasks.Done, 0, 0), good(ending), tasks.Done, 0, "ends on 2026-03-14",
			func(r listsync.Record) bool {
				return r.ExpiryNotified != nil && strings.Contains(r.Reason(), "2026-03-14") && causes(r) == "CertificateExpiring"
			}},
		{"20 days of 90 are less than a quarter", endedAs(tasks.Done, 0, 0), lasting(90, 20), tasks.Done, 0, "ends on", nil},
		{"2 days of 6 are more", endedAs(tasks.Done, 0, 0), lasting(6, 2), tasks.Done, 0, "", nil},
		{"1 day of 6 is less", endedAs(tasks.Done, 0, 0), lasting(6, 1), tasks.Done, 0, "ends on", nil},
		{"once", told, good(ending), tasks.Done, 0, "", nil},
		{"failed stays failed, without a word", endedAs(tasks.Failed, 0, 0), elsewhere, tasks.Failed, 0, "",
			func(r listsync.Record) bool { return causes(r) == "ServerAddressUnknown" }},
		{"DNS that points here at last starts a verification", endedAs(tasks.Failed, 0, 0), untrusted, tasks.CheckingSSL, 0, "self-signed",
			func(r listsync.Record) bool { return r.CheckSeq > 7 && r.Attempt == 1 }},
		{"or finds all well", endedAs(tasks.Failed, 0, 0), good(fresh), tasks.Done, 0, "certificate valid",
			func(r listsync.Record) bool { return causes(r) == "" && r.RecheckAt.After(checkedAt.Add(23*time.Hour)) }},
		{"a certificate that came late", endedAs(tasks.DoneWithoutSSL, 0, 0), good(fresh), tasks.Done, 0, "certificate valid", nil},
		{"none yet", endedAs(tasks.DoneWithoutSSL, 0, 0), untrusted, tasks.DoneWithoutSSL, 0, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.was.SeenPointing = c.was.State != tasks.Failed
			facts := certcheck.Facts{Domain: c.was.Domain, Names: c.was.Names, Probes: map[string]certcheck.Probe{c.was.Domain: c.probe},
				Limit: 5, SeenPointing: c.was.SeenPointing, App: "app1"}
			is, event := evaluateRecheck(c.was, facts, checkedAt)
			got := fmt.Sprint(is.State, is.FailedRechecks)
			if want := fmt.Sprint(c.state, c.misses); c.state != tasks.CheckingDNS && c.state != tasks.CheckingSSL && got != want || is.State != c.state {
				t.Errorf("got %s, want %s", got, want)
			}
			if (event.State != "") != (c.event != "") || !strings.Contains(event.Describe(), c.event) {
				t.Errorf("the event is %+v, want one with %q", event, c.event)
			}
			if c.check != nil && !c.check(is) {
				t.Errorf("the record is %+v", is)
			}
			if !is.State.Checking() && !is.RecheckAt.After(checkedAt) {
				t.Errorf("the next recheck is at %v", is.RecheckAt)
			}
		})
	}
}

// What should have renewed a certificate decides what to do about it.
func TestTheRemedyOfAnEndingCertificateNamesWhoRenewsIt(t *testing.T) {
	t.Parallel()
	here := certcheck.Probe{DNS: certcheck.PointsHere, TLS: certcheck.Valid, Issuer: "CA", NotAfter: ending}
	proxied := here
	proxied.DNS, proxied.Provider = certcheck.Proxied, "Cloudflare"
	for _, c := range []struct {
		name   string
		probe  certcheck.Probe
		ssl    certcheck.AutoSSL
		want   tasks.Code
		remedy string // a part of it
	}{
		{"AutoSSL", here, certcheck.AutoSSL{Known: true, On: true}, tasks.CauseCertificateExpiring, "SSL settings of app app1"},
		{"ServerPilot did not answer", here, certcheck.AutoSSL{KeepOff: true}, tasks.CauseCertificateExpiring, "SSL settings of app app1"},
		{"AutoSSL, though the setting is off", here, certcheck.AutoSSL{Known: true, On: true, KeepOff: true}, tasks.CauseCertificateExpiring, "SSL settings"},
		{"a custom certificate", here, certcheck.AutoSSL{Known: true, Custom: true}, tasks.CauseCustomCertificateExpiring, "Install a newer certificate on app app1"},
		{"AutoSSL kept off", here, certcheck.AutoSSL{Known: true, KeepOff: true}, tasks.CauseCustomCertificateExpiring, "Install a newer certificate on app app1"},
		{"a proxy", proxied, certcheck.AutoSSL{Known: true, On: true}, tasks.CauseProxyCertificateExpiring, "in the settings of Cloudflare"},
		{"a proxy before a custom certificate", proxied, certcheck.AutoSSL{Known: true, Custom: true}, tasks.CauseProxyCertificateExpiring, "in the settings of Cloudflare"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			before := endedAs(tasks.Done, 0, 0)
			facts := certcheck.Facts{Domain: before.Domain, Names: before.Names, Probes: map[string]certcheck.Probe{before.Domain: c.probe},
				AutoSSL: c.ssl, Limit: 5, App: "app1"}
			after, entry := evaluateRecheck(before, facts, checkedAt)
			if after.State != tasks.Done || after.Code != c.want || entry.Cause.Code != c.want || !strings.Contains(after.Remedy(), c.remedy) {
				t.Errorf("%s, %s, in the history %s: %s", after.State, after.Code, entry.Cause.Code, after.Remedy())
			}
			if !strings.Contains(after.Reason(), "ends on 2026-03-14") {
				t.Errorf("the reason is %q", after.Reason())
			}
		})
	}
}

// A domain with one attempt gets that one when its verification restarts.
func TestARestartedVerificationHasItsAttempts(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]string{1: "0 of 1", 2: "1 of 2", 9: "1 of 9"} {
		facts := certcheck.Facts{Domain: "a.example.com", Names: []string{"a.example.com"}, Limit: limit, App: "app1",
			Probes: map[string]certcheck.Probe{"a.example.com": {DNS: certcheck.PointsHere, TLS: certcheck.Untrusted}}}
		is, _ := evaluateRecheck(endedAs(tasks.Done, 2, 0), facts, checkedAt)
		if got := fmt.Sprintf("%d of %d", is.Attempt, is.Limit); got != want || !is.State.Checking() {
			t.Errorf("limit %d: %s, %s; want %s", limit, got, is.State, want)
		}
	}
}

// lasting is a good probe whose certificate has some days left of its lifetime.
func lasting(lifetime, left int) certcheck.Probe {
	end := checkedAt.AddDate(0, 0, left)
	return certcheck.Probe{DNS: certcheck.PointsHere, TLS: certcheck.Valid, NotBefore: end.AddDate(0, 0, -lifetime), NotAfter: end}
}
