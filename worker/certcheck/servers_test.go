package certcheck

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"pilotsync/test/freeport"
)

// now is the current time in all tests.
var now = time.Date(2026, 11, 3, 12, 0, 0, 0, time.UTC)

// loopback is the expected network: the test servers listen there.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// check probes name with a DNS server of the given zone, and the roots and port of s. That is
// nil if the test needs no TLS server.
func check(t *testing.T, zone, name string, s *tlsServer, change ...func(*Config)) Probe {
	t.Helper()
	cfg := s.config(startDNS(t, zone, nil))
	for _, c := range change {
		c(&cfg)
	}
	return New(cfg).Check(t.Context(), name, loopback)
}

func (s *tlsServer) config(dnsAddress string) Config {
	cfg := Config{DNS: dnsAddress, AllowPrivate: true, Timeout: 10 * time.Second, Now: func() time.Time { return now }, Port: 1}
	if s != nil {
		cfg.Port, cfg.Roots = s.port, s.roots
	}
	return cfg
}

// startDNS runs a resolver for a zone, in zone file format. servfail.test and silent.test
// behave as named; a type before the name ("aaaa.silent.test") limits that to queries of
// the type. A query that override handles, by returning true, isn't answered from the zone.
func startDNS(t *testing.T, zone string, override func(dns.ResponseWriter, *dns.Msg) bool) string {
	t.Helper()
	records := map[string][]dns.RR{}
	parser := dns.NewZoneParser(strings.NewReader(zone), ".", "")
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		records[rr.Header().Name] = append(records[rr.Header().Name], rr)
	}
	if err := parser.Err(); err != nil {
		t.Fatalf("zone: %v", err)
	}
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, req *dns.Msg) {
		if override != nil && override(w, req) {
			return
		}
		if m := answer(records, req); m != nil {
			size := dns.MinMsgSize
			if opt := req.IsEdns0(); opt != nil {
				size = int(opt.UDPSize())
			}
			if w.RemoteAddr().Network() == "udp" {
				m.Truncate(size)
			}
			w.WriteMsg(m)
		}
	})

	udp, tcp := listenBoth(t)
	var wg sync.WaitGroup
	t.Cleanup(wg.Wait) // runs last
	for _, s := range []*dns.Server{{PacketConn: udp, Handler: handler}, {Listener: tcp, Handler: handler}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		wg.Go(func() { s.ActivateAndServe() })
		<-started
		t.Cleanup(func() { s.ShutdownContext(context.Background()) })
	}
	return udp.LocalAddr().String()
}

// answer resolves like a recursive resolver; nil means no answer.
func answer(records map[string][]dns.RR, req *dns.Msg) *dns.Msg {
	q := req.Question[0]
	m := new(dns.Msg).SetReply(req)
	m.RecursionAvailable = true
	for _, behaviour := range []string{"servfail", "silent"} {
		kind, limited := strings.CutSuffix(q.Name, "."+behaviour+".test.")
		if q.Name != behaviour+".test." && (!limited || !strings.EqualFold(kind, dns.TypeToString[q.Qtype])) {
			continue
		}
		if behaviour == "silent" {
			return nil
		}
		m.Rcode = dns.RcodeServerFailure
		return m
	}
	name := q.Name
	for range 8 {
		var alias string
		for _, rr := range records[name] {
			if rr.Header().Rrtype == q.Qtype {
				m.Answer = append(m.Answer, rr)
			} else if c, ok := rr.(*dns.CNAME); ok {
				m.Answer = append(m.Answer, rr)
				alias = c.Target
			}
		}
		if alias == "" {
			if len(records[name]) == 0 {
				m.Rcode = dns.RcodeNameError
			}
			return m
		}
		name = alias
	}
	m.Rcode = dns.RcodeServerFailure // a loop
	return m
}

