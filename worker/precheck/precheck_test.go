package precheck

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
	"pilotsync/worker/certcheck"
	"pilotsync/worker/listsync"
)

var (
	address = netip.MustParseAddr("198.51.100.4")
	here    = certcheck.Probe{DNS: certcheck.PointsHere, Addresses: []netip.Addr{address}, TLS: certcheck.WrongName, TLSAddress: address, CertNames: []string{"first-app.example"}}
	valid   = certcheck.Probe{DNS: certcheck.PointsHere, Addresses: []netip.Addr{address}, TLS: certcheck.Valid, TLSAddress: address}
	nowhere = certcheck.Probe{DNS: certcheck.NoAddress}
)

// probes is a [Prober] that knows each name's probe.
type probes map[string]certcheck.Probe

func (p probes) Check(_ context.Context, name string, _ []netip.Prefix, secrets ...[]byte) certcheck.Probe {
	probe, ok := p[name]
	if !ok {
		probe = here
	}
	if len(secrets) > 0 && probe.DNS == certcheck.Proxied {
		probe.Site = certcheck.OtherSite
	}
	return probe
}

func listed(names ...string) map[string]bool {
	all := map[string]bool{}
	for _, name := range names {
		all[name] = true
	}
	return all
}

func full(n int) map[string]bool {
	all := map[string]bool{}
	for i := range n {
		all[fmt.Sprint("n", i, ".example.net")] = true
	}
	return all
}

func TestWhetherADomainWouldWork(t *testing.T) {
	t.Parallel()
	ready := certcheck.AutoSSL{Known: true, Available: true, Covered: []string{"example.com"}}
	off := certcheck.AutoSSL{Known: true, Available: true, KeepOff: true}
	both := listed("example.com", "www.example.com")
	forbidden := here
	forbidden.CAA = certcheck.CAA{Status: certcheck.CAAForbids, Record: "example.com"}
	proxied := certcheck.Probe{DNS: certcheck.Proxied, Provider: "Relay", TLS: certcheck.Valid}
	for _, test := range []struct {
		name   string
		target Target
		probes probes
		want   string // the causes of the domain, and then of the problems
		ok     bool
	}{
		{"a new domain", Target{App: "app1"}, nil, "WouldWork", true},
		{"without an app", Target{}, nil, "WouldWork", true},
		{"a certificate is there", Target{App: "app1"}, probes{"example.com": valid, "www.example.com": valid}, "Works", true},
		{"a listed domain waits", Target{App: "app1", Listed: both, AutoSSL: certcheck.AutoSSL{Known: true}}, nil, "CertificateNotReady", true},
		{"a listed domain isn't covered", Target{App: "app1", Listed: both, AutoSSL: ready}, probes{"example.com": valid}, "Works CertificateDoesNotCover:www", true},
		{"AutoSSL would be turned on", Target{App: "app1", Listed: both, AutoSSL: ready}, probes{"www.example.com": valid}, "WouldWork", true},
		{"AutoSSL stays off", Target{App: "app1", Listed: both, AutoSSL: off}, probes{"www.example.com": valid}, "AutoSSLOff AutoSSLOff", false},
		{"AutoSSL stays off for a new domain", Target{App: "app1", AutoSSL: off}, probes{"www.example.com": valid}, "AutoSSLOff AutoSSLOff", false},
		{"no DNS", Target{App: "app1"}, probes{"example.com": nowhere}, "DNSMissing DNSMissing", false},
		{"no DNS of www", Target{App: "app1"}, probes{"www.example.com": nowhere}, "WouldWork DNSMissing:www", true},
		{"CAA", Target{App: "app1"}, probes{"example.com": forbidden}, "CAAForbids CAAForbids", false},
		{"another app", Target{App: "app1", OtherApps: map[string]string{"example.com": "app2"}}, nil, "OnAnotherApp OnAnotherApp", false},
		{"a disconnected server", Target{App: "app1", DisconnectedSince: time.Unix(1, 0)}, nil, "ServerDisconnected ServerDisconnected", false},
		{"a disconnected server, no DNS", Target{App: "app1", DisconnectedSince: time.Unix(1, 0)}, probes{"example.com": nowhere}, "ServerDisconnected ServerDisconnected DNSMissing", false},
		{"a disconnected server of a site that works", Target{App: "app1", Listed: both, DisconnectedSince: time.Unix(1, 0)}, probes{"example.com": valid, "www.example.com": valid}, "Works ServerDisconnected", true},
		{"both apps, of which one is meant", Target{App: "app1", Listed: both, OtherApps: map[string]string{"example.com": "app2"}}, probes{"example.com": valid, "www.example.com": valid}, "Works", true},
		{"a full list", Target{App: "app1", Listed: full(listsync.Limit - 1)}, nil, "ListFull ListFull", false},
		{"an old list that is too long", Target{App: "app1", Listed: full(listsync.Limit + 9)}, nil, "ListFull ListFull", false},
		{"the last room", Target{App: "app1", Listed: full(listsync.Limit - 2)}, nil, "WouldWork", true},
		{"a custom certificate", Target{App: "app1", AutoSSL: certcheck.AutoSSL{Known: true, Custom: true}}, probes{"www.example.com": valid}, "CustomCertificate CustomCertificate", false},
		{"a site behind a proxy that isn't added yet", Target{App: "app1", Keys: [][]byte{{1}}}, probes{"example.com": proxied}, "OriginUnknown", true},
		{"a site behind a proxy that can't be asked", Target{App: "app1", Listed: both, AutoSSL: certcheck.AutoSSL{Known: true}}, probes{"example.com": proxied, "www.example.com": valid}, "Works", true},
		{"another network's site behind a proxy", Target{App: "app1", Keys: [][]byte{{1}}, Listed: both, AutoSSL: certcheck.AutoSSL{Known: true}}, probes{"example.com": proxied}, "OtherSite OtherSite", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.target.WWW, test.target.Expected = tasks.WWWAlways, []netip.Prefix{netip.PrefixFrom(address, 32)}
			got, err := Check(t.Context(), test.probes, test.target, "example.com")
			all := []string{string(got.Cause.Code)}
			for _, p := range got.Problems {
				suffix := ""
				if strings.HasPrefix(p.Params.Name, "www.") {
					suffix = ":www"
				}
				all = append(all, string(p.Code)+suffix)
			}
			if diff := cmp.Diff(test.want, strings.Join(all, " ")); diff != "" || got.OK != test.ok || err != nil || len(got.Records) != 2 {
				t.Errorf("ok is %v, %v, records %v (-want +got):\n%s", got.OK, err, got.Records, diff)
			}
		})
	}
}

