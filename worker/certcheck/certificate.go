package certcheck

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"pilotsync/tasks"
)

// certFailure says why a certificate was not accepted. crypto/x509 checks the leaf's time
// first, then its names, then the chain.
func certFailure(err *tls.CertificateVerificationError, now time.Time) (TLSStatus, string) {
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
		return WrongName, ""
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired && !invalid.Cert.Equal(leaf):
		return Untrusted, fmt.Sprintf("an intermediate certificate (%s) is valid from %s to %s only", issuer(invalid.Cert), date(invalid.Cert.NotBefore), date(invalid.Cert.NotAfter))
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		// One reason stands for both ends of the time.
		if now.Before(invalid.Cert.NotBefore) {
			return NotYetValid, ""
		}
		return Expired, ""
	case errors.As(err, &unknown) && bytes.Equal(leaf.RawIssuer, leaf.RawSubject):
		return Untrusted, fmt.Sprintf("it is self-signed%s", by)
	case errors.As(err, &unknown):
		return Untrusted, fmt.Sprintf("it comes from an authority that isn't trusted%s, or an intermediate certificate is missing", by)
	}
	return HandshakeFailed, fmt.Sprintf("its certificate isn't accepted: %v", err.Err)
}

// certNames lists what a certificate is for, ten names at most.
func certNames(cert *x509.Certificate) (names []string) {
	for _, n := range cert.DNSNames {
		names = append(names, sanitize(n, maxShownName))
	}
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	return names[:min(len(names), tasks.MaxParamItems)]
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

// storable returns the time in UTC, in the years 1 to 9999. JSON has no others, and none with a
// zone offset of a day or more; a certificate may have both (time.Time.MarshalJSON).
func storable(t time.Time) time.Time {
	t = t.UTC()
	switch {
	case t.Year() < 1:
		return time.Time{}
	case t.Year() > 9999:
		return time.Date(9999, time.December, 31, 23, 59, 59, 0, time.UTC)
	}
	return t
}

func date(t time.Time) string { return t.UTC().Format(time.DateOnly) }
