package simulator

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"pilotsync/worker/certcheck"
)

func ask(t *testing.T, s *Simulator, name string, kind uint16, change func(*dns.Msg)) *dns.Msg {
	t.Helper()
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	if change != nil {
		change(question)
	}
	reply, _, err := new(dns.Client).ExchangeContext(t.Context(), question, s.DNSAddr())
	if err != nil {
		t.Fatal(err)
	}
	return reply
}

func edns(m *dns.Msg) { m.SetEdns0(1232, false) }

func TestTheResolverServesCAA(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	s.SetBehaviour("shop.example.com", Behaviour{CAA: []string{`0 issue "letsencrypt.org"`, `128 issue ";"`}})
	s.SetBehaviour("alias.example.com", Behaviour{CNAME: "shop.example.com"})
	s.SetBehaviour("broken.example.com", Behaviour{CAAError: true})
	for name, want := range map[string]int{"shop.example.com": 2, "www.shop.example.com": 2, "alias.example.com": 2, "example.com": 0} {
		var records []string
		for _, rr := range ask(t, s, name, dns.TypeCAA, nil).Answer {
			if caa, ok := rr.(*dns.CAA); ok {
				records = append(records, fmt.Sprint(caa.Flag, caa.Tag, caa.Value))
			}
		}
		if len(records) != want || want == 2 && !slices.Contains(records, "128issue;") {
			t.Errorf("%s: %q", name, records)
		}
	}
	if got := ask(t, s, "broken.example.com", dns.TypeCAA, nil); got.Rcode != dns.RcodeServerFailure {
		t.Errorf("a failing CAA lookup: %s", dns.RcodeToString[got.Rcode])
	}
	if got := ask(t, s, "broken.example.com", dns.TypeA, nil); len(got.Answer) != 1 {
		t.Errorf("its address: %v", got.Answer)
	}
	if err := NewRemote(s.APIURL()).SetBehaviour(t.Context(), "x.example.com", Behaviour{CAA: []string{"what"}}); err == nil {
		t.Error("a record that can't be read is no error")
	}
}

func TestTheResolverChecksDNSSECUnlessToldNotTo(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	s.SetBehaviour("shop.example.com", Behaviour{DNSSECBogus: true, ExtendedError: dns.ExtendedErrorCodeSignatureExpired})
	if got := ask(t, s, "shop.example.com", dns.TypeA, nil); got.Rcode != dns.RcodeServerFailure || got.IsEdns0() != nil {
		t.Errorf("without EDNS: %v", got)
	}
	got := ask(t, s, "shop.example.com", dns.TypeA, edns)
	if opt := got.IsEdns0(); got.Rcode != dns.RcodeServerFailure || opt == nil || len(opt.Option) != 1 || opt.Option[0].(*dns.EDNS0_EDE).InfoCode != 7 {
		t.Errorf("with EDNS: %v", got)
	}
	if got := ask(t, s, "shop.example.com", dns.TypeA, func(m *dns.Msg) { m.CheckingDisabled = true }); got.Rcode != dns.RcodeSuccess || len(got.Answer) != 1 {
		t.Errorf("with the CD bit: %v", got)
	}
}

// Certcheck sees the proxy and its sites as it does real ones.
func TestTheProxyPassesChallengesToItsSites(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{SiteSecret: []byte("secret")})
	c := certcheck.New(certcheck.Config{DNS: s.DNSAddr(), Port: s.TLSPort(), Roots: roots(t, s), AllowPrivate: true, Proxies: []certcheck.Proxy{s.Proxy()}})
	s.SetBehaviour("bad.example.com", Behaviour{Proxied: true, TLS: SelfSigned})
	for name, want := range map[string]certcheck.Probe{
		"proxied.example.com":       {DNS: certcheck.Proxied, TLS: certcheck.Valid, Site: certcheck.Proven},
		"www.othersite.example.com": {DNS: certcheck.Proxied, TLS: certcheck.Valid, Site: certcheck.OtherSite},
		"bad.example.com":           {DNS: certcheck.Proxied, TLS: certcheck.Untrusted},
	} {
		got := c.Check(t.Context(), name, nil, []byte("secret"))
		if got.DNS != want.DNS || got.TLS != want.TLS || got.Site != want.Site || got.Provider != ProxyName {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := c.Check(t.Context(), "proxied.example.com", nil, []byte("another")); got.Site != certcheck.OtherSite {
		t.Errorf("with another secret: %+v", got)
	}
}

func TestWithoutASecretNoSiteAnswersTheChallenge(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	client := webClient(t, s)
	response, err := client.Get(fmt.Sprintf("https://proxied.example.com:%d/wp-json/pilotsync/v1/here?name=proxied.example.com&nonce=n", s.TLSPort()))
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusNotFound {
		t.Errorf("status %d", response.StatusCode)
	}
	for _, line := range Conventions() {
		if word, _, _ := strings.Cut(line, ":"); strings.HasPrefix(word, "proxied") {
			return
		}
	}
	t.Error("no word for a name behind a proxy")
}

func roots(t *testing.T, s *Simulator) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(s.CAPEM()) {
		t.Fatal("the CA is no PEM")
	}
	return pool
}

// webClient connects to the proxy, whatever the host.
func webClient(t *testing.T, s *Simulator) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots(t, s)}, DisableKeepAlives: true}
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, netip.AddrPortFrom(proxyAddress, uint16(s.TLSPort())).String())
	}
	return &http.Client{Transport: transport}
}
