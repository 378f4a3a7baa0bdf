package certcheck

import (
	"net/netip"
	"slices"
)

// AppSettings say how an app's domains are verified. The zero value has the defaults.
type AppSettings struct {
	Expected Expected
	// AutoSSLOff: pilotsync never turns AutoSSL on.
	AutoSSLOff bool
}

// Expected says where the DNS of an app's domains should point.
type Expected struct {
	Networks []netip.Prefix
	// Only: not to the app's server, but to Networks alone.
	Only bool
}

// With returns all expected networks, with the address of the app's server unless Only is set.
// The zero Addr means that the address isn't known.
func (e Expected) With(server netip.Addr) []netip.Prefix {
	if e.Only || !server.IsValid() {
		return e.Networks
	}
	return slices.Concat([]netip.Prefix{netip.PrefixFrom(server, server.BitLen())}, e.Networks)
}
