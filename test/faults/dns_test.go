//go:build faults

package faults

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"pilotsync/internal/simulator"
	"pilotsync/tasks"
	"pilotsync/test/harness"
)

// brokenDomain is a way in which a domain fails, and the reason that must be given.
type brokenDomain struct {
	name      string
	behaviour simulator.Behaviour
	state     tasks.State
	reason    string // % stands for the name
}

func brokenDomains() []brokenDomain {
	hundred := make([]netip.Addr, 100)
	for i := range hundred {
		hundred[i] = netip.AddrFrom4([4]byte{203, 0, 113, byte(i + 1)})
	}
	here := netip.AddrFrom4([4]byte{127, 0, 0, 1})
	return []brokenDomain{
		{"good.example.com", simulator.Behaviour{}, tasks.Done, "certificate valid until"},
		{"gone.example.com", simulator.Behaviour{NoDNS: true}, tasks.Failed, "% has no A or AAAA record in DNS"},
		{"dangling.example.com", simulator.Behaviour{CNAME: "gone.example.com"}, tasks.Failed, "% is an alias (CNAME) of gone.example.com, which leads to no address"},
		{"broken.example.com", simulator.Behaviour{DNSError: true}, tasks.Failed, "the DNS lookup of % failed (server misbehaving), which doesn't mean that its records are wrong"},
		{"silent.example.com", simulator.Behaviour{DNSSilent: true}, tasks.Failed, "the DNS lookup of % failed (no answer in time), which doesn't mean that its records are wrong"},
		{"round.example.com", simulator.Behaviour{CNAME: "other.example.net"}, tasks.Failed, "% is an alias (CNAME) of other.example.net → %, which leads to no address"},
		{"itself.example.com", simulator.Behaviour{CNAME: "itself.example.com"}, tasks.Failed, "% is an alias (CNAME) of %, which leads to no address"},
		{"hundred.example.com", simulator.Behaviour{PointsTo: hundred}, tasks.Failed, "% points to 203.0.113.1, 203.0.113.2, 203.0.113.3 and at least 7 more; this app is on 127.0.0.1"},
		{"mixed.example.com", simulator.Behaviour{PointsTo: []netip.Addr{here, hundred[0]}}, tasks.Failed, "% points to 203.0.113.1; this app is on 127.0.0.1"},
		{"selfsigned.example.com", simulator.Behaviour{TLS: simulator.SelfSigned}, tasks.DoneWithoutSSL, "% points here, but browsers don't trust the certificate at 127.0.0.1: it is self-signed"},
		{"old.example.com", simulator.Behaviour{TLS: simulator.Expired}, tasks.DoneWithoutSSL, "% points here, but the certificate at 127.0.0.1 expired on"},
		{"wrong.example.com", simulator.Behaviour{TLS: simulator.OtherName}, tasks.DoneWithoutSSL, "% points here, but the certificate at 127.0.0.1 is for other names: other-site.example.org"},
		{"hangs.example.com", simulator.Behaviour{TLS: simulator.HangsHandshake}, tasks.DoneWithoutSSL, "doesn't finish the TLS handshake (timeout)"},
		{"hangsup.example.com", simulator.Behaviour{TLS: simulator.HangsUp}, tasks.DoneWithoutSSL, "closes the connection during the TLS handshake"},
		{"http.example.com", simulator.Behaviour{TLS: simulator.PlainHTTP}, tasks.DoneWithoutSSL, "answers in plain HTTP on port"},
	}
}

func TestEachWayInWhichDNSAndTLSFailHasItsOwnReason(t *testing.T) {
	t.Parallel()
	f := newFixture(t, simulator.Options{Apps: []simulator.App{{ID: "app1", AutoSSL: true}}})
	f.sim.SetBehaviour("other.example.net", simulator.Behaviour{CNAME: "round.example.com"})
	var all []string
	for _, s := range brokenDomains() {
		f.sim.SetBehaviour(s.name, s.behaviour)
		all = append(all, s.name)
	}
	// With one attempt its result is final. All run at once, as in a burst.
	f.worker("PILOTSYNC_SSL_DELAYS=1s", "PILOTSYNC_WWW=never")
	f.add("app1", all...)

	reasons := map[string]string{} // by reason without the name
	for _, s := range brokenDomains() {
		var reason string
		harness.Await(t, s.name+" is "+string(s.state), func() error {
			v, _, err := f.ledger.Domain(t.Context(), "app1", s.name)
			if v.State != s.state {
				return errors.Join(err, fmt.Errorf("it is %q: %s", v.State, v.Reason))
			}
			reason = v.Reason
			return nil
		})
		history, err := f.ledger.History(t.Context(), "app1", s.name)
		if err != nil || len(history) < 2 {
			t.Fatalf("%s: history %+v, %v", s.name, history, err)
		}
		// Measured from the listing: the delay of 1 s and a tenth of jitter, asynq's whole seconds,
		// and a poll.
		took := history[0].At.Sub(history[1].At)
		t.Logf("%-24s after %5.1f s: %s", s.name, took.Seconds(), reason)
		if want := strings.ReplaceAll(s.reason, "%", s.name); !strings.Contains(reason, want) {
			t.Errorf("%s: the reason is %q; it must say %q", s.name, reason, want)
		}
		shape := strings.ReplaceAll(reason, s.name, "%")
		if other := reasons[shape]; other != "" {
			t.Errorf("%s and %s have the same reason: %s", s.name, other, reason)
		}
		reasons[shape] = s.name
	}
}
