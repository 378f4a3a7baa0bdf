//go:build wordpress

package wordpress

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

const script = `<script>alert(1)</script>`

// setStatus writes a domain's record to Redis, as a worker does.
func (f *fixture) setStatus(domain string, state tasks.State, cause tasks.Cause, warnings ...tasks.Cause) {
	f.t.Helper()
	f.setRecord(listsync.Record{Domain: domain, Seq: 1, Wanted: true, State: state, Cause: cause, Warnings: warnings, Names: []string{domain}})
}

func (f *fixture) setRecord(r listsync.Record) {
	f.t.Helper()
	if err := f.rdb.HSet(f.t.Context(), "pilotsync:{"+app+"}:domains", r.Domain, asJSON(f.t, r)).Err(); err != nil {
		f.t.Fatal(err)
	}
}

// cause is one about c.example.com.
func cause(code tasks.Code, p tasks.Params) tasks.Cause {
	p.Name = cmp.Or(p.Name, "c.example.com")
	return tasks.Cause{Code: code, Params: p}
}

func asJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// customerRow returns a domain's line in a customer's list.
func customerRow(t *testing.T, list, domain string) string {
	t.Helper()
	for line := range strings.Lines(list) {
		if strings.HasPrefix(line, "<div>"+domain+" ") {
			return line
		}
	}
	t.Fatalf("%s isn't in the list:\n%s", domain, list)
	return ""
}

