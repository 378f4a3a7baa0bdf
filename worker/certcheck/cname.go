package certcheck

import (
	"context"
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxAliases is how many CNAME records are followed; resolvers have a similar limit.
const maxAliases = 16

// cnameLoop describes the loop that an unresolvable name's CNAME records lead into, or
// returns "". Resolvers answer SERVFAIL to a loop, as they do to failures of their own,
// but here the records are wrong. Package net can't query a CNAME record alone, hence
// the miekg/dns client.
func (c *Checker) cnameLoop(ctx context.Context, name string) string {
	server := c.cfg.DNS
	if server == "" {
		system, err := dns.ClientConfigFromFile("/etc/resolv.conf")
		if err != nil || len(system.Servers) == 0 {
			return ""
		}
		server = net.JoinHostPort(system.Servers[0], system.Port)
	}
	chain := []string{dns.CanonicalName(name)}
	for range maxAliases {
		last := chain[len(chain)-1]
		query := new(dns.Msg).SetQuestion(last, dns.TypeCNAME)
		reply, _, err := new(dns.Client).ExchangeContext(ctx, query, server)
		if err != nil {
			return ""
		}
		alias := slices.IndexFunc(reply.Answer, func(rr dns.RR) bool {
			return rr.Header().Rrtype == dns.TypeCNAME && dns.CanonicalName(rr.Header().Name) == last
		})
		if alias < 0 {
			return ""
		}
		next := dns.CanonicalName(reply.Answer[alias].(*dns.CNAME).Target)
		back := slices.Contains(chain, next)
		chain = append(chain, next)
		if back {
			return "is an alias (CNAME) that goes round in a circle: " + arrows(chain)
		}
	}
	return ""
}

// arrows formats a chain of names; the middle of a long chain is left out.
func arrows(chain []string) string {
	var shown []string
	for i, name := range chain {
		switch {
		case i < 3 || i == len(chain)-1:
			shown = append(shown, sanitize(strings.TrimSuffix(name, "."), maxShownName))
		case i == 3:
			shown = append(shown, "…")
		}
	}
	return strings.Join(shown, " → ")
}
