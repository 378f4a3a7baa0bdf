package certcheck

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
)

// control is the type of net.Dialer.Control.
type control = func(network, address string, c syscall.RawConn) error

// errNotPublic is wrapped by the error of a dial that refuseNonPublic refused.
var errNotPublic = errors.New("not a public address")

// refuseNonPublic is a [control]. It is the second line of defence: addresses are
// checked before they are dialled, and again here, at the socket.
func refuseNonPublic(_, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %q: %w", errNotPublic, address, err)
	}
	if why := NotPublic(target.Addr()); why != "" {
		return fmt.Errorf("%w: %s: %s", errNotPublic, target.Addr(), why)
	}
	return nil
}

// NotPublic says why an address can't be that of a public web server, or returns "". Such
// an address is dialled only with [Config.AllowPrivate]. The networks are those of IANA's
// special-purpose registries (RFC 6890), without the documentation networks: those have
// no hosts.
func NotPublic(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	switch {
	case !a.IsValid():
		return "no address"
	case a.IsUnspecified():
		return "unspecified"
	case a.IsLoopback():
		return "loopback"
	case a.IsPrivate():
		return "private network"
	case a.IsLinkLocalUnicast():
		return "link-local"
	case a.IsMulticast():
		return "multicast"
	}
	if a.Is6() && !globalUnicast6.Contains(a) {
		// Also NAT64 (64:ff9b::/96) and IPv4-compatible addresses, which lead
		// to any IPv4 address, private ones included.
		return "outside the public IPv6 space"
	}
	for _, s := range special {
		if s.prefix.Contains(a) {
			return s.why
		}
	}
	return ""
}

var (
	globalUnicast6 = netip.MustParsePrefix("2000::/3")

	special = []struct {
		prefix netip.Prefix
		why    string
	}{
		{netip.MustParsePrefix("0.0.0.0/8"), "this network"},
		{netip.MustParsePrefix("100.64.0.0/10"), "carrier-grade NAT"},
		{netip.MustParsePrefix("192.0.0.0/24"), "reserved"},
		{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking network"},
		{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
		{netip.MustParsePrefix("2001::/32"), "Teredo tunnel"},
		{netip.MustParsePrefix("2002::/16"), "6to4 tunnel"},
	}
)