// customerList: the lists of all versions explain in plain words why a domain isn't ready.
func customerList(f *fixture) {
	here := []string{"198.51.100.4", "2001:db8::4"}
	found := []string{"203.0.113.9"}
	names := map[string]string{}
	cases := map[string]struct {
		state tasks.State
		cause tasks.Cause
		warn  []tasks.Cause
		want  []string // parts of the row; none if it has no explanation
		not   string
	}{
		"missing": {tasks.CheckingDNS, cause(tasks.CauseDNSMissing, tasks.Params{Expected: here}), nil,
			[]string{"c.example.com has no A or AAAA record in DNS", "Set: <code>A  c.example.com  198.51.100.4</code>", "Set: <code>AAAA  c.example.com  2001:db8::4</code>"}, "Delete"},
		"elsewhere": {tasks.Failed, cause(tasks.CauseDNSElsewhere, tasks.Params{Found: found, Expected: here[:1]}), nil,
			[]string{"c.example.com points to 203.0.113.9; this app is on 198.51.100.4. Make c.example.com point to 198.51.100.4", "Change: <code>A  c.example.com  203.0.113.9 → 198.51.100.4</code>"}, "verify"},
		"only www": {tasks.Done, cause(tasks.CauseWorks, tasks.Params{}), []tasks.Cause{cause(tasks.CauseDNSMissing, tasks.Params{Name: "www.c.example.com", Expected: here[:1]})},
			[]string{"www.c.example.com has no A or AAAA record", "Set: <code>A  www.c.example.com  198.51.100.4</code>"}, "valid"},
		"IPv6": {tasks.Failed, cause(tasks.CauseIPv6Elsewhere, tasks.Params{Found: []string{"2001:db8::9"}, Expected: here}), nil,
			[]string{"Change: <code>AAAA  c.example.com  2001:db8::9 → 2001:db8::4</code>"}, "<code>A "},
		"no IPv6": {tasks.Failed, cause(tasks.CauseIPv6Elsewhere, tasks.Params{Found: []string{"2001:db8::9"}, Expected: here[:1]}), nil,
			[]string{"Delete: <code>AAAA  c.example.com  2001:db8::9</code>"}, "Set:"},
		"dangling": {tasks.Failed, cause(tasks.CauseDNSAliasDangling, tasks.Params{Target: "gone.example.net", Expected: here[:1]}), nil,
			[]string{"Set: <code>A  c.example.com  198.51.100.4</code>", "Delete: <code>CNAME  c.example.com  gone.example.net</code>"}, ""},
		"CAA": {tasks.CheckingSSL, cause(tasks.CauseCAAForbids, tasks.Params{Record: "example.com", Issuers: []string{"ca.example"}}), nil,
			[]string{"Set: <code>CAA  example.com  0 issue &quot;letsencrypt.org&quot;</code>"}, "Delete:"},
		"DNSSEC": {tasks.CheckingDNS, cause(tasks.CauseDNSSECBogus, tasks.Params{}), nil, []string{"The DNSSEC signatures of c.example.com are wrong", "Repair the signatures"}, "Set:"},
		"expected is a network": {tasks.CheckingDNS, cause(tasks.CauseDNSElsewhere, tasks.Params{Found: found, Expected: []string{"192.0.2.0/24"}}), nil,
			[]string{"point to an address in 192.0.2.0/24", "Change: <code>A  c.example.com  203.0.113.9 → an address in 192.0.2.0/24</code>"}, "Delete"},
		"nothing checked yet": {tasks.CheckingDNS, cause(tasks.CauseListed, tasks.Params{}), nil, []string{"are being checked"}, "put on the list"},
		"certificate":         {tasks.CheckingSSL, cause(tasks.CauseCertificateNotReady, tasks.Params{}), nil, []string{"5 to 15 minutes"}, "ServerPilot"},
		"fault of the server": {tasks.DoneWithoutSSL, cause(tasks.CauseCertificateUntrusted, tasks.Params{App: "app1"}), nil, []string{"DNS records of c.example.com are right", "contact the support"}, "app1"},
		"disconnected":        {tasks.CheckingDNS, tasks.Cause{Code: tasks.CauseServerDisconnected}, nil, []string{"This domain does not work yet. Please contact the support"}, "ServerPilot"},
		"never certified":     {tasks.DoneWithoutSSL, cause(tasks.CauseNameNotCertifiable, tasks.Params{Rule: tasks.RuleWildcard}), nil, []string{"c.example.com does not work yet. Please contact the support"}, "ServerPilot"},
		"refused":             {tasks.Rejected, cause(tasks.CauseRefusedByServerPilot, tasks.Params{Message: "taken: " + script}), nil, []string{"could not be set up: ServerPilot refused it: taken: &lt;script&gt;alert(1)&lt;/script&gt;"}, "<script"},
		"script in the problem": {tasks.Failed, cause(tasks.CauseDNSElsewhere, tasks.Params{Name: script, Found: []string{script, "203.0.113.9"}, Expected: []string{script, "198.51.100.4"}}), nil,
			[]string{"&lt;script&gt;alert(1)&lt;/script&gt; points to", "198.51.100.4"}, "<script"},
		"of a later release": {tasks.Failed, cause("ANewThing", tasks.Params{}), nil, []string{"This domain does not work yet."}, "ANewThing"},
		"of an older worker": {tasks.Failed, tasks.Cause{}, nil, []string{"This domain does not work yet."}, "pilotsync verify"},
		"fine":               {tasks.Done, cause(tasks.CauseWorks, tasks.Params{}), nil, nil, "pilotsync"},
		"on two apps":        {tasks.Done, cause(tasks.CauseWorks, tasks.Params{}), []tasks.Cause{cause(tasks.CauseOnTwoApps, tasks.Params{App: "app2", Served: "app1"})}, nil, "pilotsync"},
		"expires soon":       {tasks.Done, cause(tasks.CauseCertificateExpiring, tasks.Params{}), nil, nil, "pilotsync"},
		"custom one expires": {tasks.Done, cause(tasks.CauseCustomCertificateExpiring, tasks.Params{}), nil, nil, "pilotsync"},
		"expires at a proxy": {tasks.Done, cause(tasks.CauseProxyCertificateExpiring, tasks.Params{Provider: "Cloudflare"}), nil,
			[]string{"The certificate that Cloudflare shows for c.example.com ends on", "in the settings of Cloudflare"}, "does not work"},
	}
	var mapped []step
	for name := range cases {
		names[name] = strings.ToLower(strings.ReplaceAll(name, " ", "-")) + ".customer.example.com"
		mapped = append(mapped, step{"map", names[name]})
	}
	f.do(mapped...)
	for name, c := range cases {
		f.setStatus(names[name], c.state, c.cause, c.warn...)
		if c.cause.Code == "" {
			f.setRecord(listsync.Record{Domain: names[name], State: c.state, OldReason: "points to " + script + ". Next: run pilotsync verify"})
		}
	}
	inEachVersion(f, func(version string) {
		list := f.do(step{"customer_list", 2}).Output
		for name, c := range cases {
			got := customerRow(f.t, list, names[name])
			if (len(c.want) > 0) != strings.Contains(got, "pilotsync-cause") {
				f.t.Errorf("%s, in version %s: %s", name, version, got)
			}
			for _, want := range c.want {
				if !strings.Contains(got, want) {
					f.t.Errorf("%s, in version %s: the row lacks %q: %s", name, version, want, got)
				}
			}
			if c.not != "" && strings.Contains(got, c.not) {
				f.t.Errorf("%s, in version %s: the row has %q: %s", name, version, c.not, got)
			}
		}
		if strings.Contains(customerRow(f.t, list, "shop.example.com"), "pilotsync") {
			f.t.Errorf("in version %s a row of another list was changed", version)
		}
	})
	f.sent()
	for list, want := range map[string]bool{"customer_list": true, "notices": false} {
		if out := f.do(step{list, 2}, step{"do_action", "admin_footer"}).Output; strings.Contains(out, "flex-basis: 100%") != want {
			f.t.Errorf("a page with the step %s has the style of causes: %t; want %t", list, !want, want)
		}
	}
	for locale, want := range map[string]string{"fr_FR": "Définir\u00a0: <code>A", "de_AT": "keinen A- oder AAAA-Eintrag", "nl_NL": "Set: <code>A"} {
		f.do(step{"option", "fake_locale", locale})
		if got := customerRow(f.t, f.do(step{"customer_list", 2}).Output, names["missing"]); !strings.Contains(got, want) {
			f.t.Errorf("in the language %s the row lacks %q: %s", locale, want, got)
		}
	}
	f.do(step{"option", "fake_locale", ""})

	// While Redis is unavailable, the list uses the last event.
	f.redis.Stop()
	e := domainEvent(names["missing"], tasks.Rejected, time.Now().Add(time.Minute))
	e.Reason = "no " + script
	f.postEvent("c1", time.Now(), e)
	if got := customerRow(f.t, f.do(step{"customer_list", 2}).Output, names["missing"]); !strings.Contains(got, "no &lt;script&gt;alert(1)&lt;/script&gt;") {
		f.t.Errorf("while Redis is unavailable: %s", got)
	}
	e = domainEvent(names["missing"], tasks.Failed, time.Now().Add(2*time.Minute))
	e.Cause = cause(tasks.CauseDNSMissing, tasks.Params{Expected: here[:1]})
	e.Warnings = []tasks.Cause{cause(tasks.CauseDNSMissing, tasks.Params{Name: "www.c.example.com", Expected: here[:1]})}
	f.postEvent("c2", time.Now(), e)
	got := customerRow(f.t, f.do(step{"customer_list", 2}).Output, names["missing"])
	for _, want := range []string{"www.c.example.com has no A or AAAA record", "Set: <code>A  c.example.com  198.51.100.4</code>", "Set: <code>CNAME  www.c.example.com  c.example.com</code>"} {
		if !strings.Contains(got, want) {
			f.t.Errorf("while Redis is unavailable the row lacks %q: %s", want, got)
		}
	}
	f.redis.Start()
	f.do(step{"forget_redis_away"})

	// Redis forgets a rejected domain in time; its mapping stays.
	const forgotten = "forgotten.example.com"
	f.do(step{"map", forgotten})
	for i, c := range []struct {
		state tasks.State
		shown bool
	}{{tasks.Rejected, true}, {tasks.Failed, false}} {
		e := domainEvent(forgotten, c.state, time.Now().Add(time.Duration(1+i)*time.Minute))
		e.Reason = "no room"
		f.postEvent(fmt.Sprint("forgotten", i), time.Now(), e)
		if got := customerRow(f.t, f.do(step{"customer_list", 2}).Output, forgotten); strings.Contains(got, "no room") != c.shown {
			f.t.Errorf("a domain that Redis doesn't know, after an event with the state %s: %s", c.state, got)
		}
	}
	f.do(step{"unmap", forgotten})
	var unmapped []step
	for _, domain := range names {
		unmapped = append(unmapped, step{"unmap", domain})
	}
	f.do(unmapped...)
	f.do(step{"queue"})
	f.sent()
}