// listenBoth listens on the same port of UDP and TCP.
func listenBoth(t *testing.T) (net.PacketConn, net.Listener) {
	t.Helper()
	for range 20 {
		udp, err := net.ListenPacket("udp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		tcp, err := net.Listen("tcp", udp.LocalAddr().String())
		if err == nil {
			return udp, tcp
		}
		udp.Close()
	}
	t.Fatal("no port is free on both UDP and TCP")
	return nil, nil
}

// tlsServer listens on one or more loopback addresses, all on the same port.
type tlsServer struct {
	port  int
	roots *x509.CertPool
	// accepted gets the local address of every connection.
	accepted chan string
}

// startTLSServer serves each connection with serve, on 127.0.0.1, 127.0.0.2 and so on.
func startTLSServer(t *testing.T, roots *x509.CertPool, serve ...func(net.Conn)) *tlsServer {
	t.Helper()
	s := &tlsServer{roots: roots, accepted: make(chan string, 100)}
	var listeners []net.Listener
	for range 20 {
		listeners, s.port = nil, 0
		for i := range serve {
			ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.%d:%d", i+1, s.port))
			if err != nil {
				break
			}
			t.Cleanup(func() { ln.Close() })
			s.port = ln.Addr().(*net.TCPAddr).Port
			listeners = append(listeners, ln)
		}
		if len(listeners) == len(serve) {
			break
		}
	}
	if len(listeners) != len(serve) {
		t.Fatal("no port is free on all loopback addresses")
	}

	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for i, ln := range listeners {
		wg.Go(func() {
			for {
				conn, err := ln.Accept()
				if err != nil {
					return
				}
				s.accepted <- conn.LocalAddr().String()
				wg.Go(func() {
					defer conn.Close()
					stop := context.AfterFunc(ctx, func() { conn.Close() })
					defer stop()
					serve[i](conn)
				})
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		for _, ln := range listeners {
			ln.Close()
		}
		wg.Wait()
	})
	return s
}

// withTLS does the handshake and waits until the client hangs up.
func withTLS(cert tls.Certificate) func(net.Conn) {
	return func(conn net.Conn) {
		c := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}})
		if c.Handshake() == nil {
			c.Read(make([]byte, 1))
		}
	}
}

// silence reads and never answers.
func silence(conn net.Conn) {
	for buf := make([]byte, 1024); ; {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

// authority is a certificate authority.
type authority struct {
	cert  *x509.Certificate
	key   *ecdsa.PrivateKey
	roots *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{Organization: []string{"Test Authority"}},
		NotBefore: now.AddDate(-1, 0, 0), NotAfter: now.AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a := &authority{roots: x509.NewCertPool()}
	made := sign(t, template, template, nil)
	a.cert, a.key = made.Leaf, made.PrivateKey.(*ecdsa.PrivateKey)
	a.roots.AddCert(a.cert)
	return a
}

// issue makes a certificate that is valid from yesterday for ninety days.
func (a *authority) issue(t *testing.T, change func(*x509.Certificate), names ...string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "leaf"}, DNSNames: names,
		NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(0, 0, 90),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if change != nil {
		change(template)
	}
	return sign(t, template, a.cert, a.key)
}

// selfSigned makes a self-signed certificate.
func selfSigned(t *testing.T, name string) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(3), Subject: pkix.Name{CommonName: "self"}, DNSNames: []string{name},
		NotBefore: now.AddDate(0, 0, -1), NotAfter: now.AddDate(0, 0, 90),
	}
	return sign(t, template, template, nil)
}

// sign signs with key, or with the certificate's own key if that is nil.
func sign(t *testing.T, template, parent *x509.Certificate, key *ecdsa.PrivateKey) tls.Certificate {
	t.Helper()
	own, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if key == nil {
		key = own
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &own.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: own, Leaf: leaf}
}

// closedPort returns a port of loopback that nothing listens on.
func closedPort(t *testing.T) int {
	t.Helper()
	addr, err := freeport.Addr()
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	return n
}
