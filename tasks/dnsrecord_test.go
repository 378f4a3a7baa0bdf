package tasks

import (
	"fmt"
	"net/netip"
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
		{"a network is no record", []string{"example.com"}, networks("198.51.100.4/32", "203.0.113.0/24"), "A example.com 198.51.100.4"},
		{"only a network", []string{"example.com", "www.example.com"}, networks("203.0.113.0/24"), ""},
		{"no address", []string{"example.com", "www.example.com"}, nil, ""},
	} {
		if diff := cmp.Diff(test.want, shownRecords(DNSRecords(test.names, test.expected))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestRecordsToSetAreThoseOfWrongNames(t *testing.T) {
	t.Parallel()
	names, here := []string{"example.com", "www.example.com"}, []string{"198.51.100.4", "203.0.113.0/24"}
	cause := func(code Code, name string, expected []string) Cause {
		return Cause{Code: code, Params: Params{Name: name, Expected: expected}}
	}
	for _, test := range []struct {
		name     string
		problems []Cause
		want     string
	}{
		{"both", []Cause{cause(CauseDNSMissing, names[0], here), cause(CauseDNSElsewhere, names[1], here)}, "A example.com 198.51.100.4; CNAME www.example.com example.com"},
		{"the domain", []Cause{cause(CauseIPv6Elsewhere, names[0], here)}, "A example.com 198.51.100.4; CNAME www.example.com example.com"},
		{"the www form", []Cause{cause(CauseDNSAliasDangling, names[1], here)}, "CNAME www.example.com example.com"},
		{"an address that isn't known", []Cause{cause(CauseDNSMissing, names[0], nil)}, ""},
		{"DNS is right", []Cause{cause(CauseBehindProxy, names[0], here)}, ""},
		{"all is right", nil, ""},
	} {
		if diff := cmp.Diff(test.want, shownRecords(RecordsToSet(names, test.problems))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func shownRecords(records []DNSRecord) string {
	var all []string
	for _, r := range records {
		all = append(all, fmt.Sprint(r.Type, " ", r.Name, " ", r.Value))
	}
	return strings.Join(all, "; ")
}
