package certcheck

import (
	"bufio"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/dns"

	"pilotsync/tasks"
)

// reached is one way to a cause, over a real resolver and a real server.
type reached struct {
	name     string // of the domain; example.com by default
	zone     string // its records; an address of the server by default
	override func(dns.ResponseWriter, *dns.Msg) bool
	serve    func(t *testing.T, ca *authority) func(net.Conn) // nil for a closed port
	config   func(*Config)
	expected string // network; the server's by default, "none" for none
	secret   string
	facts    func(*Facts)
	want     tasks.Code
	sentence string // a part of it
}

const pointsHere = "example.com. 60 A 127.0.0.1\n"

func cert(change func(*x509.Certificate), names ...string) func(*testing.T, *authority) func(net.Conn) {
	return func(t *testing.T, ca *authority) func(net.Conn) { return withTLS(ca.issue(t, change, names...)) }
}

func good() func(*testing.T, *authority) func(net.Conn) { return cert(nil, "example.com") }

func raw(serve func(net.Conn)) func(*testing.T, *authority) func(net.Conn) {
	return func(*testing.T, *authority) func(net.Conn) { return serve }
}

// site serves one request after the handshake.
func site(handler http.HandlerFunc) func(*testing.T, *authority) func(net.Conn) {
	return func(t *testing.T, ca *authority) func(net.Conn) {
		cert := ca.issue(t, nil, "example.com")
		return func(conn net.Conn) {
			c := tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{cert}})
			request, err := http.ReadRequest(bufio.NewReader(c))
			if err != nil {
				return // a handshake alone
			}
			w := &answerWriter{header: http.Header{}, status: http.StatusOK}
			handler(w, request)
			response := http.Response{StatusCode: w.status, ProtoMajor: 1, ProtoMinor: 1, Header: w.header,
				Body: io.NopCloser(strings.NewReader(w.body.String())), ContentLength: int64(w.body.Len()), Request: request}
			_ = response.Write(c)
		}
	}
}

type answerWriter struct {
	header http.Header
	status int
	body   strings.Builder
}

func (w *answerWriter) Header() http.Header         { return w.header }
func (w *answerWriter) WriteHeader(status int)      { w.status = status }
func (w *answerWriter) Write(b []byte) (int, error) { return w.body.Write(b) }

// signing answers a challenge with a secret, as the plugin does.
func signing(secret string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		fmt.Fprintf(w, `{"pilotsync":1,"signature":%q}`, SignChallenge([]byte(secret), q.Get("name"), q.Get("nonce")))
	}
}

// proxied makes the server's address a proxy's, and not the app's.
func proxied(c *Config) {
	c.Proxies = []Proxy{{Name: "Relay", Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}}
}

// fails answers questions of a type with SERVFAIL, and an extended error if that isn't 0.
// With recovers, it doesn't where the CD bit is set.
func fails(kind uint16, extended uint16, recovers bool) func(dns.ResponseWriter, *dns.Msg) bool {
	return func(w dns.ResponseWriter, req *dns.Msg) bool {
		if req.Question[0].Qtype != kind || recovers && req.CheckingDisabled {
			return false
		}
		m := new(dns.Msg).SetRcode(req, dns.RcodeServerFailure)
		if extended != 0 && req.IsEdns0() != nil {
			opt := &dns.OPT{Hdr: dns.RR_Header{Name: ".", Rrtype: dns.TypeOPT}}
			opt.Option = append(opt.Option, &dns.EDNS0_EDE{InfoCode: extended, ExtraText: "signature \x1b[31mexpired"})
			m.Extra = append(m.Extra, opt)
		}
		w.WriteMsg(m)
		return true
	}
}

func both(a, b func(dns.ResponseWriter, *dns.Msg) bool) func(dns.ResponseWriter, *dns.Msg) bool {
	return func(w dns.ResponseWriter, req *dns.Msg) bool { return a(w, req) || b(w, req) }
}

func autoSSL(a AutoSSL) func(*Facts) {
	return func(f *Facts) {
		f.AutoSSL = a
		f.AutoSSL.Known = true
	}
}

