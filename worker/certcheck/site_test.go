package certcheck

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

var elsewhere = []netip.Prefix{netip.MustParsePrefix("198.51.100.4/32")}

func TestASiteIsJudgedByItsAnswerToTheChallenge(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    SiteStatus
	}{
		"a right signature":  {signing("secret"), Proven},
		"of an older secret": {signing("old"), Proven},
		"a wrong signature":  {signing("guess"), OtherSite},
		"one of several": {func(w http.ResponseWriter, r *http.Request) {
			nonce := r.URL.Query().Get("nonce")
			fmt.Fprintf(w, `{"pilotsync":1,"signature":"%s %s"}`, SignChallenge([]byte("older"), "example.com", nonce), SignChallenge([]byte("old"), "example.com", nonce))
		}, Proven},
		"no signature":   {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"pilotsync":1}`) }, NotAsked},
		"another form":   {func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, `{"pilotsync":2}`) }, NotAsked},
		"a page of HTML": {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>shop</html>") }, NotAsked},
		"an endless page": {func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, strings.Repeat(" ", maxSiteAnswer))
			signing("secret")(w, r)
		}, NotAsked},
		"not found": {http.NotFound, NotAsked},
		"a signature in a redirect": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "https://example.com/")
			w.WriteHeader(http.StatusFound)
			signing("secret")(w, r)
		}, NotAsked},
		"the proxy refuses": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }, NotAsked},
		"an outage":         {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }, NotAsked},
		"another name is signed": {func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprintf(w, `{"pilotsync":1,"signature":%q}`, SignChallenge([]byte("secret"), "other.example.com", r.URL.Query().Get("nonce")))
		}, OtherSite},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ca := newAuthority(t)
			requests := make(chan *http.Request, 10)
			s := startTLSServer(t, ca.roots, site(func(w http.ResponseWriter, r *http.Request) {
				requests <- r
				c.handler(w, r)
			})(t, ca))
			cfg := s.config(startDNS(t, pointsHere, nil))
			proxied(&cfg)
			got := New(cfg).Check(t.Context(), "example.com", elsewhere, []byte("secret"), []byte("old"))
			if got.DNS != Proxied || got.Provider != "Relay" || got.TLS != Valid || got.Site != c.want {
				t.Errorf("got %+v; want site %q", got, c.want)
			}
			if len(requests) != 1 {
				t.Fatalf("%d requests; want 1", len(requests))
			}
			if r := <-requests; r.Host != "example.com" || r.Method != http.MethodGet || r.URL.Path != ChallengePath || r.URL.Query().Get("name") != "example.com" || len(r.URL.Query().Get("nonce")) < 20 {
				t.Errorf("asked with %s %s%s", r.Method, r.Host, r.URL)
			}
		})
	}
}

func TestAChallengeIsSignedAsTheContractSays(t *testing.T) {
	t.Parallel()
	// As PHP's hash_hmac('sha256', 'here:example.com:n', 'key') has it.
	const want = "a10d24c99a82524023a132627062597a5a5766512f17ed62db2a2c25d9c40b67"
	if got := SignChallenge([]byte("key"), "example.com", "n"); got != want {
		t.Errorf("got %s; want %s", got, want)
	}
}

func TestTheSiteIsAskedAtPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	s := startTLSServer(t, ca.roots, site(signing("secret"))(t, ca))
	cfg := s.config("127.0.0.1:1")
	cfg.AllowPrivate = false
	if got := New(cfg).askSite(t.Context(), "example.com", netip.MustParseAddr("127.0.0.1"), [][]byte{[]byte("secret")}); got != NotAsked {
		t.Errorf("got %s", got)
	}
	if len(s.accepted) != 0 {
		t.Error("a private address was dialled")
	}
}

func TestProxiesAreFoundByAllAddressesOfAName(t *testing.T) {
	t.Parallel()
	if got := cloudflare(); len(got.Networks) != 22 {
		t.Errorf("%d networks of Cloudflare", len(got.Networks))
	}
	for _, n := range cloudflare().Networks {
		if n != n.Masked() {
			t.Errorf("%s has bits outside its mask", n)
		}
	}
	c := New(Config{Proxies: []Proxy{{Name: "Relay", Networks: []netip.Prefix{netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("104.16.0.9/32")}}}})
	for addresses, want := range map[string]string{
		"104.16.1.2": "Cloudflare", "104.16.1.2 2606:4700::1": "Cloudflare", "::ffff:104.16.1.2": "Cloudflare",
		"203.0.113.9": "Relay", "104.16.0.9": "Relay", "203.0.113.9 104.16.0.9": "Relay",
		"104.16.1.2 198.51.100.4": "", "104.16.1.2 203.0.113.9": "", "198.51.100.4": "",
	} {
		var all []netip.Addr
		for a := range strings.FieldsSeq(addresses) {
			all = append(all, netip.MustParseAddr(a))
		}
		if got := c.provider(all); got != want {
			t.Errorf("%s: %q; want %q", addresses, got, want)
		}
		if got := c.WithProxies(nil).provider(all); got == "Relay" {
			t.Errorf("%s: a proxy that isn't known any more", addresses)
		}
	}
}
