package simulator

import (
	"net/netip"
	"strings"
	"time"

	"github.com/miekg/dns"
)

// Behaviour is how a name behaves in DNS, at the API and for AutoSSL. With the zero value the
// name points to the server, is accepted, and gets its certificate after Options.CertDelay.
//
// In JSON, durations are whole nanoseconds.
type Behaviour struct {
	// NoDNS: the name doesn't exist (NXDOMAIN).
	NoDNS bool `json:"no_dns,omitempty"`
	// DNSError: the resolver fails (SERVFAIL).
	DNSError bool `json:"dns_error,omitempty"`
	// DNSSECBogus: the resolver fails unless it is asked not to check (the CD bit).
	DNSSECBogus bool `json:"dnssec_bogus,omitempty"`
	// ExtendedError is the code that goes with a failure of the resolver (RFC 8914) if the
	// question allows that; 0 for none.
	ExtendedError uint16 `json:"extended_error,omitempty"`
	// DNSSilent: the resolver doesn't answer at all.
	DNSSilent bool `json:"dns_silent,omitempty"`
	// CNAME is the name of which this name is an alias.
	CNAME string `json:"cname,omitempty"`
	// PointsTo lists the name's addresses, IPv4 and IPv6. Default: the server's address.
	PointsTo []netip.Addr `json:"points_to,omitempty"`
	// PointsAlsoTo lists addresses besides those, such as that of a forgotten AAAA record.
	PointsAlsoTo []netip.Addr `json:"points_also_to,omitempty"`
	// CAA lists the name's CAA records as in a zone file: 0 issue "ca.example.net".
	CAA []string `json:"caa,omitempty"`
	// CAAError: the resolver fails for CAA records alone.
	CAAError bool `json:"caa_error,omitempty"`
	// Proxied: the name points to the proxy, whose certificate is always valid. It passes
	// requests to the site.
	Proxied bool `json:"proxied,omitempty"`
	// OtherSite: the site is of another network, and signs challenges with another secret
	// than Options.SiteSecret.
	OtherSite bool `json:"other_site,omitempty"`
	// Refused is why the API refuses a list to which this name was added (400).
	Refused string `json:"refused,omitempty"`
	// Conflict is why the API answers 409 to a list to which this name was added.
	Conflict string `json:"conflict,omitempty"`
	// CertDelay overrides Options.CertDelay unless it is 0.
	CertDelay time.Duration `json:"cert_delay_ns,omitempty"`
	// LateCert: the certificate takes ten times Options.CertDelay, at least 1 s.
	LateCert bool `json:"late_cert,omitempty"`
	// NoCert: AutoSSL never gets a certificate for the name.
	NoCert bool `json:"no_cert,omitempty"`
	// TLS is the fault of each handshake for the name.
	TLS TLSFault `json:"tls,omitempty"`
}

// elsewhereAddr and elsewhereAddr6 are of documentation networks (RFC 5737, RFC 3849).
var (
	elsewhereAddr  = netip.AddrFrom4([4]byte{203, 0, 113, 9})
	elsewhereAddr6 = netip.MustParseAddr("2001:db8::9")
)

type convention struct {
	word, meaning string
	behaviour     Behaviour
}

func conventions() []convention {
	return []convention{
		{"nodns", "has no DNS record", Behaviour{NoDNS: true}},
		{"elsewhere", "points to " + elsewhereAddr.String(), Behaviour{PointsTo: []netip.Addr{elsewhereAddr}}},
		{"ipv6", "points here, and by a forgotten AAAA record to " + elsewhereAddr6.String(), Behaviour{PointsAlsoTo: []netip.Addr{elsewhereAddr6}, NoCert: true}},
		{"servfail", "makes the resolver fail", Behaviour{DNSError: true}},
		{"bogus", "has wrong DNSSEC signatures", Behaviour{DNSSECBogus: true, ExtendedError: dns.ExtendedErrorCodeDNSBogus, NoCert: true}},
		{"caa", "has a CAA record for another authority", Behaviour{CAA: []string{`0 issue "ca.example.net"`}, NoCert: true}},
		{"proxied", "is behind a proxy", Behaviour{Proxied: true}},
		{"othersite", "is behind a proxy, with a site of another network", Behaviour{Proxied: true, OtherSite: true}},
		{"refused", "is refused by the API", Behaviour{Refused: "this domain is not allowed"}},
		{"latecert", "gets its certificate after ten times the delay", Behaviour{LateCert: true}},
		{"nocert", "never gets a certificate", Behaviour{NoCert: true}},
	}
}

// ByName chooses the behaviour by a word in a name's first label after www.:
// nodns-shop.example.com has no DNS record. [Conventions] lists the words. Any other name has
// the zero behaviour.
func ByName(name string) Behaviour {
	label, _, _ := strings.Cut(domainOf(canonical(name)), ".")
	for _, c := range conventions() {
		if strings.Contains(label, c.word) {
			return c.behaviour
		}
	}
	return Behaviour{}
}

// Conventions describes the words that ByName knows, one in each line.
func Conventions() []string {
	var lines []string
	for _, c := range conventions() {
		lines = append(lines, c.word+": "+c.meaning)
	}
	return lines
}

// SetBehaviour sets the behaviour of a name, in place of Options.Behaviour. It also applies
// to the name's www form, unless that has its own.
func (s *Simulator) SetBehaviour(name string, b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviours[canonical(name)] = b
	for a := range s.apps.all() { // other names may be aliases of this one
		s.updatePointing(a)
	}
}

// behaviour is called with the lock held.
func (s *Simulator) behaviour(name string) Behaviour {
	name = canonical(name)
	if b, ok := s.behaviours[name]; ok {
		return b
	}
	if b, ok := s.behaviours[domainOf(name)]; ok {
		return b
	}
	return s.opt.Behaviour(domainOf(name))
}

func (s *Simulator) certDelay(b Behaviour) time.Duration {
	switch {
	case b.CertDelay > 0:
		return b.CertDelay
	case b.LateCert:
		return max(10*s.opt.CertDelay, time.Second)
	}
	return s.opt.CertDelay
}

// canonical makes names comparable: DNS ignores letter case and a trailing dot.
func canonical(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// domainOf returns the domain of a www form, or the name itself.
func domainOf(name string) string { return strings.TrimPrefix(name, "www.") }