func waysToCauses() map[string]reached {
	other := cert(nil, "other.example.net")
	selfMade := func(t *testing.T, _ *authority) func(net.Conn) { return withTLS(selfSigned(t, "example.com")) }
	custom := autoSSL(AutoSSL{Custom: true})
	ready := AutoSSL{Available: true, Covered: []string{"example.com"}}
	with := func(change func(*AutoSSL)) func(*Facts) {
		a := ready
		change(&a)
		return autoSSL(a)
	}
	const ds = "example.com. 60 DS 1 13 2 00\n"
	bogusA, bogusAAAA := fails(dns.TypeA, 0, true), fails(dns.TypeAAAA, 0, true)
	return map[string]reached{
		"a name with hyphens": {name: "ab--c.example.com", zone: "ab--c.example.com. 60 A 127.0.0.1", serve: other, facts: autoSSL(AutoSSL{}),
			want: tasks.CauseNameNotCertifiable, sentence: "never certifies ab--c.example.com: a label has hyphens"},
		"a name that only a local network has":            {name: "shop.local", zone: "other.local. 60 A 127.0.0.1", facts: autoSSL(AutoSSL{}), want: tasks.CauseNameNotCertifiable},
		"such a name with a certificate of the app's own": {name: "shop.local", zone: "shop.local. 60 A 127.0.0.1", serve: cert(nil, "shop.local"), want: tasks.CauseWorks},
		"such a name whose own certificate is wrong":      {name: "shop.local", zone: "shop.local. 60 A 127.0.0.1", serve: other, facts: custom, want: tasks.CauseCustomDoesNotCover},
		"a disconnected server": {serve: other, facts: func(f *Facts) { f.DisconnectedSince = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) },
			want: tasks.CauseServerDisconnected, sentence: "since 2026-03-01 12:00 UTC"},
		"a disconnected server of a site that works": {serve: good(), facts: func(f *Facts) { f.DisconnectedSince = time.Unix(1, 0) }, want: tasks.CauseWorks},
		"off the list": {facts: func(f *Facts) { f.OffList, f.Probes = []string{"example.com"}, nil }, want: tasks.CauseNotOnList},

		"no record":               {zone: "other.example.com. 60 A 127.0.0.1", want: tasks.CauseDNSMissing},
		"a dangling alias":        {zone: "example.com. 60 CNAME gone.example.net.", want: tasks.CauseDNSAliasDangling},
		"another address":         {zone: "example.com. 60 A 203.0.113.9", want: tasks.CauseDNSElsewhere},
		"another IPv6 address":    {zone: pointsHere + "example.com. 60 AAAA 2001:db8::9", want: tasks.CauseIPv6Elsewhere, sentence: "2001:db8::9"},
		"the server's is unknown": {expected: "none", want: tasks.CauseServerAddressUnknown},
		"an extended error":       {override: both(fails(dns.TypeA, 7, false), fails(dns.TypeAAAA, 7, false)), want: tasks.CauseDNSSECBogus, sentence: "(Signature Expired: signature [31mexpired)"},
		"an answer with CD only":  {override: both(bogusA, bogusAAAA), zone: pointsHere + ds, want: tasks.CauseDNSSECBogus},
		"its zone is unsigned":    {override: both(bogusA, bogusAAAA), want: tasks.CauseDNSUnknown},
		"its parent zone is signed": {override: both(bogusA, bogusAAAA), name: "shop.example.com", want: tasks.CauseDNSSECBogus,
			zone: "shop.example.com. 60 A 127.0.0.1\n" + ds},
		"only the parent of its zone is signed": {override: both(bogusA, bogusAAAA), name: "shop.example.com", want: tasks.CauseDNSUnknown,
			zone: "shop.example.com. 60 A 127.0.0.1\nshop.example.com. 60 SOA a.example. b.example. 1 2 3 4 5\n" + ds},
		"an alias into a signed zone": {override: both(bogusA, bogusAAAA), name: "shop.example.net", want: tasks.CauseDNSSECBogus,
			zone: "shop.example.net. 60 CNAME example.com.\n" + pointsHere + ds},
		"a resolver that fails":    {override: both(fails(dns.TypeA, 0, false), fails(dns.TypeAAAA, 0, false)), want: tasks.CauseDNSUnknown},
		"another extended error":   {override: both(fails(dns.TypeA, 22, false), fails(dns.TypeAAAA, 22, false)), want: tasks.CauseDNSUnknown},
		"a proxy, and no TLS":      {config: proxied, expected: "198.51.100.4/32", want: tasks.CauseBehindProxy, sentence: "behind Relay"},
		"a proxy, another name":    {config: proxied, expected: "198.51.100.4/32", serve: other, want: tasks.CauseBehindProxy, sentence: "the certificate at 127.0.0.1 is for other names"},
		"a proxy before our site":  {config: proxied, expected: "198.51.100.4/32", serve: site(signing("s2")), secret: "s2", want: tasks.CauseWorks, sentence: "seen behind Relay"},
		"a proxy without a secret": {config: proxied, expected: "198.51.100.4/32", serve: good(), want: tasks.CauseWorks, sentence: "seen behind Relay"},
		"a proxy, other secret":    {config: proxied, expected: "198.51.100.4/32", serve: site(signing("theirs")), secret: "s1", want: tasks.CauseOtherSite},
		"a proxy, another program": {config: proxied, expected: "198.51.100.4/32", serve: site(http.NotFound), secret: "s1", want: tasks.CauseWorks},
		"an expected proxy":        {config: proxied, serve: good(), secret: "s1", want: tasks.CauseWorks, sentence: "certificate valid"},

		"CAA for another authority": {zone: pointsHere + `example.com. 60 CAA 0 issue "ca.example.net"`, serve: other, want: tasks.CauseCAAForbids, sentence: "it allows only ca.example.net"},
		"CAA of a parent": {name: "shop.example.com", zone: "shop.example.com. 60 A 127.0.0.1\nexample.com. 60 CAA 0 issue \";\"", serve: other,
			want: tasks.CauseCAAForbids, sentence: "the CAA record of example.com doesn't"},
		"CAA of an alias' target": {zone: "example.com. 60 CNAME t.example.net.\nt.example.net. 60 A 127.0.0.1\nt.example.net. 60 CAA 0 issue \"ca.example.net\"", serve: other,
			want: tasks.CauseCAAForbids, sentence: "the CAA record of t.example.net doesn't"},
		"CAA for Let's Encrypt": {zone: pointsHere + `example.com. 60 CAA 0 issue "letsencrypt.org"`, serve: other, want: tasks.CauseCertificateWrongName},
		"CAA with a critical property": {zone: pointsHere + `example.com. 60 CAA 0 issue "letsencrypt.org"` + "\n" + `example.com. 60 CAA 128 future "x"`, serve: other,
			want: tasks.CauseCAACritical, sentence: `example.com has a CAA record with the critical property "future"`},
		"CAA, and AutoSSL stays off": {zone: pointsHere + `example.com. 60 CAA 0 issue ";"`, serve: other, facts: autoSSL(AutoSSL{KeepOff: true}), want: tasks.CauseAutoSSLOff},
		"CAA that fails, and an own certificate has expired": {override: fails(dns.TypeCAA, 0, false), serve: cert(expired, "example.com"), facts: autoSSL(AutoSSL{KeepOff: true}),
			want: tasks.CauseCertificateExpired},
		"CAA, and AutoSSL was turned on by hand": {zone: pointsHere + `example.com. 60 CAA 0 issue ";"`, serve: other, facts: autoSSL(AutoSSL{On: true, KeepOff: true}), want: tasks.CauseCAAForbids},
		"hyphens, and AutoSSL stays off":         {name: "ab--c.example.com", zone: "ab--c.example.com. 60 A 127.0.0.1", serve: other, facts: autoSSL(AutoSSL{KeepOff: true}), want: tasks.CauseAutoSSLOff},
		"hyphens elsewhere, and AutoSSL stays off": {name: "ab--c.example.com", zone: "ab--c.example.com. 60 A 203.0.113.9", facts: func(f *Facts) { f.AutoSSL.KeepOff = true },
			want: tasks.CauseDNSElsewhere},
		"CAA that fails":                  {override: fails(dns.TypeCAA, 0, false), serve: other, want: tasks.CauseCAAUnknown, sentence: "(the resolver answers SERVFAIL)"},
		"CAA and a good certificate":      {zone: pointsHere + `example.com. 60 CAA 0 issue ";"`, serve: good(), want: tasks.CauseWorks},
		"CAA and a custom certificate":    {zone: pointsHere + `example.com. 60 CAA 0 issue ";"`, serve: other, facts: custom, want: tasks.CauseCustomDoesNotCover},
		"CAA and a certificate is ready":  {zone: pointsHere + `example.com. 60 CAA 0 issue ";"`, serve: other, facts: with(func(a *AutoSSL) { a.KeepOff = true }), want: tasks.CauseAutoSSLOff},
		"CAA and an expired certificate":  {zone: pointsHere + `example.com. 60 CAA 0 issue ";"`, serve: cert(expired, "example.com"), facts: with(func(a *AutoSSL) { a.On = true }), want: tasks.CauseCAAForbids},
		"no certificate is ready":         {serve: other, facts: autoSSL(AutoSSL{}), want: tasks.CauseCertificateNotReady},
		"nothing is known of one":         {serve: other, facts: autoSSL(AutoSSL{NotReported: true}), want: tasks.CauseCertificateUnknown},
		"nor of one, and AutoSSL is on":   {serve: other, facts: autoSSL(AutoSSL{NotReported: true, On: true}), want: tasks.CauseCertificateWrongName},
		"AutoSSL is refused":              {serve: other, facts: with(func(a *AutoSSL) { a.Refusal = "no" }), want: tasks.CauseAutoSSLRefused},
		"AutoSSL can't be turned on yet":  {serve: other, facts: with(func(a *AutoSSL) { a.Failure = "status 503" }), want: tasks.CauseAutoSSLFailed, sentence: "yet: status 503"},
		"AutoSSL was just turned on":      {serve: other, facts: with(func(a *AutoSSL) { a.TurnedOn = true }), want: tasks.CauseAutoSSLStarted},
		"AutoSSL is off":                  {serve: other, facts: with(func(a *AutoSSL) { a.KeepOff = true }), want: tasks.CauseAutoSSLOff},
		"AutoSSL is off in a dry run":     {serve: other, facts: with(func(a *AutoSSL) { a.DryRun = true }), want: tasks.CauseAutoSSLDryRun},
		"the ready one is for others":     {serve: other, facts: autoSSL(AutoSSL{Available: true, Covered: []string{"x.example.com"}}), want: tasks.CauseCertificateDoesNotCover},
		"a custom one for others":         {serve: other, facts: custom, want: tasks.CauseCustomDoesNotCover},
		"a custom one has expired":        {serve: cert(expired, "example.com"), facts: custom, want: tasks.CauseCustomNotAccepted, sentence: "the certificate at 127.0.0.1 expired on 2026-11-02"},
		"the certificate is for others":   {serve: other, want: tasks.CauseCertificateWrongName},
		"the certificate has expired":     {serve: cert(expired, "example.com"), want: tasks.CauseCertificateExpired},
		"it isn't valid yet":              {serve: cert(func(c *x509.Certificate) { c.NotBefore = now.AddDate(0, 0, 1) }, "example.com"), want: tasks.CauseCertificateNotYetValid},
		"it is self-signed":               {serve: selfMade, want: tasks.CauseCertificateUntrusted},
		"the address is private":          {serve: good(), config: func(c *Config) { c.AllowPrivate = false }, want: tasks.CauseAddressNotPublic, sentence: "example.com was not connected to: 127.0.0.1 isn't a public address (loopback)"},
		"a private address, with a proxy": {serve: good(), config: func(c *Config) { proxied(c); c.AllowPrivate = false }, expected: "198.51.100.4/32", want: tasks.CauseAddressNotPublic},
		"nothing listens":                 {want: tasks.CauseServerUnreachable},
		"plain HTTP": {serve: raw(func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }),
			want: tasks.CauseNoTLS},
		"it hangs up": {serve: raw(func(net.Conn) {}), want: tasks.CauseHandshakeFailed},
		"all is well": {serve: good(), want: tasks.CauseWorks},
	}
}

