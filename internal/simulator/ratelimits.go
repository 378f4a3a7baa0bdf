package simulator

import (
	"slices"
	"time"

	"golang.org/x/net/publicsuffix"
)

// Let's Encrypt's limits (letsencrypt.org/docs/rate-limits). It refills them gradually; here they
// count what was issued in the time before now. All apps share one account, as far as it is
// known.
const (
	ordersPerAccount       = 300
	accountWindow          = 3 * time.Hour
	certificatesPerDomain  = 50 // a registered domain, with all names below it
	certificatesPerNameSet = 5  // exactly the same names
	certificateWindow      = 7 * 24 * time.Hour
)

// order is a certificate that was issued.
type order struct {
	at      time.Time
	names   []string // sorted
	domains []string // the registered domains of the names
	renewal bool
}

// orders are the certificates that were issued within the longest window.
type orders []order

// allow records an order and returns true, unless a limit forbids it. A renewal, for exactly the
// names of a certificate that the app has, doesn't count for the registered domains.
func (o *orders) allow(names []string, renewal bool, now time.Time) bool {
	wanted := order{at: now, names: slices.Sorted(slices.Values(names)), renewal: renewal}
	for _, name := range wanted.names {
		domain, err := publicsuffix.EffectiveTLDPlusOne(name)
		if err != nil {
			domain = name
		}
		if !slices.Contains(wanted.domains, domain) {
			wanted.domains = append(wanted.domains, domain)
		}
	}
	*o = slices.DeleteFunc(*o, func(earlier order) bool { return now.Sub(earlier.at) >= certificateWindow })
	recent, sameNames, ofDomain := 0, 0, map[string]int{}
	for _, earlier := range *o {
		if now.Sub(earlier.at) < accountWindow {
			recent++
		}
		if slices.Equal(earlier.names, wanted.names) {
			sameNames++
		}
		if !earlier.renewal {
			for _, domain := range earlier.domains {
				ofDomain[domain]++
			}
		}
	}
	if recent >= ordersPerAccount || sameNames >= certificatesPerNameSet {
		return false
	}
	if !renewal && slices.ContainsFunc(wanted.domains, func(d string) bool { return ofDomain[d] >= certificatesPerDomain }) {
		return false
	}
	*o = append(*o, wanted)
	return true
}
