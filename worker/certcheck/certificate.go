package certcheck

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// certFailure says why a certificate was not accepted. crypto/x509 checks the
// leaf's validity period first, then its names, then the chain.
func certFailure(err *tls.CertificateVerificationError, name string, address netip.Addr, now time.Time) (TLSStatus, string) {
	leaf := err.UnverifiedCertificates[0] // crypto/tls never reports a failure without one
	by := ""
	if from := issuer(leaf); from != "" {
		by = " (" + from + ")"
	}
	var wrongName x509.HostnameError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &wrongName):
		return WrongName, fmt.Sprintf("the certificate at %s is for %s, not for %s", address, certNames(leaf), sanitize(name, maxName))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		// x509.Expired stands for both ends of the validity period. The certificate
		// may also be an intermediate.
		if now.Before(invalid.Cert.NotBefore) {
			return NotYetValid, fmt.Sprintf("the certificate at %s isn't valid before %s%s", address, timestamp(invalid.Cert.NotBefore), by)
		}
		return Expired, fmt.Sprintf("the certificate at %s expired on %s%s", address, timestamp(invalid.Cert.NotAfter), by)
	case errors.As(err, &unknown) && bytes.Equal(leaf.RawIssuer, leaf.RawSubject):
		return Untrusted, fmt.Sprintf("the certificate at %s is self-signed%s", address, by)
	case errors.As(err, &unknown):
		return Untrusted, fmt.Sprintf("the certificate at %s comes from an authority that isn't trusted%s, or an intermediate certificate is missing", address, by)
	}
	return HandshakeFailed, fmt.Sprintf("the certificate at %s isn't accepted: %v", address, err.Err)
}

// certNames lists the names on a certificate, three at most.
func certNames(cert *x509.Certificate) string {
	var names []string
	for _, n := range cert.DNSNames {
		names = append(names, sanitize(n, maxShownName))
	}
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	if len(names) == 0 {
		return "no host name"
	}
	return list(names, 3, "")
}

// issuer returns the signer of a certificate: its organisation, or else its common name.
func issuer(cert *x509.Certificate) string {
	if len(cert.Issuer.Organization) > 0 {
		if org := sanitize(cert.Issuer.Organization[0], maxName); org != "" {
			return org
		}
	}
	return sanitize(cert.Issuer.CommonName, maxName)
}

func timestamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }
