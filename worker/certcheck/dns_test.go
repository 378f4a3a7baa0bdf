package certcheck

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/miekg/dns"
)

// dnsPart is the part of a probe that resolving fills in.
type dnsPart struct {
	Status    DNSStatus
	Addresses []string
	Detail    string
}

func dnsOf(p Probe) dnsPart {
	var addresses []string
	for _, a := range p.Addresses {
		addresses = append(addresses, a.String())
	}
	return dnsPart{p.DNS, addresses, cmp.Or(p.Alias, p.DNSDetail)}
}

func TestWhereDNSPoints(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		zone string
		name string
		want dnsPart
	}{
		"a name with an expected address points here": {
			zone: "example.com. 60 A 127.0.0.1",
			want: dnsPart{Status: PointsHere, Addresses: []string{"127.0.0.1"}},
		},
		"a name with another address points elsewhere": {
			zone: "example.com. 60 A 203.0.113.9",
			want: dnsPart{Status: Elsewhere, Addresses: []string{"203.0.113.9"}},
		},
		"one unexpected address among expected ones is elsewhere, and comes first": {
			zone: "example.com. 60 A 127.0.0.1\nexample.com. 60 A 203.0.113.9",
			want: dnsPart{Status: Elsewhere, Addresses: []string{"203.0.113.9", "127.0.0.1"}},
		},
		"an unexpected AAAA record is elsewhere": {
			zone: "example.com. 60 A 127.0.0.1\nexample.com. 60 AAAA 2001:db8::1",
			want: dnsPart{Status: Elsewhere, Addresses: []string{"2001:db8::1", "127.0.0.1"}},
		},
		"aliases are followed to their end": {
			zone: "example.com. 60 CNAME a.example.net.\na.example.net. 60 CNAME b.example.net.\nb.example.net. 60 A 127.0.0.1",
			want: dnsPart{Status: PointsHere, Addresses: []string{"127.0.0.1"}},
		},
		"an alias of a name without addresses is reported with its target": {
			zone: "example.com. 60 CNAME gone.example.net.",
			want: dnsPart{Status: NoAddress, Detail: "gone.example.net"},
		},
		"an alias that leads back to itself is reported with its chain": {
			zone: "example.com. 60 CNAME a.example.net.\na.example.net. 60 CNAME example.com.",
			want: dnsPart{Status: NoAddress, Detail: "a.example.net → example.com"},
		},
		"an alias that leads into a loop is reported with a shortened chain": {
			zone: "example.com. 60 CNAME a.test.\na.test. 60 CNAME b.test.\nb.test. 60 CNAME c.test.\nc.test. 60 CNAME d.test.\nd.test. 60 CNAME a.test.",
			want: dnsPart{Status: NoAddress, Detail: "a.test → b.test → c.test → … → a.test"},
		},
		"a name that doesn't exist has no address": {
			zone: "other.com. 60 A 127.0.0.1",
			want: dnsPart{Status: NoAddress},
		},
		"a registered domain with other records only exists without address": {
			zone: "example.com. 60 NS ns.example.net.\nexample.com. 60 MX 10 mail.example.com.",
			want: dnsPart{Status: NoAddress},
		},
		"SERVFAIL isn't wrong DNS": {
			name: "servfail.test",
			want: dnsPart{Status: DNSUnknown, Detail: "server misbehaving"},
		},
		"A works and AAAA fails: the A record counts": {
			zone: "aaaa.servfail.test. 60 A 127.0.0.1",
			name: "aaaa.servfail.test",
			want: dnsPart{Status: PointsHere, Addresses: []string{"127.0.0.1"}},
		},
		"no A record, and AAAA fails: the result is unknown": {
			zone: "aaaa.servfail.test. 60 TXT x",
			name: "aaaa.servfail.test",
			want: dnsPart{Status: DNSUnknown, Detail: "server misbehaving"},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.name == "" {
				tt.name = "example.com"
			}
			got := check(t, tt.zone, tt.name, nil)
			if diff := gocmp.Diff(tt.want, dnsOf(got)); diff != "" {
				t.Errorf("DNS part (-want +got):\n%s", diff)
			}
			if got.DNS != PointsHere && got.TLS != NotChecked {
				t.Errorf("TLS is %s; others' hosts must not be dialled", got.TLS)
			}
		})
	}
}

func TestDNSIsUnknownWithoutAWorkingResolver(t *testing.T) {
	t.Parallel()
	short := func(c *Config) { c.Timeout = 600 * time.Millisecond }

	t.Run("no answer ends with the timeout", func(t *testing.T) {
		t.Parallel()
		for range 3 { // a busy machine may make one of them late
			start := time.Now()
			got := check(t, "", "silent.test", nil, short)
			if diff := gocmp.Diff(dnsPart{Status: DNSUnknown, Detail: "no answer in time"}, dnsOf(got)); diff != "" {
				t.Errorf("DNS part (-want +got):\n%s", diff)
			}
			if time.Since(start) < defaultTimeout/2 { // DNS has half of it
				return
			}
		}
		t.Error("with a timeout of 600ms, it takes as long as by default")
	})
	t.Run("a hanging AAAA lookup leaves time for the handshake", func(t *testing.T) {
		t.Parallel()
		ca := newAuthority(t)
		s := startTLSServer(t, ca.roots, withTLS(ca.issue(t, nil, "aaaa.silent.test")))
		got := check(t, "aaaa.silent.test. 60 A 127.0.0.1", "aaaa.silent.test", s, func(c *Config) { c.Timeout = 10 * time.Second })
		if !got.Good() {
			t.Errorf("not good: %+v", got)
		}
	})
	t.Run("nothing listens", func(t *testing.T) {
		t.Parallel()
		c := New(Config{DNS: fmt.Sprintf("127.0.0.1:%d", closedPort(t)), Timeout: maxTimeout})
		if got := c.Check(t.Context(), "example.com", loopback); got.DNS != DNSUnknown || got.DNSDetail == "" {
			t.Errorf("got %+v; want Unknown with a detail", got)
		}
	})
}

func TestALoopAnsweredWithoutErrorHasNoAddress(t *testing.T) {
	t.Parallel()
	// Some resolvers answer with the aliases of a loop and report no error.
	loop := func(w dns.ResponseWriter, req *dns.Msg) bool {
		m := new(dns.Msg).SetReply(req)
		m.RecursionAvailable = true
		for _, s := range []string{"example.com. 60 CNAME b.example.com.", "b.example.com. 60 CNAME example.com."} {
			rr, _ := dns.NewRR(s)
			m.Answer = append(m.Answer, rr)
		}
		w.WriteMsg(m)
		return true
	}
	var s *tlsServer
	got := New(s.config(startDNS(t, "", loop))).Check(t.Context(), "example.com", loopback)
	if got.DNS != NoAddress {
		t.Errorf("got %+v; want NoAddress", got)
	}
}

func TestManyAnswersAreCappedWithoutHidingTheWrongOne(t *testing.T) {
	t.Parallel()
	var zone strings.Builder
	for i := range 100 {
		fmt.Fprintf(&zone, "example.com. 60 A 127.0.1.%d\n", i+1)
	}
	got := check(t, zone.String(), "example.com", nil, func(c *Config) { c.AllowPrivate = false })
	if got.DNS != PointsHere || len(got.Addresses) != maxAddresses {
		t.Errorf("%s with %d addresses; want %s with %d", got.DNS, len(got.Addresses), PointsHere, maxAddresses)
	}

	zone.WriteString("example.com. 60 A 203.0.113.9\n")
	got = check(t, zone.String(), "example.com", nil)
	if got.DNS != Elsewhere || got.Addresses[0] != netip.MustParseAddr("203.0.113.9") {
		t.Errorf("%s, first %s; want %s, first 203.0.113.9", got.DNS, got.Addresses[0], Elsewhere)
	}
}

func TestAMappedAddressCountsAsItsIPv4Address(t *testing.T) {
	t.Parallel()
	// A hosts file can hold such addresses.
	status, got := classify([]netip.Addr{netip.MustParseAddr("::ffff:127.0.0.1"), netip.MustParseAddr("127.0.0.1")}, loopback)
	if status != PointsHere || len(got) != 1 || !got[0].Is4() {
		t.Errorf("%s, %v; want %s, 127.0.0.1 once", status, got, PointsHere)
	}
}

func TestTheTimeoutIsBounded(t *testing.T) {
	t.Parallel()
	for given, want := range map[time.Duration]time.Duration{0: defaultTimeout, -1: defaultTimeout, time.Second: time.Second, time.Hour: maxTimeout} {
		if got := New(Config{Timeout: given}).cfg.Timeout; got != want {
			t.Errorf("Timeout %v became %v; want %v", given, got, want)
		}
	}
}

func TestACancelledCheckReturnsEarlyAndSaysNothing(t *testing.T) {
	t.Parallel()
	want := Probe{DNS: DNSUnknown, DNSDetail: "the check was interrupted", TLS: NotChecked}

	run := func(t *testing.T, ctx context.Context, cfg Config, name string) {
		t.Helper()
		got := New(cfg).Check(ctx, name, loopback)
		want := want
		want.Name = name
		if diff := gocmp.Diff(want, got, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("probe (-want +got):\n%s", diff)
		}
	}

	t.Run("while DNS is silent", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		address := startDNS(t, "", func(dns.ResponseWriter, *dns.Msg) bool { cancel(); return true })
		var s *tlsServer
		cfg := s.config(address)
		cfg.Timeout = maxTimeout
		run(t, ctx, cfg, "example.com")
	})
	t.Run("while the handshake hangs", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s := startTLSServer(t, nil, func(c net.Conn) { cancel(); silence(c) })
		cfg := s.config(startDNS(t, "example.com. 60 A 127.0.0.1", nil))
		cfg.Timeout = maxTimeout
		run(t, ctx, cfg, "example.com")
	})
}

func TestOnlySomeUnansweredNamesAreWaitedFor(t *testing.T) {
	t.Parallel()
	c := New((*tlsServer)(nil).config(startDNS(t, "good.test. 60 A 127.0.0.1", nil)))
	asked, left := make(chan string, 3), make(chan string, 3)
	order := make(chan string, 3) // in which the probes end
	probe := func(name, label string, patient bool) Probe {
		p := c.WithPatience(func() (func(), bool) {
			asked <- label
			return func() { left <- label }, patient
		}).Resolve(t.Context(), name, loopback)
		order <- label
		return p
	}
	var all sync.WaitGroup
	for label, patient := range map[string]bool{"patient": true, "impatient": false} {
		all.Go(func() {
			if p := probe("silent.test", label, patient); p.DNS != DNSUnknown || p.DNSDetail != "no answer in time" {
				t.Errorf("%s: %+v", label, p)
			}
		})
	}
	if p := probe("good.test", "answered", false); p.DNS != PointsHere {
		t.Errorf("an answered name: %+v", p)
	}
	all.Wait()
	for i, want := range []string{"answered", "impatient", "patient"} {
		if got := <-order; got != want {
			t.Errorf("probe %d to end is the %s one, want the %s one", i, got, want)
		}
	}
	if len(asked) != 2 || <-left != "patient" || len(left) != 0 {
		t.Errorf("patience was asked %d times, or its end wasn't told once", len(asked))
	}
}
