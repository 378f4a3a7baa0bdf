package certcheck

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"syscall"
)

// outcome is the result of a handshake with one address.
type outcome struct {
	address netip.Addr
	status  TLSStatus
	detail  string
	// leaf is the certificate that the server showed; nil if it showed none.
	leaf *x509.Certificate
	// noRoute: this machine has no way to the address's family or network, so
	// the failure says nothing about the server.
	noRoute bool
}

// decides reports whether the outcome alone decides about the name: the server failed.
func (o outcome) decides() bool { return o.status != Valid && !o.noRoute }

// handshakes fills in the TLS part of the probe. It dials only the addresses just
// resolved. All of them must be valid, since a visitor may get any; the first failure
// decides. Of several valid certificates it reports the one that expires first.
func (c *Checker) handshakes(ctx context.Context, probe *Probe) {
	result := c.refused(probe.Addresses)
	if result.status == "" {
		for i, address := range dialled(probe.Addresses) {
			o := c.handshake(ctx, probe.Name, address)
			if i == 0 || o.decides() || result.noRoute || o.status == Valid && result.leaf != nil && o.leaf.NotAfter.Before(result.leaf.NotAfter) {
				result = o
			}
			if result.decides() {
				break
			}
		}
	}
	probe.TLS, probe.TLSDetail, probe.TLSAddress = result.status, sanitize(result.detail, maxDetail), result.address
	if leaf := result.leaf; leaf != nil {
		probe.Issuer, probe.NotBefore, probe.NotAfter, probe.CertNames = issuer(leaf), storable(leaf.NotBefore), storable(leaf.NotAfter), certNames(leaf)
	}
}

// refused finds an address that must not be dialled; one is enough to refuse them all.
// The zero outcome means that there is none.
func (c *Checker) refused(addresses []netip.Addr) outcome {
	if c.cfg.AllowPrivate {
		return outcome{}
	}
	for _, a := range addresses {
		if why := NotPublic(a); why != "" {
			return outcome{address: a, status: NotDialed, detail: fmt.Sprintf("%s isn't a public address (%s)", a, why)}
		}
	}
	return outcome{}
}

// dialled picks the addresses to dial from an ordered list: the first ones, and at least one of
// each family. Browsers and Let's Encrypt prefer IPv6.
func dialled(addresses []netip.Addr) []netip.Addr {
	if len(addresses) <= maxDialled {
		return addresses
	}
	picked := slices.Clone(addresses[:maxDialled])
	if last := addresses[len(addresses)-1]; last.Is6() && picked[maxDialled-1].Is4() {
		picked[maxDialled-1] = last
	}
	return picked
}

// handshake connects to one address and verifies the certificate as a browser
// would: chain, name and time.
func (c *Checker) handshake(ctx context.Context, name string, address netip.Addr) outcome {
	o := outcome{address: address}
	dialer := net.Dialer{Control: c.control}
	conn, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(address, uint16(c.cfg.Port)).String())
	if err != nil {
		o.noRoute = errors.Is(err, syscall.ENETUNREACH) || errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
		o.status, o.detail = c.dialFailure(address, err, o.noRoute)
		return o
	}
	defer conn.Close()

	client := tls.Client(conn, &tls.Config{ServerName: name, RootCAs: c.cfg.Roots, Time: c.cfg.Now})
	err = client.HandshakeContext(ctx)
	var chain []*x509.Certificate
	var certErr *tls.CertificateVerificationError
	switch {
	case err == nil:
		o.status = Valid
		chain = client.ConnectionState().PeerCertificates
	case errors.As(err, &certErr):
		o.status, o.detail = certFailure(certErr, c.cfg.Now())
		chain = certErr.UnverifiedCertificates
	default:
		o.status, o.detail = c.handshakeFailure(address, err)
	}
	if len(chain) > 0 {
		o.leaf = chain[0]
	}
	return o
}

func (c *Checker) dialFailure(address netip.Addr, err error, noRoute bool) (TLSStatus, string) {
	switch {
	case errors.Is(err, errNotPublic):
		return NotDialed, fmt.Sprintf("%s isn't a public address", address)
	case errors.Is(err, syscall.ECONNREFUSED):
		return Unreachable, fmt.Sprintf("%s refuses connections on port %d", address, c.cfg.Port)
	case noRoute:
		return Unreachable, fmt.Sprintf("the worker has no route to %s, so it couldn't be checked", address)
	case isTimeout(err):
		return Unreachable, fmt.Sprintf("%s doesn't answer on port %d (timeout)", address, c.cfg.Port)
	}
	return Unreachable, fmt.Sprintf("%s can't be reached on port %d: %v", address, c.cfg.Port, err)
}

// handshakeFailure explains a handshake that failed before the certificate was checked.
func (c *Checker) handshakeFailure(address netip.Addr, err error) (TLSStatus, string) {
	var notTLS tls.RecordHeaderError
	switch {
	case errors.As(err, &notTLS) && string(notTLS.RecordHeader[:]) == "HTTP/":
		return NotTLS, fmt.Sprintf("%s answers in plain HTTP on port %d", address, c.cfg.Port)
	case errors.As(err, &notTLS):
		return NotTLS, fmt.Sprintf("%s speaks something other than TLS on port %d", address, c.cfg.Port)
	case isTimeout(err):
		return HandshakeFailed, fmt.Sprintf("%s accepts connections on port %d, but doesn't finish the TLS handshake (timeout)", address, c.cfg.Port)
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return HandshakeFailed, fmt.Sprintf("%s closes the connection during the TLS handshake on port %d", address, c.cfg.Port)
	}
	return HandshakeFailed, fmt.Sprintf("the TLS handshake with %s on port %d failed: %v", address, c.cfg.Port, err)
}
