package certcheck

import (
	"bufio"
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const hereZone = "example.com. 60 A 127.0.0.1"

func TestHowTheHandshakeGoes(t *testing.T) {
	t.Parallel()
	ca, unknownAuthority := newAuthority(t), newAuthority(t)
	expired := ca.issue(t, func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = now.AddDate(0, 0, -90), now.Add(-time.Hour)
	}, "example.com")
	early := ca.issue(t, func(c *x509.Certificate) { c.NotBefore = now.Add(time.Hour) }, "example.com")
	valid := ca.issue(t, nil, "example.com", "www.example.com")

	tests := map[string]struct {
		serve      func(net.Conn)
		timeout    time.Duration
		wantStatus TLSStatus
		wantDetail string // PORT stands for the port
		wantIssuer string
		wantEnd    time.Time
	}{
		"a valid certificate": {
			serve: withTLS(valid), wantStatus: Valid, wantIssuer: "Test Authority", wantEnd: now.AddDate(0, 0, 90),
		},
		"a certificate for other names": {
			serve:      withTLS(ca.issue(t, nil, "a.test", "b.test", "c.test", "d.test", "e.test")),
			wantStatus: WrongName,
			wantDetail: "the certificate at 127.0.0.1 is for other names: a.test, b.test, c.test and 2 more",
			wantIssuer: "Test Authority", wantEnd: now.AddDate(0, 0, 90),
		},
		"a certificate for no name": {
			serve: withTLS(ca.issue(t, nil)), wantStatus: WrongName,
			wantDetail: "the certificate at 127.0.0.1 is for other names",
			wantIssuer: "Test Authority", wantEnd: now.AddDate(0, 0, 90),
		},
		"an expired certificate": {
			serve: withTLS(expired), wantStatus: Expired,
			wantDetail: "the certificate at 127.0.0.1 expired on 2026-11-03 (Test Authority)",
			wantIssuer: "Test Authority", wantEnd: now.Add(-time.Hour),
		},
		"a certificate that isn't valid yet": {
			serve: withTLS(early), wantStatus: NotYetValid,
			wantDetail: "the certificate at 127.0.0.1 isn't valid before 2026-11-03 (Test Authority)",
			wantIssuer: "Test Authority", wantEnd: now.AddDate(0, 0, 90),
		},
		"a self-signed certificate": {
			serve: withTLS(selfSigned(t, "example.com")), wantStatus: Untrusted,
			wantDetail: "browsers don't trust the certificate at 127.0.0.1: it is self-signed (self)",
			wantIssuer: "self", wantEnd: now.AddDate(0, 0, 90),
		},
		"a certificate of an unknown authority": {
			serve: withTLS(unknownAuthority.issue(t, nil, "example.com")), wantStatus: Untrusted,
			wantDetail: "browsers don't trust the certificate at 127.0.0.1: it comes from an authority that isn't trusted (Test Authority), or an intermediate certificate is missing",
			wantIssuer: "Test Authority", wantEnd: now.AddDate(0, 0, 90),
		},
		"a certificate not meant for servers": {
			serve: withTLS(ca.issue(t, func(c *x509.Certificate) {
				c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
			}, "example.com")),
			wantStatus: HandshakeFailed,
			wantDetail: "its certificate isn't accepted: x509: certificate specifies an incompatible key usage",
			wantIssuer: "Test Authority", wantEnd: now.AddDate(0, 0, 90),
		},
		"plain HTTP on the port": {
			serve: func(c net.Conn) {
				bufio.NewReader(c).ReadByte()
				fmt.Fprint(c, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
				silence(c)
			},
			wantStatus: NotTLS, wantDetail: "127.0.0.1 answers in plain HTTP on port PORT",
		},
		"another protocol on the port": {
			serve:      func(c net.Conn) { fmt.Fprint(c, "SSH-2.0-OpenSSH_9.9\r\n"); silence(c) },
			wantStatus: NotTLS, wantDetail: "127.0.0.1 speaks something other than TLS on port PORT",
		},
		"a server that hangs up": {
			serve:      func(c net.Conn) { c.Read(make([]byte, 4096)) },
			wantStatus: HandshakeFailed, wantDetail: "127.0.0.1 closes the connection during the TLS handshake on port PORT",
		},
		"a server that hangs": {
			serve: silence, timeout: 2 * time.Second, wantStatus: HandshakeFailed,
			wantDetail: "127.0.0.1 accepts connections on port PORT, but doesn't finish the TLS handshake (timeout)",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startTLSServer(t, ca.roots, tt.serve)
			got := check(t, hereZone, "example.com", s, func(c *Config) {
				if tt.timeout > 0 {
					c.Timeout = tt.timeout
				}
			})
			here := netip.MustParseAddr("127.0.0.1")
			want := Probe{
				Name: "example.com", DNS: PointsHere, Addresses: []netip.Addr{here},
				TLS: tt.wantStatus, Issuer: tt.wantIssuer, NotAfter: tt.wantEnd, TLSAddress: here,
			}
			cause := Facts{Domain: got.Name, Probes: map[string]Probe{got.Name: got}}.Cause(got.Name)
			wantReason := strings.ReplaceAll("example.com points here, but "+tt.wantDetail, "PORT", fmt.Sprint(s.port))
			if reason := cause.Sentence(); tt.wantDetail != "" && reason != wantReason {
				t.Errorf("the reason is %q, want %q", reason, wantReason)
			}
			if diff := cmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{}), cmpopts.IgnoreFields(Probe{}, "NotBefore", "CertNames", "TLSDetail")); diff != "" {
				t.Errorf("probe (-want +got):\n%s", diff)
			}
			if got.Good() != (tt.wantStatus == Valid) {
				t.Errorf("Good() is %v", got.Good())
			}
		})
	}
}