func expired(c *x509.Certificate) {
	c.NotBefore, c.NotAfter = now.AddDate(0, -3, 0), now.AddDate(0, 0, -1)
}

func (r reached) evaluate(t *testing.T) Verdict {
	t.Helper()
	if r.name == "" {
		r.name = "example.com"
	}
	if r.zone == "" {
		r.zone = pointsHere
	}
	expected := loopback
	switch r.expected {
	case "":
	case "none":
		expected = nil
	default:
		expected = []netip.Prefix{netip.MustParsePrefix(r.expected)}
	}
	var server *tlsServer
	if r.serve != nil {
		ca := newAuthority(t)
		server = startTLSServer(t, ca.roots, r.serve(t, ca))
	}
	cfg := server.config(startDNS(t, r.zone, r.override))
	if server == nil {
		cfg.Port = closedPort(t)
	}
	if r.config != nil {
		r.config(&cfg)
	}
	var secrets [][]byte
	if r.secret != "" {
		secrets = [][]byte{[]byte("s1"), []byte(r.secret)}
	}
	facts := Facts{Domain: r.name, Names: []string{r.name}, Expected: expected, Attempt: 1, Limit: 5, App: "app1"}
	facts.Probes = map[string]Probe{r.name: New(cfg).Check(t.Context(), r.name, expected, secrets...)}
	if r.facts != nil {
		r.facts(&facts)
	}
	return Evaluate(facts)
}

