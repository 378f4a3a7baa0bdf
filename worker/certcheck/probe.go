package certcheck

import (
	"net/netip"
	"time"

	"pilotsync/tasks"
)

// DNSStatus says where a name's addresses are.
type DNSStatus string

const (
	// PointsHere: the name has addresses, and all of them are expected.
	PointsHere DNSStatus = "points-here"
	// Elsewhere: at least one address isn't expected, and no known proxy has them all.
	Elsewhere DNSStatus = "elsewhere"
	// Proxied: at least one address isn't expected, and all are those of one proxy.
	Proxied DNSStatus = "proxied"
	// NoAddress: DNS answered, and there is no A and no AAAA record.
	NoAddress DNSStatus = "no-address"
	// Bogus: the resolver refuses the records, since their DNSSEC signatures are wrong.
	Bogus DNSStatus = "dnssec-bogus"
	// DNSUnknown: DNS gave no usable answer (a timeout, SERVFAIL). The records may be right.
	DNSUnknown DNSStatus = "unknown"
)

// TLSStatus says how the TLS handshake went.
type TLSStatus string

const (
	// NotChecked: no address was dialled, since DNS points neither here nor to a proxy.
	NotChecked TLSStatus = "not-checked"
	// Valid: a browser would accept the certificate.
	Valid TLSStatus = "valid"
	// NotDialed: the worker didn't dial, since the address isn't public.
	NotDialed TLSStatus = "refused"
	// Unreachable: no TCP connection.
	Unreachable TLSStatus = "unreachable"
	// NotTLS: the server speaks something else on the port, such as plain HTTP.
	NotTLS TLSStatus = "not-tls"
	// WrongName: the certificate is for other names.
	WrongName TLSStatus = "wrong-name"
	// Expired: the certificate's validity has ended.
	Expired TLSStatus = "expired"
	// NotYetValid: the certificate's validity has not begun.
	NotYetValid TLSStatus = "not-yet-valid"
	// Untrusted: self-signed, or from an authority that isn't known.
	Untrusted TLSStatus = "untrusted"
	// HandshakeFailed: any other failure after the connection was made.
	HandshakeFailed TLSStatus = "handshake-failed"
)

// Probe is the result of one check of one name. Its texts hold no control characters,
// whatever DNS or a certificate contains. Names and issuers have at most 253 characters, those
// in lists 40, and other texts 240.
type Probe struct {
	Name string
	DNS  DNSStatus
	// Addresses are the name's addresses, at most 32: the unexpected ones first, and each
	// kind sorted.
	Addresses []netip.Addr
	// Alias is set only in NoAddress. It is the name that a CNAME record leads to, or the names
	// of a loop, "b.example → a.example". It is empty if there is no CNAME record.
	Alias string
	// DNSDetail says more about DNSUnknown ("no answer in time") and Bogus; empty otherwise.
	DNSDetail string
	// Provider is the name of the proxy; empty unless DNS is Proxied.
	Provider string

	TLS TLSStatus
	// TLSDetail is a clause about the failure, such as "198.51.100.4 refuses
	// connections on port 443". It is empty if TLS is Valid, and if the certificate's fields
	// explain the failure: WrongName, Expired and NotYetValid.
	TLSDetail string
	// The certificate that was seen, valid or not; zero if none was. Issuer is the issuer's
	// organisation, or else its common name.
	Issuer              string
	NotBefore, NotAfter time.Time
	CertNames           []string // at most 10
	// TLSAddress is the address that decided TLS; the zero Addr if TLS is NotChecked.
	TLSAddress netip.Addr

	// CAA is read only if DNS points here and a server that was dialled shows no valid
	// certificate.
	CAA CAA
	// Site is asked only behind a proxy that shows a valid certificate.
	Site SiteStatus
}

// Good reports whether the name works: DNS points here, or to a proxy that isn't another
// site's, and a browser would accept the certificate.
func (p Probe) Good() bool {
	return p.TLS == Valid && (p.DNS == PointsHere || p.DNS == Proxied && p.Site != OtherSite)
}

// SeenDNS returns what the probe saw in DNS.
func (p Probe) SeenDNS() tasks.SeenName {
	seen := tasks.SeenName{Name: p.Name, Provider: p.Provider, NoAnswer: p.DNS == DNSUnknown || p.DNS == Bogus}
	for _, a := range p.Addresses[:min(len(p.Addresses), tasks.MaxParamItems)] {
		seen.Has = append(seen.Has, a.String())
	}
	return seen
}

// tlsProblem describes a failed handshake, as a clause.
func (p Probe) tlsProblem() string {
	cert, by := "the certificate", ""
	if p.TLSAddress.IsValid() {
		cert += " at " + p.TLSAddress.String()
	}
	if p.Issuer != "" {
		by = " (" + p.Issuer + ")"
	}
	switch p.TLS {
	case WrongName:
		return cert + " is for other names"
	case Expired:
		return cert + " expired on " + date(p.NotAfter) + by
	case NotYetValid:
		return cert + " isn't valid before " + date(p.NotBefore) + by
	}
	return sanitize(p.TLSDetail, maxDetail)
}

// showsOwn reports whether the server showed a certificate that was made for the name, though
// browsers refuse it.
func (p Probe) showsOwn() bool {
	return p.TLS == Expired || p.TLS == NotYetValid || p.TLS == Untrusted
}
