package dashboard

import (
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// trustedProxies are the networks of the proxies before the dashboard. Their header
// X-Forwarded-For is believed, and that of any other sender isn't.
type trustedProxies []netip.Prefix

// sender is the address that a request comes from: that of the connection, or behind trusted
// proxies the last address of X-Forwarded-For that isn't a trusted proxy's own. What a client
// wrote into the header is further left, and not read.
func (p trustedProxies) sender(r *http.Request) string {
	address := r.RemoteAddr
	if !p.has(address) {
		return address
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		if _, ok := parseHost(hop); !ok {
			break // the last proxy that wrote an address is all that is known
		}
		if address = hop; !p.has(hop) {
			break
		}
	}
	return address
}

func (p trustedProxies) has(address string) bool {
	addr, ok := parseHost(address)
	return ok && slices.ContainsFunc(p, func(network netip.Prefix) bool { return network.Contains(addr) })
}

// parseHost reads an address with or without a port.
func parseHost(address string) (netip.Addr, bool) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		host = strings.TrimSuffix(strings.TrimPrefix(address, "["), "]")
	}
	addr, err := netip.ParseAddr(host)
	return addr.Unmap().WithZone(""), err == nil
}
