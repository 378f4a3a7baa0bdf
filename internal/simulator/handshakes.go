package simulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"
)

// TLSFault is a kind of failure of TLS for a name, with or without a certificate.
type TLSFault string

// The faults of TLS.
const (
	NoTLSFault     TLSFault = ""            // success
	SelfSigned     TLSFault = "self-signed" // a self-signed certificate for the name
	Expired        TLSFault = "expired"     // a certificate for the name that expired an hour ago
	OtherName      TLSFault = "other-name"  // a valid certificate for another name
	HangsUp        TLSFault = "hangs-up"    // the connection ends during the handshake
	HangsHandshake TLSFault = "hangs"       // the handshake never completes
	PlainHTTP      TLSFault = "plain-http"  // the answer is plain HTTP
)

// hangLimit bounds a hanging handshake: longer than any client waits.
const hangLimit = time.Minute

var errIntended = errors.New("simulator: intended failure of a handshake")

// certificateFor returns the certificate for a name, of the web servers or the proxy.
func (s *Simulator) certificateFor(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := canonical(hello.ServerName)
	s.mu.Lock()
	b := s.behaviour(name)
	s.mu.Unlock()
	ca := s.authority
	switch b.TLS {
	case NoTLSFault:
		if b.Proxied {
			return ca.leaf(name)
		}
		return s.served(name)
	case SelfSigned:
		own := ca.template("self-signed")
		own.DNSNames = []string{name}
		return sign(own, own, ca.key)
	case Expired:
		old := ca.template("")
		old.DNSNames = []string{name}
		old.NotBefore, old.NotAfter = old.NotBefore.AddDate(0, -3, 0), time.Now().Add(-time.Hour)
		return sign(old, ca.cert, ca.key)
	case OtherName:
		return ca.leaf("other-site.example.org")
	case HangsHandshake:
		s.wait(hangLimit)
	case PlainHTTP:
		// Go's and nginx's servers answer plain HTTP so on a TLS port.
		_, _ = io.WriteString(hello.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	case HangsUp:
	default:
		return nil, fmt.Errorf("simulator: unknown TLS fault %q", b.TLS)
	}
	_ = hello.Conn.Close()
	return nil, errIntended
}
