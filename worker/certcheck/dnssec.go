package certcheck

import (
	"context"
	"strings"

	"github.com/miekg/dns"
)

// bogus tells whether a resolver that fails for a name (SERVFAIL) does so because DNSSEC's
// signatures are wrong. It says so by an extended error (RFC 8914), which is the text, or
// it answers as soon as it is asked not to check them.
func (c *Checker) bogus(ctx context.Context, name string) (text string, yes bool) {
	checked, err := c.query(ctx, name, dns.TypeA, false)
	if err != nil || checked.Rcode != dns.RcodeServerFailure {
		return "", false // it has recovered, or fails in another way
	}
	if opt := checked.IsEdns0(); opt != nil {
		for _, option := range opt.Option {
			if e, ok := option.(*dns.EDNS0_EDE); ok && dns.ExtendedErrorCodeDNSBogus <= e.InfoCode && e.InfoCode <= dns.ExtendedErrorCodeNSECMissing {
				return sanitize(strings.TrimSuffix(dns.ExtendedErrorCodeToString[e.InfoCode]+": "+e.ExtraText, ": "), maxDetail), true
			}
		}
	}
	unchecked, err := c.query(ctx, name, dns.TypeA, true)
	return "", err == nil && (unchecked.Rcode == dns.RcodeSuccess || unchecked.Rcode == dns.RcodeNameError)
}
