package simulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
)

func TestEachTLSFaultFailsAsNamed(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Apps: []App{{ID: "app1", Domains: []string{"shop.example.com"}, AutoSSL: true}}})
	for _, test := range []struct {
		fault TLSFault
		as    func(error) bool
	}{
		{NoTLSFault, func(err error) bool { return err == nil }},
		{SelfSigned, isError[x509.UnknownAuthorityError]},
		{Expired, func(err error) bool {
			var invalid x509.CertificateInvalidError
			return errors.As(err, &invalid) && invalid.Reason == x509.Expired
		}},
		{OtherName, isError[x509.HostnameError]},
		{PlainHTTP, isError[tls.RecordHeaderError]},
		{HangsUp, func(err error) bool { return errors.Is(err, io.EOF) }},
	} {
		s.SetBehaviour("shop.example.com", Behaviour{TLS: test.fault})
		if err := handshake(t, s, "shop.example.com"); !test.as(err) {
			t.Errorf("%q: %v", test.fault, err)
		}
	}
	s.SetBehaviour("shop.example.com", Behaviour{TLS: HangsHandshake})
	conn, err := net.Dial("tcp", s.webAddr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := tls.Client(conn, &tls.Config{ServerName: "shop.example.com"}).HandshakeContext(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a handshake that hangs: %v", err)
	}
}

func isError[E error](err error) bool {
	var e E
	return errors.As(err, &e)
}

func TestDNSCanBeSilentOrTruncated(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	s.SetBehaviour("silent.example.com", Behaviour{DNSSilent: true})
	many := make([]netip.Addr, 100)
	for i := range many {
		many[i] = netip.AddrFrom4([4]byte{203, 0, 113, byte(i)})
	}
	s.SetBehaviour("many.example.com", Behaviour{PointsTo: many})

	silent := &dns.Client{Timeout: 200 * time.Millisecond}
	if _, _, err := silent.ExchangeContext(t.Context(), new(dns.Msg).SetQuestion("silent.example.com.", dns.TypeA), s.DNSAddr()); err == nil {
		t.Error("the silent resolver answered")
	}
	for network, want := range map[string]bool{"udp": true, "tcp": false} {
		client := &dns.Client{Net: network}
		reply, _, err := client.ExchangeContext(t.Context(), new(dns.Msg).SetQuestion("many.example.com.", dns.TypeA), s.DNSAddr())
		if err != nil {
			t.Fatal(err)
		}
		if reply.Truncated != want || !want && len(reply.Answer) != 100 {
			t.Errorf("%s: truncated %v, %d answers", network, reply.Truncated, len(reply.Answer))
		}
	}
}

func TestARotatedKeyIsRefused(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	if err := s.SetAPIKey("sim", "another"); err != nil {
		t.Fatal(err)
	}
	if got := call(t, s, http.MethodGet, "/apps/app1", ""); got.status != http.StatusUnauthorized {
		t.Errorf("the old key: status %d", got.status)
	}
	r := request(t, s, http.MethodGet, "/apps/app1", "")
	r.SetBasicAuth("sim", "another")
	if got := send(r); got.status != http.StatusOK {
		t.Errorf("the new key: status %d", got.status)
	}
	if s.SetAPIKey("unknown", "x") == nil {
		t.Error("setting the key of an unknown account is no error")
	}
}
