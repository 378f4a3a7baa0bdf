package certcheck

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotsync/tasks"
)

func prefixes(s ...string) (ps []netip.Prefix) {
	for _, p := range s {
		ps = append(ps, netip.MustParsePrefix(p))
	}
	return ps
}

func addresses(s ...string) (as []netip.Addr) {
	for _, a := range s {
		as = append(as, netip.MustParseAddr(a))
	}
	return as
}

// facts are those of example.com in its second attempt of five, with AutoSSL on and a
// certificate ready. domain is the probe of it, and www that of its www form.
func facts(domain, www Probe) Facts {
	return Facts{
		Domain: "example.com", Names: []string{"example.com", "www.example.com"},
		Probes:   map[string]Probe{"example.com": domain, "www.example.com": www},
		AutoSSL:  AutoSSL{Known: true, On: true, Available: true, Covered: []string{"example.com", "WWW.example.com"}},
		Expected: prefixes("198.51.100.4/32"),
		Attempt:  2, Limit: 5, App: "wpnetwork1",
	}
}

func TestVerdicts(t *testing.T) {
	t.Parallel()
	good := Probe{DNS: PointsHere, Addresses: addresses("198.51.100.4"), TLS: Valid, Issuer: "Let's Encrypt",
		NotAfter: time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)}
	away := Probe{DNS: Elsewhere, Addresses: addresses("203.0.113.9"), TLS: NotChecked}
	none := Probe{DNS: NoAddress, TLS: NotChecked}
	silent := Probe{DNS: DNSUnknown, DNSDetail: "no answer in time", TLS: NotChecked}
	here := func(status TLSStatus, detail string) Probe {
		return Probe{DNS: PointsHere, Addresses: addresses("198.51.100.4"), TLS: status, TLSDetail: detail}
	}
	wrongName := here(WrongName, "the certificate at 198.51.100.4 is for a.test, not for example.com")
	refused := here(Unreachable, "198.51.100.4 refuses connections on port 443")
	expired := here(Expired, "")
	expired.TLSAddress, expired.NotAfter = netip.MustParseAddr("198.51.100.4"), time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	many := away
	many.Addresses = nil
	for i := range byte(15) {
		many.Addresses = append(many.Addresses, netip.AddrFrom4([4]byte{203, 0, 113, i + 1}))
	}

	tests := map[string]struct {
		facts  Facts
		change func(*Facts)
		want   verdict
	}{
		"a good domain is done": {
			facts: facts(good, good),
			want:  verdict{State: tasks.Done, Final: true, SeenPointing: true, Reason: "certificate valid until 2027-02-01 (Let's Encrypt)"},
		},
		"a www form elsewhere is only a warning": {
			facts: facts(good, away),
			want: verdict{State: tasks.Done, Final: true, SeenPointing: true,
				Reason: "certificate valid until 2027-02-01 (Let's Encrypt); warning: www.example.com points to 203.0.113.9; this app is on 198.51.100.4"},
		},
		"a www form without certificate is only a warning": {
			facts: facts(good, refused),
			want: verdict{State: tasks.Done, Final: true, SeenPointing: true,
				Reason: "certificate valid until 2027-02-01 (Let's Encrypt); warning: www.example.com points here, but 198.51.100.4 refuses connections on port 443"},
		},
		"a good www form doesn't help the domain": {
			facts: facts(away, good),
			want:  verdict{State: tasks.CheckingDNS, Reason: "example.com points to 203.0.113.9; this app is on 198.51.100.4"},
		},
		"a good domain is done whatever AutoSSL says": {
			facts: facts(good, good), change: func(f *Facts) { f.AutoSSL = AutoSSL{Known: true} },
			want: verdict{State: tasks.Done, Final: true, SeenPointing: true, Reason: "certificate valid until 2027-02-01 (Let's Encrypt)"},
		},
		"a long list of addresses is cut": {
			facts: facts(many, many),
			want:  verdict{State: tasks.CheckingDNS, Reason: "example.com points to 203.0.113.1, 203.0.113.2, 203.0.113.3 and at least 7 more; this app is on 198.51.100.4"},
		},
		"networks are shown as networks": {
			facts: facts(away, away), change: func(f *Facts) { f.Expected = prefixes("198.51.100.4/32", "192.0.2.0/24") },
			want: verdict{State: tasks.CheckingDNS, Reason: "example.com points to 203.0.113.9; this app is on 198.51.100.4, 192.0.2.0/24"},
		},
		"one wrong address besides the right one": {
			facts: facts(Probe{DNS: Elsewhere, Addresses: addresses("203.0.113.9", "198.51.100.4")}, good),
			want:  verdict{State: tasks.CheckingDNS, Reason: "example.com points to 203.0.113.9; this app is on 198.51.100.4"},
		},
		"a wrong AAAA record besides the right address": {
			facts: facts(Probe{DNS: Elsewhere, Addresses: addresses("2001:db8::1", "198.51.100.4")}, good),
			want: verdict{State: tasks.CheckingDNS,
				Reason: "example.com has the IPv6 address 2001:db8::1, which isn't this app's server; Let's Encrypt checks IPv6 first"},
		},
		"a wrong AAAA record alone": {
			facts: facts(Probe{DNS: Elsewhere, Addresses: addresses("2001:db8::1")}, good),
			want: verdict{State: tasks.CheckingDNS,
				Reason: "example.com points to 2001:db8::1; this app is on 198.51.100.4"},
		},
		"wrong in both families": {
			facts: facts(Probe{DNS: Elsewhere, Addresses: addresses("203.0.113.9", "2001:db8::1", "2001:db8::2")}, good),
			want: verdict{State: tasks.CheckingDNS,
				Reason: "example.com points to 203.0.113.9, 2001:db8::1, 2001:db8::2; this app is on 198.51.100.4"},
		},
		"the app's address is unknown": {
			facts: facts(away, away), change: func(f *Facts) { f.Expected = nil },
			want: verdict{State: tasks.CheckingDNS, Reason: "example.com points to 203.0.113.9; the address of this app's server isn't known"},
		},
		"no address": {
			facts: facts(none, none),
			want:  verdict{State: tasks.CheckingDNS, Reason: "example.com has no A or AAAA record in DNS; this app is on 198.51.100.4"},
		},
		"DNS that pointed here and no longer does": {
			facts: facts(away, away), change: func(f *Facts) { f.SeenPointing = true },
			want: verdict{State: tasks.CheckingDNS, SeenPointing: true, Reason: "example.com points to 203.0.113.9; this app is on 198.51.100.4"},
		},
		"a resolver failure isn't the customer's mistake": {
			facts: facts(silent, silent),
			want:  verdict{State: tasks.CheckingDNS, Reason: "the DNS lookup of example.com failed (no answer in time), which doesn't mean that its records are wrong"},
		},
		"a resolver failure after DNS pointed here keeps the state": {
			facts: facts(silent, silent), change: func(f *Facts) { f.SeenPointing = true },
			want: verdict{State: tasks.CheckingSSL, SeenPointing: true,
				Reason: "the DNS lookup of example.com failed (no answer in time), which doesn't mean that its records are wrong"},
		},
		"a name without a probe counts as a failed lookup": {
			facts: Facts{Domain: "example.com", Attempt: 1, Limit: 5},
			want:  verdict{State: tasks.CheckingDNS, Reason: "the DNS lookup of example.com failed, which doesn't mean that its records are wrong"},
		},
		"no certificate is ready": {
			facts: facts(refused, refused), change: func(f *Facts) { f.AutoSSL = AutoSSL{Known: true} },
			want: verdict{State: tasks.CheckingSSL, SeenPointing: true,
				Reason: "example.com points here, but ServerPilot has no certificate ready yet; issuing usually takes 5–15 minutes after DNS points here"},
		},
		"a www form elsewhere is reported while the certificate is awaited": {
			facts: facts(refused, away), change: func(f *Facts) { f.AutoSSL = AutoSSL{Known: true} },
			want: verdict{State: tasks.CheckingSSL, SeenPointing: true,
				Reason: "example.com points here, but ServerPilot has no certificate ready yet; issuing usually takes 5–15 minutes after DNS points here" +
					"; warning: www.example.com points to 203.0.113.9; this app is on 198.51.100.4"},
		},
		"the certificate doesn't cover the name": {
			facts: facts(wrongName, good), change: func(f *Facts) { f.AutoSSL.Covered = []string{"a.test", "b.test"} },
			want: verdict{State: tasks.CheckingSSL, SeenPointing: true,
				Reason: "example.com points here, but the certificate that ServerPilot has ready doesn't cover it (it covers a.test, b.test)"},
		},
		"a custom certificate doesn't cover the name": {
			facts: facts(wrongName, good), change: func(f *Facts) { f.AutoSSL = AutoSSL{Known: true, Custom: true} },
			want: verdict{State: tasks.CheckingSSL, SeenPointing: true,
				Reason: "example.com points here, but the app's custom certificate doesn't cover it"},
		},
		"a custom certificate has expired": {
			facts:  facts(expired, good),
			change: func(f *Facts) { f.AutoSSL = AutoSSL{Known: true, Custom: true} },
			want: verdict{State: tasks.CheckingSSL, SeenPointing: true,
				Reason: "example.com points here, but browsers refuse the app's custom certificate: the certificate at 198.51.100.4 expired on 2026-01-02"},
		},
		"ServerPilot refused to turn AutoSSL on": {
			facts: facts(refused, refused), change: func(f *Facts) { f.AutoSSL.On, f.AutoSSL.Refusal = false, "no\x1b[31m way\n" },
			want: verdict{State: tasks.CheckingSSL, SeenPointing: true,
				Reason: "example.com points here, but ServerPilot refused to turn AutoSSL on: no [31m way"},
		},
		"AutoSSL was turned on just now": {
			facts: facts(refused, refused), change: func(f *Facts) { f.AutoSSL.TurnedOn = true },
			want: verdict{State: tasks.CheckingSSL, SeenPointing: true,
				Reason: "example.com points here, but AutoSSL was turned on only just now"},
		},
		"AutoSSL is off and stayed off": {
			facts: facts(refused, refused), change: func(f *Facts) { f.AutoSSL.On, f.AutoSSL.KeepOff = false, true },
			want: verdict{State: tasks.CheckingSSL, SeenPointing: true,
				Reason: "example.com points here, but AutoSSL is off"},
		},
		"only the handshake fails": {
			facts: facts(refused, refused),
			want:  verdict{State: tasks.CheckingSSL, SeenPointing: true, Reason: "example.com points here, but 198.51.100.4 refuses connections on port 443"},
		},
		"the API couldn't be asked": {
			facts: facts(refused, refused), change: func(f *Facts) { f.AutoSSL = AutoSSL{} },
			want: verdict{State: tasks.CheckingSSL, SeenPointing: true, Reason: "example.com points here, but 198.51.100.4 refuses connections on port 443"},
		},
		"an address that isn't public": {
			facts: facts(here(NotDialed, "10.0.0.1 isn't a public address (private network)"), good), change: func(f *Facts) { f.AutoSSL = AutoSSL{Known: true} },
			want: verdict{State: tasks.CheckingSSL, SeenPointing: true,
				Reason: "example.com was not connected to: 10.0.0.1 isn't a public address (private network)"},
		},
		"the last attempt, DNS never here": {
			facts: facts(away, away), change: func(f *Facts) { f.Attempt = 5 },
			want: verdict{State: tasks.Failed, Final: true,
				Reason: "example.com points to 203.0.113.9; this app is on 198.51.100.4"},
		},
		"the last attempt, DNS here before": {
			facts: facts(away, away), change: func(f *Facts) { f.Attempt, f.SeenPointing = 5, true },
			want: verdict{State: tasks.DoneWithoutSSL, Final: true, SeenPointing: true,
				Reason: "example.com points to 203.0.113.9; this app is on 198.51.100.4"},
		},
		"the last attempt, no certificate": {
			facts: facts(wrongName, good), change: func(f *Facts) { f.Attempt, f.AutoSSL = 5, AutoSSL{Known: true} },
			want: verdict{State: tasks.DoneWithoutSSL, Final: true, SeenPointing: true,
				Reason: "example.com points here, but ServerPilot has no certificate ready yet; issuing usually takes 5–15 minutes after DNS points here"},
		},
		"the last attempt, server down": {
			facts: facts(refused, good), change: func(f *Facts) { f.Attempt = 5 },
			want: verdict{State: tasks.DoneWithoutSSL, Final: true, SeenPointing: true,
				Reason: "example.com points here, but 198.51.100.4 refuses connections on port 443"},
		},
		"the last attempt, good": {
			facts: facts(good, good), change: func(f *Facts) { f.Attempt = 5 },
			want: verdict{State: tasks.Done, Final: true, SeenPointing: true, Reason: "certificate valid until 2027-02-01 (Let's Encrypt)"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.change != nil {
				tt.change(&tt.facts)
			}
			v := Evaluate(tt.facts)
			got := verdict{v.State, v.Final, v.SeenPointing, reasonOf(v)}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("verdict (-want +got):\n%s", diff)
			}
		})
	}
}

