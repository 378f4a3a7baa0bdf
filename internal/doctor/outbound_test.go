package doctor

import (
	"net/netip"
	"strings"
	"testing"

	"pilotsync/internal/config"
)

// The check applies the verifications' own rule: no address passes it that they don't dial.
func TestNoAddressPassesThatVerificationsDoNotDial(t *testing.T) {
	t.Parallel()
	for address, kind := range map[string]string{
		"10.0.0.1": "private network", "::ffff:10.0.0.1": "private network", "fe80::1": "link-local",
		"100.64.0.1": "carrier-grade NAT", "198.18.0.1": "benchmarking network", "64:ff9b::a00:1": "outside the public IPv6 space",
	} {
		results := checkOutbound(t.Context(), config.Worker{}, []netip.Addr{netip.MustParseAddr(address)})
		if len(results) != 1 || results[0].Status != Warning || !strings.Contains(results[0].Detail, address+" isn't a public address ("+kind+")") {
			t.Errorf("%s: %+v", address, results)
		}
	}
}
