package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"

	"pilotsync/internal/listen"
	"pilotsync/worker/certcheck"
)

// ProxyName is the provider of the simulator's proxy.
const ProxyName = "Simulated CDN"

// proxyAddress is where the proxy is, on the web servers' port. A system whose loopback has
// one address only, such as macOS, has no proxy: its names then can't be reached.
var proxyAddress = netip.AddrFrom4([4]byte{127, 0, 0, 2})

// Proxy is the proxy, for certcheck's configuration.
func (*Simulator) Proxy() certcheck.Proxy {
	return certcheck.Proxy{Name: ProxyName, Networks: []netip.Prefix{netip.PrefixFrom(proxyAddress, proxyAddress.BitLen())}}
}

// startWeb serves HTTPS for every name, as the web servers and as the proxy.
func (s *Simulator) startWeb(address string) error {
	web, proxy, err := listenWeb(address)
	if err != nil {
		return fmt.Errorf("listening for TLS on %s: %w", address, err)
	}
	s.webAddr = web.Addr()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /wp-json/pilotsync/v1/here", s.answerChallenge)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "pilotsync simulator: this is %s\n", r.Host)
	})
	s.web = &http.Server{Handler: mux}
	config := &tls.Config{GetCertificate: s.certificateFor}
	listeners := []net.Listener{tls.NewListener(web, config)}
	if proxy != nil {
		listeners = append(listeners, tls.NewListener(proxy, config))
	}
	s.serveHTTP(s.web, listeners...)
	return nil
}

// listenWeb listens for the web servers, and on the same port for the proxy. proxy is nil
// where its address doesn't exist, or is the web servers' already.
func listenWeb(address string) (web, proxy net.Listener, err error) {
	for try := 1; ; try++ {
		if web, err = listen.TCP(address); err != nil {
			return nil, nil, err
		}
		port := uint16(web.Addr().(*net.TCPAddr).Port)
		proxy, err = net.Listen("tcp", netip.AddrPortFrom(proxyAddress, port).String())
		switch {
		case err == nil:
			return web, proxy, nil
		case !errors.Is(err, syscall.EADDRINUSE), !strings.HasSuffix(address, ":0"), try == 20:
			return web, nil, nil
		}
		_ = web.Close()
	}
}

// answerChallenge answers as the WordPress plugin of the network does.
func (s *Simulator) answerChallenge(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	s.mu.Lock()
	other := s.behaviour(host).OtherSite
	s.mu.Unlock()
	secret := s.opt.SiteSecret
	switch {
	case other:
		secret = []byte("the secret of another network")
	case secret == nil:
		http.NotFound(w, r)
		return
	}
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "here:%s:%s", r.FormValue("name"), r.FormValue("nonce"))
	writeJSON(w, map[string]any{"pilotsync": 1, "signature": hex.EncodeToString(mac.Sum(nil))})
}
