package tasks

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAllRecordsHaveWhatTheLastCheckSaw(t *testing.T) {
	t.Parallel()
	const here, away, here6 = "198.51.100.4", "203.0.113.9", "2001:db8::4"
	both := []string{"example.com", "www.example.com"}
	saw := func(expected string, names ...SeenName) *SeenDNS {
		return &SeenDNS{Expected: strings.Fields(expected), Names: names}
	}
	has := func(name string, addresses ...string) SeenName { return SeenName{Name: name, Has: addresses} }
	problem := func(code Code, found ...string) []Cause {
		return []Cause{{Code: code, Params: Params{Name: "example.com", Found: found, Expected: []string{here}}}}
	}
	for _, test := range []struct {
		name     string
		names    []string
		seen     *SeenDNS
		problems []Cause
		want     string
	}{
		{"a domain that works", both, saw(here, has("example.com", here), has("www.example.com", here)), nil,
			"A example.com right: " + here + "; CNAME www.example.com right: " + here},
		{"a server with IPv6 that the domain doesn't use", both[:1], saw(here+" "+here6, has("example.com", here)), nil, "A example.com right: " + here},
		{"both families", both[:1], saw(here+" "+here6, has("example.com", here, here6)), nil, "A example.com right: " + here + "; AAAA example.com right: " + here6},
		{"a domain elsewhere", both, saw(here, has("example.com", away), has("www.example.com", away)), problem(CauseDNSElsewhere, away),
			"A example.com wrong: " + away + "; CNAME www.example.com wrong: " + away},
		{"a domain elsewhere whose www form is right", both, saw(here, has("example.com", away), has("www.example.com", here)), problem(CauseDNSElsewhere, away),
			"A example.com wrong: " + away + "; CNAME www.example.com right: " + here},
		{"no records", both, saw(here, has("example.com"), has("www.example.com")), problem(CauseDNSMissing),
			"A example.com missing: nothing; CNAME www.example.com missing: nothing"},
		{"a forgotten AAAA record", both[:1], saw(here, has("example.com", here6, here)), problem(CauseIPv6Elsewhere, here6),
			"AAAA example.com wrong: " + here6 + "; A example.com right: " + here},
		{"a proxy", both[:1], saw(here, SeenName{Name: "example.com", Has: []string{"104.16.0.1"}, Provider: "Cloudflare"}), nil, "A example.com proxied: 104.16.0.1"},
		{"no answer", both[:1], saw(here, SeenName{Name: "example.com", NoAnswer: true}), []Cause{{Code: CauseDNSUnknown}}, "A example.com unknown: no answer"},
		{"a name that was added since", both, saw(here, has("example.com", here)), nil, "A example.com right: " + here + "; CNAME www.example.com unchecked: not known"},
		{"CAA records that forbid the certificate", both[:1], saw(here, has("example.com", here)), []Cause{{Code: CauseCAAForbids, Params: Params{Record: "example.com"}}},
			"CAA example.com missing: records that don't allow Let's Encrypt; A example.com right: " + here},
		{"a record of an earlier release", both, nil, problem(CauseDNSElsewhere, away), "A example.com wrong: " + away + "; CNAME www.example.com unchecked: not known"},
		{"a record of an earlier release, of a domain that works", both, nil, nil, ""},
		{"nothing is expected", both, saw(""), nil, ""},
	} {
		var got []string
		for _, r := range AllRecords(test.names, test.seen, test.problems) {
			got = append(got, fmt.Sprintf("%s %s %s: %s", r.Type, r.Name, r.Status, r.FoundText()))
			if r.IsRight() && r.NeedsChange() || r.IsRight() != (r.Action == RecordKeep) {
				t.Errorf("%s: %+v", test.name, r)
			}
		}
		if diff := cmp.Diff(test.want, strings.Join(got, "; ")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestRecordsToRepairLeaveOutAWWWFormThatIsRight(t *testing.T) {
	t.Parallel()
	const here, away = "198.51.100.4", "203.0.113.9"
	names := []string{"example.com", "www.example.com"}
	problems := []Cause{{Code: CauseDNSElsewhere, Params: Params{Name: names[0], Found: []string{away}, Expected: []string{here}}}}
	domain := DNSRecord{Action: RecordChange, Type: "A", Name: names[0], Value: here, Found: []string{away}}
	www := DNSRecord{Action: RecordChange, Type: "CNAME", Name: names[1], Value: names[0], Found: []string{away}}
	for has, want := range map[string][]DNSRecord{here: {domain}, away: {domain, www}} {
		seen := &SeenDNS{Expected: []string{here}, Names: []SeenName{{Name: names[0], Has: []string{away}}, {Name: names[1], Has: []string{has}}}}
		if diff := cmp.Diff(want, RecordsToRepair(names, seen, problems)); diff != "" {
			t.Errorf("the www form has %s (-want +got):\n%s", has, diff)
		}
	}
}
