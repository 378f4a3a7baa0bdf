package certcheck

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestProbesAndAutoSSLAreDescribed(t *testing.T) {
	t.Parallel()
	here := []netip.Addr{netip.MustParseAddr("198.51.100.4")}
	for _, test := range []struct{ name, got, want string }{
		{"pointing here", Probe{DNS: PointsHere, Addresses: here}.DescribeDNS(), "points here (198.51.100.4)"},
		{"elsewhere", Probe{DNS: Elsewhere, Addresses: here}.DescribeDNS(), "points to 198.51.100.4"},
		{"no address", Probe{DNS: NoAddress}.DescribeDNS(), "has no A or AAAA record"},
		{"no address, with a detail", Probe{DNS: NoAddress, DNSDetail: "doesn't exist"}.DescribeDNS(), "doesn't exist"},
		{"no answer", Probe{DNS: Unknown, DNSDetail: "no answer in time"}.DescribeDNS(), "lookup failed: no answer in time"},
		{"a good certificate", Probe{TLS: Valid, Issuer: "Let's Encrypt", NotAfter: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}.DescribeTLS(),
			"certificate valid until 2026-05-01 (Let's Encrypt)"},
		{"not checked", Probe{TLS: NotChecked}.DescribeTLS(), ""},
		{"a bad one", Probe{TLS: Untrusted, TLSDetail: "the certificate at 198.51.100.4 is self-signed"}.DescribeTLS(), "the certificate at 198.51.100.4 is self-signed"},
		{"a bad one without a detail", Probe{TLS: HandshakeFailed}.DescribeTLS(), "handshake failed"},
		{"ServerPilot away", AutoSSL{}.Describe(), "ServerPilot couldn't be asked"},
		{"on", AutoSSL{Known: true, On: true, Available: true, Covered: []string{"a.com", "www.a.com"}}.Describe(), "on for a.com, www.a.com"},
		{"just turned on", AutoSSL{Known: true, TurnedOn: true, Available: true, Covered: []string{"a.com"}}.Describe(), "turned on just now for a.com"},
		{"refused", AutoSSL{Known: true, Available: true, Refused: "no\x1b[31m"}.Describe(), "ServerPilot refused to turn it on: no [31m"},
		{"not ready", AutoSSL{Known: true}.Describe(), "no certificate ready yet"},
		{"off", AutoSSL{Known: true, Available: true}.Describe(), "off, though a certificate is ready"},
		{"custom", AutoSSL{Known: true, Custom: true}.Describe(), "a custom certificate is installed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.got != test.want || strings.ContainsFunc(test.got, unicode.IsControl) {
				t.Errorf("got %q, want %q", test.got, test.want)
			}
		})
	}
}
