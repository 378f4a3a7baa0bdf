package certcheck

import (
	"context"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxAliases is how many CNAME records are followed; resolvers have a similar limit.
const maxAliases = 16

// cnameLoop tells whether a name that can't be resolved is an alias that leads back
// to itself, or to one that does, and returns the names on its way; empty if not. A
// resolver reports that as it reports its own failures (SERVFAIL), but here the records are
// what is wrong.
func (c *Checker) cnameLoop(ctx context.Context, name string) string {
	chain := []string{dns.CanonicalName(name)}
	for range maxAliases {
		last := chain[len(chain)-1]
		reply, err := c.query(ctx, last, dns.TypeCNAME, false)
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
			return arrows(chain[1:])
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
