package simulator

import (
	"net/netip"
	"strings"
	"time"
)

// Behaviour is how one name behaves in DNS, at the API and for AutoSSL. The
// zero value is a good name: it points to the server, is accepted, and gets
// its certificate after Options.CertDelay.
//
// In JSON durations are whole nanoseconds.
type Behaviour struct {
	// NoDNS: the name doesn't exist (NXDOMAIN).
	NoDNS bool `json:"no_dns,omitempty"`
	// DNSError: the resolver fails (SERVFAIL).
	DNSError bool `json:"dns_error,omitempty"`
	// DNSSilent: the resolver doesn't answer at all.
	DNSSilent bool `json:"dns_silent,omitempty"`
	// CNAME is the name this one is an alias of.
	CNAME string `json:"cname,omitempty"`
	// PointsTo are the name's addresses, IPv4 and IPv6; none means the server's.
	PointsTo []netip.Addr `json:"points_to,omitempty"`
	// Refused is why the API refuses a list on which this name is new (400).
	Refused string `json:"refused,omitempty"`
	// CertDelay takes the place of Options.CertDelay unless it is 0.
	CertDelay time.Duration `json:"cert_delay_ns,omitempty"`
	// LateCert: the certificate takes ten times Options.CertDelay, at least 1 s.
	LateCert bool `json:"late_cert,omitempty"`
	// NoCert: AutoSSL never gets a certificate for the name.
	NoCert bool `json:"no_cert,omitempty"`
	// TLS is what goes wrong in each handshake for the name.
	TLS TLSFault `json:"tls,omitempty"`
}

// elsewhere is an address of a documentation network (RFC 5737).
var elsewhere = netip.AddrFrom4([4]byte{203, 0, 113, 9})

type convention struct {
	word, meaning string
	behaviour     Behaviour
}

func conventions() []convention {
	return []convention{
		{"nodns", "has no DNS record", Behaviour{NoDNS: true}},
		{"elsewhere", "points to " + elsewhere.String(), Behaviour{PointsTo: []netip.Addr{elsewhere}}},
		{"servfail", "makes the resolver fail", Behaviour{DNSError: true}},
		{"refused", "is refused by the API", Behaviour{Refused: "this domain is not allowed"}},
		{"latecert", "gets its certificate after ten times the delay", Behaviour{LateCert: true}},
		{"nocert", "never gets a certificate", Behaviour{NoCert: true}},
	}
}

// ByName is the behaviour that a name asks for by a word in its first label,
// www not counted: nodns-shop.example.com has no DNS record. [Conventions]
// lists the words. Any other name is a good one.
func ByName(name string) Behaviour {
	label, _, _ := strings.Cut(domainOf(canonical(name)), ".")
	for _, c := range conventions() {
		if strings.Contains(label, c.word) {
			return c.behaviour
		}
	}
	return Behaviour{}
}

// Conventions tells the words that ByName knows, a line each.
func Conventions() []string {
	var lines []string
	for _, c := range conventions() {
		lines = append(lines, c.word+": "+c.meaning)
	}
	return lines
}

// SetBehaviour sets how a name behaves from now on, in place of what
// Options.Behaviour says, and with it the name's www form unless that is set itself.
func (s *Simulator) SetBehaviour(name string, b Behaviour) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.behaviours[canonical(name)] = b
	for _, a := range s.apps { // other names may be aliases of this one
		s.notePointing(a)
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

// domainOf is the domain that a www form belongs to, or the name itself.
func domainOf(name string) string { return strings.TrimPrefix(name, "www.") }
