package certcheck

import (
	"net/netip"
	"strings"
	"testing"
	"time"
	"unicode"
)

func TestWhatWasSeenInWords(t *testing.T) {
	t.Parallel()
	here := []netip.Addr{netip.MustParseAddr("198.51.100.4")}
	for _, test := range []struct{ name, got, want string }{
		{"right", Look{DNS: PointsHere, Addresses: here}.DNSInWords(), "points here (198.51.100.4)"},
		{"elsewhere", Look{DNS: Elsewhere, Addresses: here}.DNSInWords(), "points to 198.51.100.4"},
		{"nothing", Look{DNS: NoAddress}.DNSInWords(), "has no A or AAAA record"},
		{"nothing, with more to say", Look{DNS: NoAddress, DNSDetail: "doesn't exist"}.DNSInWords(), "doesn't exist"},
		{"no answer", Look{DNS: Unknown, DNSDetail: "no answer in time"}.DNSInWords(), "lookup failed: no answer in time"},
		{"a good certificate", Look{TLS: Valid, Issuer: "Let's Encrypt", NotAfter: time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)}.TLSInWords(),
			"certificate valid until 2026-05-01 (Let's Encrypt)"},
		{"not looked at", Look{TLS: NotChecked}.TLSInWords(), ""},
		{"a bad one", Look{TLS: Untrusted, TLSDetail: "the certificate at 198.51.100.4 is self-signed"}.TLSInWords(), "the certificate at 198.51.100.4 is self-signed"},
		{"a bad one without a word", Look{TLS: HandshakeFailed}.TLSInWords(), "handshake failed"},
		{"ServerPilot away", AutoSSL{}.InWords(), "ServerPilot couldn't be asked"},
		{"on", AutoSSL{Known: true, On: true, Available: true, Covered: []string{"a.com", "www.a.com"}}.InWords(), "on for a.com, www.a.com"},
		{"just turned on", AutoSSL{Known: true, TurnedOn: true, Available: true, Covered: []string{"a.com"}}.InWords(), "turned on just now for a.com"},
		{"refused", AutoSSL{Known: true, Available: true, Refused: "no\x1b[31m"}.InWords(), "ServerPilot refused to turn it on: no [31m"},
		{"not ready", AutoSSL{Known: true}.InWords(), "no certificate ready yet"},
		{"off", AutoSSL{Known: true, Available: true}.InWords(), "off, though a certificate is ready"},
		{"custom", AutoSSL{Known: true, Custom: true}.InWords(), "a custom certificate is installed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.got != test.want || strings.ContainsFunc(test.got, unicode.IsControl) {
				t.Errorf("got %q, want %q", test.got, test.want)
			}
		})
	}
}
