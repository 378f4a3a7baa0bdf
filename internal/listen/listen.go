// Package listen opens addresses in the address family that they name. Package net takes 0.0.0.0
// for all addresses of both families.
package listen

import (
	"net"
	"net/netip"
)

// TCP listens at host:port. 0.0.0.0 is every IPv4 address, :: every IPv6 one, and an empty host
// every address.
func TCP(address string) (net.Listener, error) {
	return net.Listen("tcp"+family(address), address)
}

// UDP is as TCP, for packets.
func UDP(address string) (net.PacketConn, error) {
	return net.ListenPacket("udp"+family(address), address)
}

// family returns 4 or 6, or nothing if an address leaves the family open.
func family(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "" // package net says what is wrong
	}
	switch ip, err := netip.ParseAddr(host); {
	case err != nil:
		return ""
	case ip.Unmap().Is4():
		return "4"
	default:
		return "6"
	}
}
