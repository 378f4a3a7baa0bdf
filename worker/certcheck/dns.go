package certcheck

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"
)

// resolve fills in the DNS part of the probe.
func (c *Checker) resolve(ctx context.Context, probe *Probe, expected []netip.Prefix) {
	// A hanging name server must leave time for the handshake. If only one of the A and AAAA
	// lookups answers, the probe continues with its addresses.
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout/2)
	defer cancel()
	defer c.endEarly(ctx, cancel)()
	r := c.resolver(ctx)
	// The trailing dot makes the name absolute: search domains don't apply.
	absolute := probe.Name + "."

	var v4, v6 []netip.Addr
	var err4, err6 error
	var wg sync.WaitGroup
	wg.Go(func() { v4, err4 = r.LookupNetIP(ctx, "ip4", absolute) })
	wg.Go(func() { v6, err6 = r.LookupNetIP(ctx, "ip6", absolute) })
	wg.Wait()

	found := slices.Concat(v4, v6)
	if len(found) > 0 {
		probe.DNS, probe.Addresses = classify(found, expected)
		if probe.DNS == Elsewhere {
			if probe.Provider = c.provider(found); probe.Provider != "" {
				probe.DNS = Proxied
			}
		}
		return
	}
	for _, err := range []error{err4, err6} {
		if err != nil && !isNotFound(err) {
			probe.DNS, probe.DNSDetail = DNSUnknown, failureText(err)
			if ctx.Err() != nil {
				probe.DNSDetail = lateAnswer
			} else if !isTimeout(err) {
				if loop := c.cnameLoop(ctx, probe.Name); loop != "" {
					probe.DNS, probe.DNSDetail, probe.Alias = NoAddress, "", loop
				} else if text, bogus := c.bogus(ctx, probe.Name); bogus {
					probe.DNS, probe.DNSDetail = Bogus, text
				}
			}
			return
		}
	}
	probe.DNS, probe.Alias = NoAddress, danglingAlias(ctx, r, absolute)
}

// endEarly cancels a lookup that takes long, unless patience has room for it. The caller calls
// stop at the end of the lookup, and then cancel.
func (c *Checker) endEarly(ctx context.Context, cancel context.CancelFunc) (stop func() bool) {
	if c.patience == nil {
		return func() bool { return false }
	}
	return time.AfterFunc(c.cfg.Timeout/6, func() {
		leave, ok := c.patience()
		if !ok {
			cancel()
			return
		}
		context.AfterFunc(ctx, leave)
	}).Stop
}

// classify reports whether all addresses are expected. The unexpected ones come first,
// so the limit on kept addresses never hides them.
func classify(found []netip.Addr, expected []netip.Prefix) (DNSStatus, []netip.Addr) {
	var here, elsewhere []netip.Addr
	for _, a := range found {
		a = a.Unmap()
		if within(a, expected) {
			here = append(here, a)
		} else {
			elsewhere = append(elsewhere, a)
		}
	}
	status := PointsHere
	if len(elsewhere) > 0 {
		status = Elsewhere
	}
	addresses := slices.Concat(ordered(elsewhere), ordered(here))
	return status, addresses[:min(len(addresses), maxAddresses)]
}

// ordered sorts addresses, IPv4 first, and drops duplicates.
func ordered(addresses []netip.Addr) []netip.Addr {
	slices.SortFunc(addresses, netip.Addr.Compare)
	return slices.Compact(addresses)
}

func within(a netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(a) })
}

// resolver returns a resolver whose connections end with ctx. Package net detaches
// address lookups from their context, so they would continue for seconds after ctx ends.
func (c *Checker) resolver(ctx context.Context) *net.Resolver {
	return &net.Resolver{
		PreferGo: true, // the system's own resolver ignores Dial, and can't be interrupted
		Dial: func(attempt context.Context, network, address string) (net.Conn, error) {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			if c.cfg.DNS != "" {
				address = c.cfg.DNS
			}
			var d net.Dialer
			conn, err := d.DialContext(attempt, network, address)
			if err == nil {
				context.AfterFunc(ctx, func() { conn.Close() })
			}
			return conn, err
		},
	}
}

// isNotFound reports whether DNS answered that there is no record. Package net drops
// IPv4 addresses from AAAA records, and returns an AddrError if no address is left.
func isNotFound(err error) bool {
	var dnsErr *net.DNSError
	var unsuitable *net.AddrError
	return errors.As(err, &dnsErr) && dnsErr.IsNotFound || errors.As(err, &unsuitable)
}

const lateAnswer = "no answer in time"

func failureText(err error) string {
	var dnsErr *net.DNSError
	switch {
	case isTimeout(err):
		return lateAnswer
	case errors.As(err, &dnsErr):
		return sanitize(dnsErr.Err, maxDetail)
	}
	return sanitize(err.Error(), maxDetail)
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &netErr) && netErr.Timeout()
}

// danglingAlias returns the name that the CNAME record of a name without addresses leads to;
// empty if it has none.
func danglingAlias(ctx context.Context, r *net.Resolver, absolute string) string {
	if target, err := r.LookupCNAME(ctx, absolute); err == nil && !strings.EqualFold(target, absolute) {
		return sanitize(strings.TrimSuffix(target, "."), maxName)
	}
	return ""
}