func TestAPortThatRefusesIsUnreachable(t *testing.T) {
	t.Parallel()
	port := closedPort(t)
	got := check(t, hereZone, "example.com", nil, func(c *Config) { c.Port = port })
	want := fmt.Sprintf("127.0.0.1 refuses connections on port %d", port)
	if got.TLS != Unreachable || got.TLSDetail != want {
		t.Errorf("got %s, %q; want %s, %q", got.TLS, got.TLSDetail, Unreachable, want)
	}
}

func TestSeveralAddresses(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	zone := "example.com. 60 A 127.0.0.1\nexample.com. 60 A 127.0.0.2"
	long, short := ca.issue(t, nil, "example.com"), ca.issue(t, func(c *x509.Certificate) { c.NotAfter = now.AddDate(0, 0, 9) }, "example.com")
	bad := withTLS(selfSigned(t, "example.com"))

	t.Run("all valid: the certificate that expires first is reported", func(t *testing.T) {
		t.Parallel()
		got := check(t, zone, "example.com", startTLSServer(t, ca.roots, withTLS(long), withTLS(short)))
		if !got.Good() || !got.NotAfter.Equal(short.Leaf.NotAfter) || got.TLSAddress.String() != "127.0.0.2" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("the second one bad: it decides", func(t *testing.T) {
		t.Parallel()
		got := check(t, zone, "example.com", startTLSServer(t, ca.roots, withTLS(long), bad))
		if got.TLS != Untrusted || got.TLSAddress.String() != "127.0.0.2" {
			t.Errorf("got %+v", got)
		}
	})
	t.Run("the first one bad: it decides, and the second isn't dialled", func(t *testing.T) {
		t.Parallel()
		s := startTLSServer(t, ca.roots, bad, withTLS(long))
		got := check(t, zone, "example.com", s)
		if got.TLS != Untrusted || got.TLSAddress.String() != "127.0.0.1" || len(s.accepted) != 1 {
			t.Errorf("got %+v after %d connections", got, len(s.accepted))
		}
	})
	t.Run("one without a route from here doesn't count", func(t *testing.T) {
		t.Parallel()
		for _, unroutable := range []string{"127.0.0.1", "127.0.0.2"} {
			s := startTLSServer(t, ca.roots, withTLS(long), withTLS(long))
			c := New(s.config(startDNS(t, zone, nil)))
			c.control = func(_, address string, _ syscall.RawConn) error {
				if strings.HasPrefix(address, unroutable+":") {
					return syscall.ENETUNREACH
				}
				return nil
			}
			if got := c.Check(t.Context(), "example.com", loopback); !got.Good() || got.TLSAddress.String() == unroutable {
				t.Errorf("%s unroutable: got %+v", unroutable, got)
			}
		}
	})
	t.Run("none with a route from here is unreachable", func(t *testing.T) {
		t.Parallel()
		var s *tlsServer
		c := New(s.config(startDNS(t, zone, nil)))
		c.control = func(string, string, syscall.RawConn) error { return syscall.ENETUNREACH }
		if got := c.Check(t.Context(), "example.com", loopback); got.TLS != Unreachable || !strings.Contains(got.TLSDetail, "no route") {
			t.Errorf("got %+v", got)
		}
	})
}

func TestAtMostThreeAddressesAreDialledAndBothFamilies(t *testing.T) {
	t.Parallel()
	addrs := func(s ...string) (as []netip.Addr) {
		for _, a := range s {
			as = append(as, netip.MustParseAddr(a))
		}
		return as
	}
	tests := map[string]struct{ in, want []netip.Addr }{
		"few are all dialled":        {addrs("192.0.2.1", "2001:db8::1"), addrs("192.0.2.1", "2001:db8::1")},
		"the first three":            {addrs("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"), addrs("192.0.2.1", "192.0.2.2", "192.0.2.3")},
		"IPv6 is never left out":     {addrs("192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1"), addrs("192.0.2.1", "192.0.2.2", "2001:db8::1")},
		"IPv4 is never left out":     {addrs("192.0.2.1", "2001:db8::1", "2001:db8::2", "2001:db8::3"), addrs("192.0.2.1", "2001:db8::1", "2001:db8::2")},
		"IPv6 alone: the first ones": {addrs("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::4"), addrs("2001:db8::1", "2001:db8::2", "2001:db8::3")},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tt.want, dialled(tt.in), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
				t.Errorf("dialled (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCertificateTextCannotHarm(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	evil := ca.issue(t, nil, strings.Repeat("x", 63)+".test", "a"+strings.Repeat(".b", 100)+".test", "b.test", "c.test")
	got := check(t, hereZone, "example.com", startTLSServer(t, ca.roots, withTLS(evil)))
	if got.TLS != WrongName {
		t.Fatalf("got %+v", got)
	}
	sentence := Facts{Domain: got.Name, Probes: map[string]Probe{got.Name: got}}.Cause(got.Name).Sentence()
	checkText(t, sentence, 300)
	if !strings.HasSuffix(sentence, "b.test and 1 more") {
		t.Errorf("long names hide the rest: %q", sentence)
	}
}
