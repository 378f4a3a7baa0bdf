package certcheck

import (
	"errors"
	"net/netip"
	"testing"
)

func TestWhichAddressesArePublic(t *testing.T) {
	t.Parallel()
	public := []string{
		"8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.63.255.255", "100.128.0.0", "198.51.100.4", "203.0.113.9",
		"2606:4700::1111", "2001:db8::1", "2a00::1", "::ffff:8.8.8.8",
	}
	nonPublic := []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.254", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.0.0.8", "192.168.1.1", "198.18.0.1", "198.19.255.255", "224.0.0.1", "239.1.1.1",
		"240.0.0.1", "255.255.255.255",
		"::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "fec0::1", "ff02::1",
		"::ffff:10.0.0.1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:100.64.0.1", "::127.0.0.1",
		"64:ff9b::a00:1", "64:ff9b:1::1", "2002:a00:1::1", "2001:0:1::1",
	}
	for _, a := range public {
		if why := NotPublic(netip.MustParseAddr(a)); why != "" {
			t.Errorf("%s is refused (%s); it is public", a, why)
		}
	}
	for _, a := range nonPublic {
		if NotPublic(netip.MustParseAddr(a)) == "" {
			t.Errorf("%s is permitted; it isn't public", a)
		}
	}
	if NotPublic(netip.Addr{}) == "" {
		t.Error("the zero address is permitted")
	}
}

func TestAnExpectedNonPublicAddressIsNotDialled(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	s := startTLSServer(t, ca.roots, withTLS(ca.issue(t, nil, "example.com")))
	got := check(t, hereZone, "example.com", s, func(c *Config) { c.AllowPrivate = false })
	if got.DNS != PointsHere || got.TLS != NotDialed || got.TLSDetail != "127.0.0.1 isn't a public address (loopback)" {
		t.Errorf("got %+v", got)
	}
	if len(s.accepted) > 0 {
		t.Error("it was dialled")
	}
}

func TestTheSocketItselfRefusesNonPublicAddresses(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	s := startTLSServer(t, ca.roots, withTLS(ca.issue(t, nil, "example.com")))
	cfg := s.config("")
	cfg.AllowPrivate = false
	got := New(cfg).handshake(t.Context(), "example.com", netip.MustParseAddr("127.0.0.1"))
	if got.status != NotDialed || len(s.accepted) > 0 {
		t.Errorf("got %+v after %d connections; want %s after none", got, len(s.accepted), NotDialed)
	}
	for _, address := range []string{"10.0.0.1:443", "[::ffff:10.0.0.1]:443", "[fe80::1%lo]:443", "nonsense"} {
		if err := refuseNonPublic("tcp", address, nil); !errors.Is(err, errNotPublic) {
			t.Errorf("%s: got %v; want %v", address, err, errNotPublic)
		}
	}
	if err := refuseNonPublic("tcp", "[2606:4700::1111]:443", nil); err != nil {
		t.Error(err)
	}
}

func TestAMappedAddressInAnAAAARecordIsNotDialled(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	s := startTLSServer(t, ca.roots, withTLS(ca.issue(t, nil, "example.com")))
	got := check(t, "example.com. 60 AAAA ::ffff:127.0.0.1", "example.com", s, func(c *Config) { c.AllowPrivate = false })
	if got.DNS != NoAddress || len(s.accepted) > 0 {
		t.Errorf("got %+v after %d connections", got, len(s.accepted))
	}
}
