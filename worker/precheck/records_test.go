package precheck

import (
	"net/netip"
	"strings"
	"testing"

	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
)

func TestARecordIsJudgedLikeAVerificationDoes(t *testing.T) {
	t.Parallel()
	expected := []netip.Prefix{netip.MustParsePrefix("198.51.100.4/32"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("2001:db8::4/128")}
	for _, test := range []struct {
		name, kind, value string
		dns               certcheck.DNSStatus
		addresses         string
		status            string
		action            tasks.RecordAction
	}{
		{"the value", "A", "198.51.100.4", certcheck.PointsHere, "198.51.100.4", "right", tasks.RecordKeep},
		{"another allowed address", "A", "198.51.100.4", certcheck.PointsHere, "203.0.113.9", "right", tasks.RecordKeep},
		{"an alias", "CNAME", "example.com", certcheck.PointsHere, "203.0.113.9", "right", tasks.RecordKeep},
		{"one address too many", "A", "198.51.100.4", certcheck.Elsewhere, "198.51.100.4 192.0.2.1", "wrong", tasks.RecordChange},
		{"no IPv6 of a name that leads here", "AAAA", "2001:db8::4", certcheck.PointsHere, "198.51.100.4", "optional", ""},
		{"no IPv6 of a name that leads elsewhere", "AAAA", "2001:db8::4", certcheck.Elsewhere, "192.0.2.1", "missing", tasks.RecordSet},
		{"no address", "A", "198.51.100.4", certcheck.NoAddress, "", "missing", tasks.RecordSet},
		{"a proxy", "A", "198.51.100.4", certcheck.Proxied, "192.0.2.1", "proxied", ""},
		{"no answer", "A", "198.51.100.4", certcheck.DNSUnknown, "", "unknown", ""},
	} {
		probe := certcheck.Probe{DNS: test.dns}
		if test.dns == certcheck.Proxied {
			probe.Provider = "Cloudflare"
		}
		for _, a := range strings.Fields(test.addresses) {
			probe.Addresses = append(probe.Addresses, netip.MustParseAddr(a))
		}
		got := StatusOf(tasks.DNSRecord{Type: test.kind, Name: "example.com", Value: test.value}, probe, expected)
		if got.Status != test.status || got.Action != test.action {
			t.Errorf("%s: %q, %q; want %q, %q", test.name, got.Status, got.Action, test.status, test.action)
		}
	}
	facts := certcheck.Facts{Names: []string{"example.com"}, Probes: map[string]certcheck.Probe{
		"example.com": {DNS: certcheck.PointsHere, Addresses: []netip.Addr{netip.MustParseAddr("198.51.100.4")}}}}
	if got := records(facts, expected); len(got) != 1 || got[0].Type != "A" {
		t.Errorf("the records are %+v; want the A record only", got)
	}
}
