// Package loopback knows the addresses that lead to this machine only.
package loopback

import (
	"net/netip"
	"strings"
)

// Is reports whether a host, without a port, is localhost or a loopback address. An
// IPv4 address may also be written as an IPv6 one.
func Is(host string) bool {
	addr, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && addr.Unmap().IsLoopback()
}
