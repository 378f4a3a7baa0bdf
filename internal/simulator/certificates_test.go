package simulator

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// handshake returns an error unless a strict client accepts the certificate for a name.
func handshake(t *testing.T, s *Simulator, name string) error {
	t.Helper()
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(s.CAPEM()) {
		t.Fatal("the CA is no PEM")
	}
	dialer := tls.Dialer{Config: &tls.Config{ServerName: name, RootCAs: roots}}
	conn, err := dialer.DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.TLSPort())))
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", name)
	answer, err := io.ReadAll(conn)
	if err == nil && !strings.Contains(string(answer), "this is "+name) {
		return fmt.Errorf("answer: %s", answer)
	}
	return err
}

func autoSSL(t *testing.T, s *Simulator) []string {
	t.Helper()
	view := call(t, s, http.MethodGet, "/apps/app1", "").app(t)
	if view.AutoSSL == nil || view.AutoSSL.Available != (len(view.AutoSSL.Domains) > 0) {
		t.Fatalf("autossl is %+v", view.AutoSSL)
	}
	return view.AutoSSL.Domains
}

func TestACertificateNeedsTimeAndAutoSSL(t *testing.T) {
	t.Parallel()
	var ticking clock
	s := startSimulator(t, Options{CertDelay: time.Minute, Now: ticking.now})
	write(t, s, "a.example.com", "latecert.example.com", "nocert.example.com", "nodns.example.com", "*.example.net")

	ticking.advance(59 * time.Second)
	if got := autoSSL(t, s); got != nil {
		t.Errorf("too early: %v", got)
	}
	if got := call(t, s, "POST", "/apps/app1/ssl", `{"auto":true}`); got.status != 400 || !strings.Contains(got.Error.Message, "No AutoSSL certificate") {
		t.Errorf("AutoSSL without a certificate: %d %s", got.status, got.raw)
	}

	ticking.advance(time.Second)
	if diff := cmp.Diff([]string{"a.example.com"}, autoSSL(t, s)); diff != "" {
		t.Errorf("available (-want +got):\n%s", diff)
	}
	if handshake(t, s, "a.example.com") == nil {
		t.Error("a valid certificate is served though AutoSSL is off")
	}
	on := call(t, s, "POST", "/apps/app1/ssl", `{"auto":true}`)
	if on.status != 200 || on.ActionID == "" || !strings.Contains(on.raw, PrivateKeyMark) {
		t.Errorf("turning AutoSSL on: %d %s", on.status, on.raw)
	}
	if again := call(t, s, "POST", "/apps/app1/ssl", `{"auto":true}`); again.status != 200 || again.ActionID != "" {
		t.Errorf("turning it on again: %d %s", again.status, again.raw)
	}
	if err := handshake(t, s, "a.example.com"); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"latecert.example.com", "nocert.example.com", "x.example.net", "*.example.net", "unlisted.example.com"} {
		if err := handshake(t, s, name); err == nil {
			t.Errorf("%s has a valid certificate", name)
		}
	}

	ticking.advance(9 * time.Minute)
	if diff := cmp.Diff([]string{"a.example.com", "latecert.example.com"}, autoSSL(t, s)); diff != "" {
		t.Errorf("available later (-want +got):\n%s", diff)
	}
	if err := handshake(t, s, "latecert.example.com"); err != nil {
		t.Error(err)
	}

	write(t, s, "latecert.example.com")
	if handshake(t, s, "a.example.com") == nil {
		t.Error("a name that is no longer listed has a valid certificate")
	}
	if got := call(t, s, "POST", "/apps/app1/ssl", `{"force":true}`); got.status != 200 {
		t.Errorf("redirect: %d %s", got.status, got.raw)
	}
	if ssl := call(t, s, "GET", "/apps/app1", "").app(t).SSL; ssl == nil || !ssl.Auto || !ssl.Force {
		t.Errorf("ssl is %+v", ssl)
	}
	if got := call(t, s, "DELETE", "/apps/app1/ssl", ""); got.status != 200 || got.ActionID == "" {
		t.Errorf("deleting: %d %s", got.status, got.raw)
	}
	if call(t, s, "GET", "/apps/app1", "").app(t).SSL != nil || handshake(t, s, "latecert.example.com") == nil {
		t.Error("SSL is still on")
	}
}

func TestTheDelayStartsWhenDNSPointsToTheServer(t *testing.T) {
	t.Parallel()
	var ticking clock
	s := startSimulator(t, Options{CertDelay: time.Minute, Now: ticking.now, Apps: []App{{ID: "app1", Domains: []string{"elsewhere.example.com"}}}})
	ticking.advance(time.Hour)
	s.SetBehaviour("elsewhere.example.com", Behaviour{})
	ticking.advance(59 * time.Second)
	if got := autoSSL(t, s); got != nil {
		t.Errorf("too early: %v", got)
	}
	ticking.advance(time.Second)
	if diff := cmp.Diff([]string{"elsewhere.example.com"}, autoSSL(t, s)); diff != "" {
		t.Errorf("available (-want +got):\n%s", diff)
	}
	s.SetBehaviour("elsewhere.example.com", Behaviour{CertDelay: 2 * time.Minute})
	if got := autoSSL(t, s); got != nil {
		t.Errorf("with its own delay: %v", got)
	}
}

func TestInitialAutoSSLHasCertificates(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{CertDelay: time.Hour, Apps: []App{{ID: "app1", Domains: []string{"A.example.com"}, AutoSSL: true}}})
	if err := handshake(t, s, "a.example.com"); err != nil {
		t.Error(err)
	}
	write(t, s, "A.example.com", "new.example.com")
	if diff := cmp.Diff([]string{"a.example.com"}, autoSSL(t, s)); diff != "" {
		t.Errorf("available (-want +got):\n%s", diff)
	}
}

func TestACustomCertificatePreventsAutoSSL(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Apps: []App{{ID: "app1", Domains: []string{"a.example.com"}, CustomCertificate: true}}})
	if err := handshake(t, s, "a.example.com"); err != nil {
		t.Error(err)
	}
	if got := call(t, s, "POST", "/apps/app1/ssl", `{"auto":true}`); got.status != 409 {
		t.Errorf("AutoSSL over it: %d %s", got.status, got.raw)
	}
	ssl := call(t, s, "GET", "/apps/app1", "").app(t).SSL
	if ssl == nil || ssl.Auto || !strings.Contains(ssl.Key, PrivateKeyMark) {
		t.Errorf("ssl is %+v", ssl)
	}
}
