package tasks

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func networks(texts ...string) (all []netip.Prefix) {
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func TestDNSRecordsPointNamesToAServer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name     string
		names    []string
		expected []netip.Prefix
		want     string
	}{
		{"a domain and its www form", []string{"example.com", "www.example.com"}, networks("198.51.100.4/32"),
			"A example.com 198.51.100.4; CNAME www.example.com example.com"},
		{"a server with both families", []string{"example.com", "www.example.com"}, networks("198.51.100.4/32", "2001:db8::4/128"),
			"A example.com 198.51.100.4; AAAA example.com 2001:db8::4; CNAME www.example.com example.com"},
		{"alternatives", []string{"example.com"}, networks("198.51.100.4/32", "203.0.113.9/32", "2001:db8::4/128", "2001:db8::5/128"),
			"A example.com 198.51.100.4; AAAA example.com 2001:db8::4"},
		{"www alone", []string{"www.example.com"}, networks("198.51.100.4/32"), "A www.example.com 198.51.100.4"},
		{"a wildcard", []string{"*.example.com"}, networks("198.51.100.4/32"), "A *.example.com 198.51.100.4"},
		{"an address in IPv6's form", []string{"example.com"}, networks("::ffff:198.51.100.4/128"), "A example.com 198.51.100.4"},
		{"a network beside an address", []string{"example.com"}, networks("198.51.100.4/32", "203.0.113.0/24"), "A example.com 198.51.100.4"},
		{"only networks", []string{"example.com", "www.example.com"}, networks("203.0.113.0/24", "192.0.2.0/25"),
			"A example.com an address in 203.0.113.0/24, 192.0.2.0/25; CNAME www.example.com example.com"},
		{"no address", []string{"example.com", "www.example.com"}, nil, ""},
	} {
		if diff := cmp.Diff(test.want, shownRecords(DNSRecords(test.names, test.expected))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// PHP's library and the plugin have the same cases.
func TestRecordsToChangeFollowFromTheCauses(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/dnsrecords.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []struct {
		Case     string
		Names    []string
		Problems []Cause
		Records  []DNSRecord
	}
	if err := json.Unmarshal(text, &cases); err != nil || len(cases) < 20 {
		t.Fatalf("%d cases: %v", len(cases), err)
	}
	for _, c := range cases {
		if diff := cmp.Diff(c.Records, RecordsToChange(c.Names, c.Problems)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.Case, diff)
		}
	}
	if got := RecordsToChange(nil, []Cause{{Code: CauseDNSMissing}}); got == nil || len(got) > 0 {
		t.Errorf("without names: %v; want [], for JSON", got)
	}
}

func TestRemediesNameTheValueToSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		code     Code
		expected []string
		want     string
	}{
		{CauseDNSMissing, []string{"198.51.100.4", "198.51.100.5", "203.0.113.0/24", "2001:db8::4"}, "Create an address record of a.example: 198.51.100.4, 2001:db8::4."},
		{CauseDNSMissing, []string{"203.0.113.0/24"}, "Create an address record of a.example: an address in 203.0.113.0/24."},
		{CauseDNSMissing, nil, "Create an address record of a.example."},
		{CauseDNSElsewhere, []string{"203.0.113.0/24", "2001:db8::/32"}, "Make a.example point to an address in 203.0.113.0/24, 2001:db8::/32 and nowhere else."},
		{CauseDNSAliasDangling, []string{"203.0.113.0/24", "198.51.100.4"}, "by an address record: 198.51.100.4."},
		{CauseIPv6Elsewhere, []string{"198.51.100.4"}, "Delete the AAAA record 2001:db8::9 of a.example. If"},
		{CauseIPv6Elsewhere, []string{"198.51.100.4", "2001:db8::4"}, "Delete the AAAA record 2001:db8::9 of a.example, or change it to 2001:db8::4. If"},
		{CauseOtherSite, []string{"203.0.113.0/24"}, "to the app's server, an address in 203.0.113.0/24."},
	} {
		cause := Cause{Code: c.code, Params: Params{Name: "a.example", Found: []string{"2001:db8::9"}, Expected: c.expected}}
		if got := cause.Remedy(); !strings.Contains(got, c.want) {
			t.Errorf("%s with %q: %q; want one with %q", c.code, c.expected, got, c.want)
		}
	}
}

func shownRecords(records []DNSRecord) string {
	var all []string
	for _, r := range records {
		all = append(all, fmt.Sprint(r.Type, " ", r.Name, " ", r.ValueText()))
	}
	return strings.Join(all, "; ")
}