// verdict is a Verdict in words.
type verdict struct {
	State               tasks.State
	Final, SeenPointing bool
	Reason              string
}

func reasonOf(v Verdict) string {
	reason := v.Cause.Sentence()
	for _, w := range v.Warnings {
		reason += "; warning: " + w.Sentence()
	}
	return reason
}

func TestACauseKeepsAtMostTenAddresses(t *testing.T) {
	t.Parallel()
	l := Probe{DNS: Elsewhere}
	for i := range byte(maxAddresses) {
		l.Addresses = append(l.Addresses, netip.AddrFrom4([4]byte{203, 0, 113, i}))
	}
	if got := Evaluate(facts(l, l)).Cause.Params.Found; len(got) != tasks.MaxParamItems {
		t.Errorf("%d addresses: %q", len(got), got)
	}
}

// drawFacts draws arbitrary facts, with hostile texts.
func drawFacts(t *rapid.T) Facts {
	text := rapid.OneOf(rapid.Just(""), rapid.String(), rapid.StringN(200, 600, -1), rapid.SampledFrom([]string{"\x00\x1b[2J\r\n", "a\u202eb", "\xff\xfe"}))
	name := rapid.SampledFrom([]string{"example.com", "*.example.com", strings.Repeat(strings.Repeat("x", 62)+".", 4) + "com"})
	address := rapid.Map(rapid.SampledFrom([]string{"198.51.100.4", "203.0.113.9", "2001:db8::1", "2001:db8:1111:2222:3333:4444:5555:6666", "10.0.0.1"}), netip.MustParseAddr)
	probe := rapid.Custom(func(t *rapid.T) Probe {
		return Probe{
			DNS:      rapid.SampledFrom([]DNSStatus{"", PointsHere, Elsewhere, Proxied, NoAddress, Bogus, DNSUnknown}).Draw(t, "dns"),
			Provider: text.Draw(t, "provider"),
			Site:     rapid.SampledFrom([]SiteStatus{NotAsked, Proven, OtherSite}).Draw(t, "site"),
			CAA: CAA{Status: rapid.SampledFrom([]CAAStatus{CAAAllows, CAAForbids, CAACritical, CAAUnknown}).Draw(t, "caa"), Record: text.Draw(t, "record"),
				Issuers: rapid.SliceOfN(text, 0, 10).Draw(t, "issuers"), Detail: text.Draw(t, "caa detail")},
			Addresses: rapid.SliceOfN(address, 0, 40).Draw(t, "addresses"),
			DNSDetail: text.Draw(t, "dns detail"),
			TLS:       rapid.SampledFrom([]TLSStatus{"", NotChecked, Valid, NotDialed, Unreachable, NotTLS, WrongName, Expired, NotYetValid, Untrusted, HandshakeFailed}).Draw(t, "tls"),
			TLSDetail: text.Draw(t, "tls detail"),
			Issuer:    text.Draw(t, "issuer"),
			NotAfter:  rapid.SampledFrom([]time.Time{{}, now}).Draw(t, "not after"),
		}
	})
	f := Facts{
		Domain: name.Draw(t, "domain"),
		AutoSSL: AutoSSL{
			Known: rapid.Bool().Draw(t, "known"), On: rapid.Bool().Draw(t, "on"), Available: rapid.Bool().Draw(t, "available"),
			Custom: rapid.Bool().Draw(t, "custom"), Covered: rapid.SliceOfN(text, 0, 5).Draw(t, "covered"),
			TurnedOn: rapid.Bool().Draw(t, "turned on"), Refusal: text.Draw(t, "refused"), Failure: text.Draw(t, "failed"), KeepOff: rapid.Bool().Draw(t, "keep off"),
		},
		Expected:     rapid.SliceOfN(rapid.SampledFrom(prefixes("198.51.100.4/32", "203.0.113.0/24", "2001:db8::/32")), 0, 5).Draw(t, "expected"),
		Limit:        rapid.IntRange(1, 6).Draw(t, "limit"),
		SeenPointing: rapid.Bool().Draw(t, "before"),
		App:          text.Draw(t, "app"),
		Probes:       map[string]Probe{},
	}
	f.Attempt = rapid.IntRange(1, f.Limit).Draw(t, "attempt")
	f.Names = []string{f.Domain, "www." + f.Domain}[:rapid.IntRange(1, 2).Draw(t, "names")]
	for _, n := range f.Names {
		if rapid.IntRange(0, 9).Draw(t, "probed") > 0 {
			f.Probes[n] = probe.Draw(t, "probe")
		}
	}
	return f
}