func TestEveryCauseIsFoundByResolverAndServer(t *testing.T) {
	t.Parallel()
	// What isn't about DNS, TLS or AutoSSL is decided by package worker, and what is about a
	// domain that isn't added yet by package precheck.
	found := []tasks.Code{tasks.CauseOnTwoApps, tasks.CauseCouldNotCheck, tasks.CauseCertificateExpiring,
		tasks.CauseCustomCertificateExpiring, tasks.CauseProxyCertificateExpiring,
		tasks.CauseOnAnotherApp, tasks.CauseCustomCertificate, tasks.CauseWouldWork, tasks.CauseOriginUnknown, tasks.CauseCheckFailed}
	for name, way := range waysToCauses() {
		found = append(found, way.want)
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := way.evaluate(t)
			if got.Cause.Code != way.want || !strings.Contains(got.Cause.Sentence(), way.sentence) {
				t.Errorf("%s: %s; want %s with %q", got.Cause.Code, got.Cause.Sentence(), way.want, way.sentence)
			}
			if final := way.want == tasks.CauseWorks || way.want == tasks.CauseNameNotCertifiable; got.Final != final {
				t.Errorf("final: %v", got.Final)
			}
		})
	}
	catalogue := tasks.Causes()
	first := slices.IndexFunc(catalogue, func(e tasks.Entry) bool { return e.Code == tasks.CauseNameNotCertifiable })
	for _, e := range catalogue[first:] {
		if !slices.Contains(found, e.Code) {
			t.Errorf("no way leads to %s", e.Code)
		}
	}
}

