package simulator

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestDNSFollowsTheBehaviourOfNames(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	addr := netip.MustParseAddr
	s.SetBehaviour("both.example.com", Behaviour{PointsTo: []netip.Addr{addr("198.51.100.4"), addr("2001:db8::1")}})
	s.SetBehaviour("alias.example.com", Behaviour{CNAME: "Both.example.com."})
	s.SetBehaviour("aliasalias.example.com", Behaviour{CNAME: "alias.example.com"})
	s.SetBehaviour("ring.example.com", Behaviour{CNAME: "ring.example.com"})
	s.SetBehaviour("dangling.example.com", Behaviour{CNAME: "nodns.example.com"})
	s.SetBehaviour("shop.example.com", Behaviour{NoDNS: true})
	s.SetBehaviour("www.both.example.com", Behaviour{})

	notFound := func(err *net.DNSError) bool { return err.IsNotFound }
	failed := func(err *net.DNSError) bool { return !err.IsNotFound && !err.IsTimeout }
	for _, test := range []struct {
		name string
		want []string
		err  func(*net.DNSError) bool
	}{
		{name: "anything.example.org", want: []string{"127.0.0.1"}},
		{name: "ANYTHING.Example.org", want: []string{"127.0.0.1"}},
		{name: "elsewhere.example.com", want: []string{"203.0.113.9"}},
		{name: "both.example.com", want: []string{"198.51.100.4", "2001:db8::1"}},
		{name: "www.both.example.com", want: []string{"127.0.0.1"}},
		{name: "alias.example.com", want: []string{"198.51.100.4", "2001:db8::1"}},
		{name: "aliasalias.example.com", want: []string{"198.51.100.4", "2001:db8::1"}},
		{name: "www.alias.example.com", want: []string{"198.51.100.4", "2001:db8::1"}},
		{name: "ipv6.example.com", want: []string{"127.0.0.1", "2001:db8::9"}},
		{name: "proxied.example.com", want: []string{"127.0.0.2"}},
		{name: "bogus.example.com", err: failed},
		{name: "caa.example.com", want: []string{"127.0.0.1"}},
		{name: "nodns.example.com", err: notFound},
		{name: "www.shop.example.com", err: notFound},
		{name: "dangling.example.com", err: notFound},
		{name: "servfail.example.com", err: failed},
		{name: "ring.example.com", err: failed},
	} {
		for _, network := range []string{"udp", "tcp"} {
			t.Run(test.name+" over "+network, func(t *testing.T) {
				t.Parallel()
				resolver := net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return new(net.Dialer).DialContext(ctx, network, s.DNSAddr())
				}}
				got, err := resolver.LookupHost(t.Context(), test.name+".")
				if test.err != nil {
					var dnsErr *net.DNSError
					if !errors.As(err, &dnsErr) || !test.err(dnsErr) {
						t.Errorf("got %v, %v", got, err)
					}
					return
				}
				slices.Sort(got)
				if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
					t.Errorf("error %v, addresses (-want +got):\n%s", err, diff)
				}
			})
		}
	}
}

func TestByNameFindsTheWordInTheFirstLabel(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]Behaviour{
		"shop.example.com":              {},
		"example.nodns.com":             {},
		"nodns.example.com":             {NoDNS: true},
		"WWW.My-NoDNS-Shop.example.com": {NoDNS: true},
		"elsewhere1.example.com":        {PointsTo: []netip.Addr{netip.MustParseAddr("203.0.113.9")}},
		"2servfail.example.com":         {DNSError: true},
		"refused.example.com":           {Refused: "this domain is not allowed"},
		"latecert.example.com":          {LateCert: true},
		"nocert.example.com":            {NoCert: true},
		"ipv6.example.com":              {PointsAlsoTo: []netip.Addr{netip.MustParseAddr("2001:db8::9")}, NoCert: true},
		"bogus.example.com":             {DNSSECBogus: true, ExtendedError: 6, NoCert: true},
		"caa.example.com":               {CAA: []string{`0 issue "ca.example.net"`}, NoCert: true},
		"proxied.example.com":           {Proxied: true},
		"othersite.example.com":         {Proxied: true, OtherSite: true},
	} {
		if diff := cmp.Diff(want, ByName(name), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