func TestANameNeverCertifiedEndsOnlyIfAllAnswered(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		for status, answered := range map[DNSStatus]bool{PointsHere: true, Elsewhere: true, NoAddress: true, DNSUnknown: false, "": false} {
			f := Facts{Domain: "shop.local", Names: []string{"shop.local"}, Attempt: 1, Limit: 5, AutoSSL: AutoSSL{Known: known},
				Probes: map[string]Probe{"shop.local": {DNS: status, TLS: NotChecked}}}
			if got := Evaluate(f); got.Cause.Code != tasks.CauseNameNotCertifiable || got.Final != (known && answered) {
				t.Errorf("AutoSSL known %v, DNS %q: %s, final %v", known, status, got.Cause.Code, got.Final)
			}
		}
	}
}

func TestPropertiesOfEveryVerdict(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := drawFacts(t)
		v := Evaluate(f)
		probe, last := f.Probes[f.Domain], f.Attempt == f.Limit
		pointed := f.SeenPointing || probe.DNS == PointsHere || probe.Good()

		for _, c := range append(v.Warnings, v.Cause) {
			checkText(t, c.Sentence(), 2000)
			if c.IsProblem() || c.Code == "" {
				checkText(t, c.Remedy(), 2000)
			}
		}
		if v.Final != v.State.Final() || v.Final == v.State.Checking() {
			t.Fatalf("final is %v in state %s", v.Final, v.State)
		}
		if v.Final && !last && v.State != tasks.Done && v.Cause.Code != tasks.CauseNameNotCertifiable {
			t.Fatalf("ended as %s in attempt %d of %d", v.State, f.Attempt, f.Limit)
		}
		if last && !v.Final {
			t.Fatal("continues after the last attempt")
		}
		if probe.Good() != (v.State == tasks.Done) {
			t.Fatalf("a domain with good = %v is %s", probe.Good(), v.State)
		}
		if v.State == tasks.Failed && pointed || v.State == tasks.DoneWithoutSSL && !pointed {
			t.Fatalf("%s, and DNS pointed here: %v", v.State, pointed)
		}
		if v.State == tasks.CheckingSSL && !pointed {
			t.Fatal("checks the certificate of a domain that never pointed here")
		}
		if v.SeenPointing != pointed {
			t.Fatalf("SeenPointing is %v", v.SeenPointing)
		}
		if v.Cause.IsProblem() == (v.State == tasks.Done) {
			t.Fatalf("a domain is %s by the cause %s", v.State, v.Cause.Code)
		}
	})
}

