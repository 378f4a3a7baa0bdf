package certcheck

import (
	"context"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// maxAliases is how many CNAME records are followed; resolvers have a similar limit.
const maxAliases = 16

// cnameLoop follows the CNAME records of a name that can't be resolved. If they lead back to
// a name on the way, it returns the way, such as "b.example → a.example"; otherwise an empty
// string. Resolvers answer SERVFAIL to a loop and to failures of their own alike, but here
// the records are wrong.
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
