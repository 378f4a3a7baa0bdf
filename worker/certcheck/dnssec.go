package certcheck

import (
	"context"
	"strings"

	"github.com/miekg/dns"
)

// bogus reports whether a resolver answers SERVFAIL for a name because DNSSEC's signatures are
// wrong. Some resolvers say so in an extended error (RFC 8914), which text then quotes. For
// others, there are two signs: without the check of signatures they answer, and the zone is
// signed. The first sign alone may mean that the resolver has recovered.
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
	if err != nil || unchecked.Rcode != dns.RcodeSuccess && unchecked.Rcode != dns.RcodeNameError {
		return "", false
	}
	if c.signed(ctx, name) {
		return "", true
	}
	for _, rr := range unchecked.Answer { // the fault may be that of an alias's target
		if alias, ok := rr.(*dns.CNAME); ok && c.signed(ctx, alias.Target) {
			return "", true
		}
	}
	return "", false
}

// signed reports whether the zone of a name is signed: its parent has a DS record for it.
func (c *Checker) signed(ctx context.Context, name string) bool {
	for owner := strings.TrimSuffix(name, "."); strings.Contains(owner, "."); _, owner, _ = strings.Cut(owner, ".") {
		for _, kind := range []uint16{dns.TypeDS, dns.TypeSOA} {
			reply, err := c.query(ctx, owner, kind, true)
			if err != nil || reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
				return false
			}
			for _, rr := range reply.Answer {
				if rr.Header().Rrtype == kind && strings.EqualFold(rr.Header().Name, dns.Fqdn(owner)) {
					return kind == dns.TypeDS // the SOA record is at the zone's cut
				}
			}
		}
	}
	return false
}