func TestStatesBehindAProxyAreThoseOfOtherAddresses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		probe Probe
		first tasks.State
		last  tasks.State
	}{
		"a good certificate": {Probe{DNS: Proxied, TLS: Valid}, tasks.Done, tasks.Done},
		"our site":           {Probe{DNS: Proxied, TLS: Valid, Site: Proven}, tasks.Done, tasks.Done},
		"another site":       {Probe{DNS: Proxied, TLS: Valid, Site: OtherSite}, tasks.CheckingDNS, tasks.Failed},
		"no certificate":     {Probe{DNS: Proxied, TLS: Untrusted}, tasks.CheckingDNS, tasks.Failed},
		"bogus DNSSEC":       {Probe{DNS: Bogus, TLS: NotChecked}, tasks.CheckingDNS, tasks.Failed},
		"other addresses":    {Probe{DNS: Elsewhere, TLS: NotChecked}, tasks.CheckingDNS, tasks.Failed},
	} {
		facts := Facts{Domain: "example.com", Names: []string{"example.com"}, Probes: map[string]Probe{"example.com": c.probe}, Limit: 2}
		for attempt, want := range map[int]tasks.State{1: c.first, 2: c.last} {
			facts.Attempt = attempt
			if got := Evaluate(facts).State; got != want {
				t.Errorf("%s, attempt %d: %s; want %s", name, attempt, got, want)
			}
		}
	}
}