func TestDomainsThatAreCheckedTogetherShareTheRoom(t *testing.T) {
	t.Parallel()
	target := Target{App: "app1", Listed: full(listsync.Limit - 3), WWW: tasks.WWWAlways, Expected: []netip.Prefix{netip.PrefixFrom(address, 32)}}
	var got []tasks.Code
	for _, domain := range []string{"a.example.com", "b.example.com"} {
		r, err := Check(t.Context(), probes{}, target, domain)
		if err != nil {
			t.Fatal(err)
		}
		target.Reserve(r.Names)
		got = append(got, r.Code)
	}
	if diff := cmp.Diff([]tasks.Code{tasks.CauseWouldWork, tasks.CauseListFull}, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestANameThatIsNeverCertifiedIsRefusedFirst(t *testing.T) {
	t.Parallel()
	got, err := Check(t.Context(), probes{}, Target{App: "app1", Listed: full(listsync.Limit)}, "*.example.com")
	if err != nil || got.Cause.Code != tasks.CauseNameNotCertifiable || got.OK {
		t.Errorf("got %+v, %v", got, err)
	}
}

// source has apps, all on one server.
type source map[string][]string

func (s source) App(_ context.Context, id string) (serverpilot.App, error) {
	names, ok := s[id]
	if !ok {
		return serverpilot.App{}, errors.New("no such app")
	}
	return serverpilot.App{ID: id, ServerID: "server1", Domains: names}, nil
}

func (source) Server(context.Context, string) (serverpilot.Server, error) {
	return serverpilot.Server{LastAddress: address}, nil
}

func TestAnAppIsReadWithTheListsOfOthers(t *testing.T) {
	t.Parallel()
	s := source{"app1": {"A.example.com"}, "app2": {"b.example.com"}, "app3": {"b.example.com", "c.example.com"}}
	target, got, err := Load(t.Context(), s, "app1", []string{"app2", "gone", "app3"})
	if !errors.Is(err, ErrOtherApp) || !strings.Contains(err.Error(), "gone: no such app") || got != address {
		t.Errorf("address %s, %v", got, err)
	}
	want := map[string]string{"b.example.com": "app2", "c.example.com": "app3"}
	if diff := cmp.Diff(want, target.OtherApps); diff != "" || !target.Listed["a.example.com"] {
		t.Errorf("listed %v, elsewhere (-want +got):\n%s", target.Listed, diff)
	}
	if _, _, err = Load(t.Context(), s, "gone", nil); err == nil || errors.Is(err, ErrOtherApp) {
		t.Errorf("an app that is gone: %v", err)
	}
}
