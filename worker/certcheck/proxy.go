package certcheck

import (
	_ "embed"
	"net/netip"
	"slices"
	"strings"
)

// Proxy is a provider whose proxies stand before web servers: visitors see the proxy's
// addresses and its certificate.
type Proxy struct {
	Name     string
	Networks []netip.Prefix
}

//go:embed cloudflare.txt
var cloudflareNetworks string

// cloudflare is the provider whose networks pilotsync knows by itself.
func cloudflare() Proxy {
	p := Proxy{Name: "Cloudflare"}
	for line := range strings.Lines(cloudflareNetworks) {
		if line = strings.TrimSpace(line); !strings.HasPrefix(line, "#") {
			p.Networks = append(p.Networks, netip.MustParsePrefix(line))
		}
	}
	return p
}

// knownProxies are those of the operator before Cloudflare.
func knownProxies(configured []Proxy) []Proxy { return append(slices.Clone(configured), cloudflare()) }

// provider returns the name of the proxy that has all of the addresses; empty if none has.
func (c *Checker) provider(addresses []netip.Addr) string {
	for _, p := range c.proxies {
		if !slices.ContainsFunc(addresses, func(a netip.Addr) bool { return !within(a.Unmap(), p.Networks) }) {
			return p.Name
		}
	}
	return ""
}