// checkText fails unless s is fit to be shown.
func checkText(t interface{ Fatalf(string, ...any) }, s string, limit int) {
	switch {
	case s == "":
		t.Fatalf("the text is empty")
	case !utf8.ValidString(s):
		t.Fatalf("invalid UTF-8 in %q", s)
	case utf8.RuneCountInString(s) > limit:
		t.Fatalf("%d characters, more than %d: %q", utf8.RuneCountInString(s), limit, s)
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }):
		t.Fatalf("unprintable character in %q", s)
	}
}

func TestADisconnectedServerComesBeforeOtherCauses(t *testing.T) {
	t.Parallel()
	good := Probe{DNS: PointsHere, TLS: Valid}
	missing := Probe{DNS: NoAddress, TLS: NotChecked}
	bare := Probe{DNS: PointsHere, TLS: WrongName}
	for name, c := range map[string]struct {
		domain, www Probe
		change      func(*Facts)
		want        string
		state       tasks.State
	}{
		"both work":                       {good, good, nil, "Works", tasks.Done},
		"the www form doesn't":            {good, bare, nil, "Works ServerDisconnected", tasks.Done},
		"the www form's owner has to act": {good, missing, nil, "Works ServerDisconnected DNSMissing", tasks.Done},
		"no certificate":                  {bare, bare, nil, "ServerDisconnected", tasks.CheckingSSL},
		"no DNS record":                   {missing, missing, nil, "ServerDisconnected DNSMissing DNSMissing", tasks.CheckingDNS},
		"off the list":                    {Probe{}, Probe{}, func(f *Facts) { f.OffList, f.Probes = f.Names, nil }, "ServerDisconnected", tasks.CheckingDNS},
		"a name that is never certified":  {bare, bare, func(f *Facts) { f.Domain, f.Names = "*.example.com", []string{"*.example.com"} }, "ServerDisconnected", tasks.CheckingDNS},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := facts(c.domain, c.www)
			f.DisconnectedSince = time.Unix(1403130551, 0)
			if c.change != nil {
				c.change(&f)
			}
			got := Evaluate(f)
			codes := string(got.Cause.Code)
			for _, w := range got.Warnings {
				codes += " " + string(w.Code)
			}
			if codes != c.want || got.State != c.state || got.Final != (c.state == tasks.Done) {
				t.Errorf("got %s, %s, final: %v; want %s, %s", codes, got.State, got.Final, c.want, c.state)
			}
		})
	}
}
