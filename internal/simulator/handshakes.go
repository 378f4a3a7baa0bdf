package simulator

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"time"
)

// TLSFault is a way in which the web servers' TLS goes wrong for a name,
// whether there is a certificate for it or not.
type TLSFault string

// The faults of TLS there are.
const (
	NoTLSFault     TLSFault = ""            // all is well
	SelfSigned     TLSFault = "self-signed" // a certificate for the name that no authority stands behind
	Expired        TLSFault = "expired"     // a certificate for the name that ended an hour ago
	OtherName      TLSFault = "other-name"  // a valid certificate for another name
	HangsUp        TLSFault = "hangs-up"    // the connection ends amid the handshake
	HangsHandshake TLSFault = "hangs"       // the handshake is never finished
	PlainHTTP      TLSFault = "plain-http"  // the answer is plain HTTP
)

// hangsFor bounds a handshake that hangs: more than any client waits.
const hangsFor = time.Minute

var errMeant = errors.New("simulator: a handshake that was meant to fail")

// certificateFor is the certificate that the web servers show for a name: a
// valid one if there is one, else one that no client should take.
func (s *Simulator) certificateFor(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := canonical(hello.ServerName)
	s.mu.Lock()
	fault := s.behaviour(name).TLS
	s.mu.Unlock()
	ca := s.authority
	switch fault {
	case NoTLSFault:
		if !s.served(name) {
			return ca.stray, nil
		}
		return ca.leaf(name)
	case SelfSigned:
		own := certificate("self-signed")
		own.DNSNames = []string{name}
		return sign(own, own, ca.key)
	case Expired:
		old := certificate("")
		old.DNSNames = []string{name}
		old.NotBefore, old.NotAfter = old.NotBefore.AddDate(0, -3, 0), time.Now().Add(-time.Hour)
		return sign(old, ca.cert, ca.key)
	case OtherName:
		return ca.leaf("other-site.example.org")
	case HangsHandshake:
		s.wait(hangsFor)
	case PlainHTTP:
		// As Go's and nginx's servers answer, if the other way round.
		_, _ = io.WriteString(hello.Conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	case HangsUp:
	default:
		return nil, fmt.Errorf("simulator: no such fault of TLS: %q", fault)
	}
	_ = hello.Conn.Close()
	return nil, errMeant
}
