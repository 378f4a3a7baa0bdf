package certcheck

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
)

func TestProblemsSayTheReasonToPrograms(t *testing.T) {
	t.Parallel()
	good := Probe{DNS: PointsHere, Addresses: addresses("198.51.100.4"), TLS: Valid}
	refused := Probe{DNS: PointsHere, Addresses: addresses("198.51.100.4"), TLS: Unreachable, TLSDetail: "refused"}
	away := Probe{DNS: Elsewhere, Addresses: addresses("203.0.113.9", "198.51.100.4", "2001:db8::1")}
	none := Probe{DNS: NoAddress}
	const domain, www = "example.com", "www.example.com"
	here := []string{"198.51.100.4"}
	many := Probe{DNS: Elsewhere}
	for i := range byte(maxProblemAddresses + 5) {
		many.Addresses = append(many.Addresses, netip.AddrFrom4([4]byte{203, 0, 113, i}))
	}

	for name, c := range map[string]struct {
		facts  Facts
		change func(*Facts)
		want   []tasks.Problem
	}{
		"both names work": {facts: facts(good, good)},
		"DNS of both names": {facts: facts(away, none), want: []tasks.Problem{
			{Name: domain, Cause: tasks.CauseDNSElsewhere, Found: []string{"203.0.113.9", "2001:db8::1"}, Expected: here},
			{Name: www, Cause: tasks.CauseDNSMissing, Expected: here}}},
		"only the www form": {facts: facts(good, none), want: []tasks.Problem{{Name: www, Cause: tasks.CauseDNSMissing, Expected: here}}},
		"networks": {facts: facts(none, good), change: func(f *Facts) { f.Expected = prefixes("198.51.100.4/32", "192.0.2.0/24") },
			want: []tasks.Problem{{Name: domain, Cause: tasks.CauseDNSMissing, Expected: []string{"198.51.100.4", "192.0.2.0/24"}}}},
		"the app's address is unknown": {facts: facts(none, good), change: func(f *Facts) { f.Expected = nil },
			want: []tasks.Problem{{Name: domain, Cause: tasks.CauseDNSMissing}}},
		"the lookup failed": {facts: facts(Probe{DNS: Unknown}, good), want: []tasks.Problem{{Name: domain, Cause: tasks.CauseDNSUnknown}}},
		"no certificate is ready": {facts: facts(refused, good), change: func(f *Facts) { f.AutoSSL = AutoSSL{Known: true} },
			want: []tasks.Problem{{Name: domain, Cause: tasks.CauseCertificatePending}}},
		"AutoSSL was turned on just now": {facts: facts(refused, good), change: func(f *Facts) { f.AutoSSL.TurnedOn = true },
			want: []tasks.Problem{{Name: domain, Cause: tasks.CauseCertificatePending}}},
		"the server": {facts: facts(refused, good), want: []tasks.Problem{{Name: domain, Cause: tasks.CauseCertificate}}},
		"off the list, so not checked": {facts: facts(Probe{}, Probe{}),
			change: func(f *Facts) { f.OffList, f.Probes = []string{domain}, nil },
			want:   []tasks.Problem{{Name: domain, Cause: tasks.CauseNotListed}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if c.change != nil {
				c.change(&c.facts)
			}
			if diff := cmp.Diff(c.want, Evaluate(c.facts).Problems); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
	t.Run("at most ten addresses", func(t *testing.T) {
		t.Parallel()
		if got := Evaluate(facts(many, good)).Problems; len(got) != 1 || len(got[0].Found) != maxProblemAddresses {
			t.Errorf("got %+v", got)
		}
	})
}