// dailyDigest: at most one e-mail a day lists the domains that need attention, with cause and
// remedy.
func dailyDigest(f *fixture) {
	for _, domain := range []string{"dns.digest.example.com", "server.digest.example.com", "fine.digest.example.com"} {
		f.do(step{"map", domain})
	}
	f.setStatus("fine.digest.example.com", tasks.Done, cause(tasks.CauseWorks, tasks.Params{}))
	f.setStatus("dns.digest.example.com", tasks.Failed,
		cause(tasks.CauseDNSElsewhere, tasks.Params{Name: "dns.digest.example.com", Found: []string{"203.0.113.9"}, Expected: []string{"198.51.100.4"}}))
	f.setStatus("server.digest.example.com", tasks.DoneWithoutSSL,
		cause(tasks.CauseServerUnreachable, tasks.Params{Name: "server.digest.example.com", Message: "it refuses connections"}))
	later := func(seconds int) { f.do(step{"age_digest", seconds}) } // moves the last check into the past
	hour := step{"do_action", "pilotsync_hourly"}
	f.mails()
	later(100000)
	f.redis.Stop()
	f.do(hour)
	if m := f.mails(); len(m) != 0 {
		f.t.Errorf("while Redis is unavailable %q were sent", m)
	}
	f.redis.Start()
	f.do(hour)
	f.do(hour)
	m := f.mails()
	if len(m) != 1 {
		f.t.Fatalf("%d e-mails were sent: %q", len(m), m)
	}
	f.wantMail(m, "admin@example.net", m[0].Subject,
		"\ndns.digest.example.com (DNS failed)\nCause: dns.digest.example.com points to 203.0.113.9; this app is on 198.51.100.4\nRemedy: Make dns.digest.example.com point to 198.51.100.4",
		"\n  Change: A  dns.digest.example.com  203.0.113.9 → 198.51.100.4\n",
		"\nserver.digest.example.com (No certificate)\nCause: server.digest.example.com points here, but it refuses connections\nRemedy: Check that the server runs")
	if strings.Contains(m[0].Message, "fine.digest") || !strings.Contains(m[0].Subject, "[Tom's & Jo's] ") || !strings.HasSuffix(m[0].Subject, " need attention") {
		f.t.Errorf("the e-mail is %q:\n%s", m[0].Subject, m[0].Message)
	}

	later(90000) // the next day, with nothing new
	f.do(hour)
	if m := f.mails(); len(m) != 0 {
		f.t.Errorf("with nothing new %q were sent", m)
	}
	f.setRecord(listsync.Record{Domain: "fine.digest.example.com", State: tasks.Failed, OldReason: "broken"})
	later(90000)
	f.do(hour)
	if m := f.mails(); len(m) != 1 || !strings.Contains(m[0].Message, "fine.digest.example.com (DNS failed)") || !strings.Contains(m[0].Message, "dns.digest.example.com") {
		f.t.Errorf("with one more domain %q were sent", m)
	}
	later(8 * 86400) // a week later the e-mail is repeated
	f.do(hour)
	if m := f.mails(); len(m) != 1 {
		f.t.Errorf("after a week %q were sent", m)
	}
	for _, domain := range []string{"dns.digest.example.com", "server.digest.example.com", "fine.digest.example.com"} {
		f.do(step{"unmap", domain})
	}
	f.do(step{"queue"})
	f.sent()
}
