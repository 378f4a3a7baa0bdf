package dashboard

import (
	"fmt"
	"net/http"
	"net/netip"
	"testing"
)

func TestOnlyTrustedProxiesNameTheSender(t *testing.T) {
	t.Parallel()
	proxies := trustedProxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:1::/48")}
	for _, test := range []struct {
		name, remote string
		forwarded    []string
		want         string
	}{
		{"a client without a proxy", "203.0.113.9:4711", nil, "203.0.113.9:4711"},
		{"a client that sends the header itself", "203.0.113.9:4711", []string{"198.51.100.1"}, "203.0.113.9:4711"},
		{"a proxy", "10.0.0.1:80", []string{"198.51.100.1"}, "198.51.100.1"},
		{"a proxy over IPv6", "[2001:db8:1::1]:80", []string{"2001:db8::7"}, "2001:db8::7"},
		{"a proxy in IPv6's form of an address", "[::ffff:10.0.0.1]:80", []string{"198.51.100.1"}, "198.51.100.1"},
		{"what the client sent is further left", "10.0.0.1:80", []string{"192.0.2.1, 198.51.100.1"}, "198.51.100.1"},
		{"two headers", "10.0.0.1:80", []string{"192.0.2.1", "198.51.100.1"}, "198.51.100.1"},
		{"two proxies", "10.0.0.1:80", []string{"192.0.2.1, 198.51.100.1, 10.0.0.2"}, "198.51.100.1"},
		{"a client among the proxies", "10.0.0.1:80", []string{"10.0.0.3, 10.0.0.2"}, "10.0.0.3"},
		{"a port", "10.0.0.1:80", []string{"198.51.100.1:5000"}, "198.51.100.1:5000"},
		{"no header", "10.0.0.1:80", nil, "10.0.0.1:80"},
		{"no address", "10.0.0.1:80", []string{"198.51.100.1, unknown"}, "10.0.0.1:80"},
		{"an empty hop", "10.0.0.1:80", []string{"198.51.100.1, "}, "10.0.0.1:80"},
	} {
		r := &http.Request{RemoteAddr: test.remote, Header: http.Header{"X-Forwarded-For": test.forwarded}}
		if got := proxies.sender(r); got != test.want {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
	}
	if got := trustedProxies(nil).sender(&http.Request{RemoteAddr: "10.0.0.1:80", Header: http.Header{"X-Forwarded-For": {"198.51.100.1"}}}); got != "10.0.0.1:80" {
		t.Errorf("without trusted proxies: %s", got)
	}
}

func TestASenderBehindAProxyIsSlowedDownAlone(t *testing.T) {
	t.Parallel()
	site := newTestDashboard(t, func(cfg *Config) {
		cfg.Users, cfg.TrustedProxies = testUsers(t), []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}
	})
	try := func(from, user string) int {
		return sendRequest(site.Handler(), http.MethodGet, "/", func(r *http.Request) {
			r.RemoteAddr = "10.0.0.1:80"
			r.Header.Set("X-Forwarded-For", from)
			r.SetBasicAuth(user, "wrong")
		}).Code
	}
	for i := range maxTries { // each for another name, so that only the sender runs out of tries
		if status := try("203.0.113.9", fmt.Sprint("nobody", i)); status != http.StatusUnauthorized {
			t.Fatalf("try %d: %d", i, status)
		}
	}
	if status := try("203.0.113.9", "nobody"); status != http.StatusTooManyRequests {
		t.Errorf("a sender with no tries left: %d", status)
	}
	if status := try("192.0.2.1, 203.0.113.9", "nobody"); status != http.StatusTooManyRequests {
		t.Errorf("the same sender with an address of its own making: %d", status)
	}
	if status := try("203.0.113.10", "nobody"); status != http.StatusUnauthorized {
		t.Errorf("another sender behind the same proxy: %d", status)
	}
}
