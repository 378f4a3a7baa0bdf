package simulator

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// seen returns the certificate that the web servers show for a name, whatever it is for.
func seen(t *testing.T, s *Simulator, name string) *x509.Certificate {
	t.Helper()
	dialer := tls.Dialer{Config: &tls.Config{ServerName: name, InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.TLSPort())))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0]
}

func numbered(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("n%03d.example.com", i)
	}
	return names
}

func TestACertificateIsForAtMostAHundredNames(t *testing.T) {
	t.Parallel()
	names := append([]string{"*.example.org", "192.0.2.7"}, numbered(250)...) // the first two can't be certified
	for one, want := range map[bool]int{false: 250, true: 100} {
		s := startSimulator(t, Options{Apps: []App{{ID: "app1", Domains: names, AutoSSL: true}}, Undocumented: Undocumented{OneCertificate: one}})
		if diff := cmp.Diff(names[2:2+want], autoSSL(t, s)); diff != "" {
			t.Errorf("one certificate: %v: covered (-want +got):\n%s", one, diff)
		}
		for _, i := range []int{0, 99, 100, 249} {
			name := names[2+i]
			if got := seen(t, s, name); len(got.DNSNames) > 100 {
				t.Errorf("%s has a certificate for %d names", name, len(got.DNSNames))
			}
			if err := handshake(t, s, name); (err == nil) != (i < want) {
				t.Errorf("one certificate: %v: %s: %v", one, name, err)
			}
		}
		if got := seen(t, s, names[249+2]).DNSNames; one && !slices.Equal(got, names[2:102]) {
			t.Errorf("a name that isn't covered shows a certificate for %v", got)
		}
	}
}

func TestACertificateIsReplacedWhenTheListChanges(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Apps: []App{{ID: "app1", Domains: []string{"a.example.com", "b.example.com"}, AutoSSL: true}}})
	first := seen(t, s, "a.example.com")
	if again := seen(t, s, "b.example.com"); !again.Equal(first) || !slices.Equal(first.DNSNames, []string{"a.example.com", "b.example.com"}) {
		t.Errorf("the names have %v and %v", first.DNSNames, again.DNSNames)
	}
	write(t, s, "a.example.com", "c.example.com")
	if got := seen(t, s, "a.example.com").DNSNames; !slices.Equal(got, []string{"a.example.com", "c.example.com"}) {
		t.Errorf("after a change the certificate is for %v", got)
	}
	if handshake(t, s, "b.example.com") == nil {
		t.Error("a name that left the list has a valid certificate")
	}
}

func TestCertificatesHaveTheirLifetime(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for _, days := range []int{90, 64, 45} {
		var ticking clock
		lifetime := time.Duration(days) * day
		s := startSimulator(t, Options{CertLifetime: lifetime, Now: ticking.now, Apps: []App{{ID: "app1", Domains: []string{"a.example.com"}, AutoSSL: true}}})
		first := seen(t, s, "a.example.com")
		if got := first.NotAfter.Sub(first.NotBefore); got != lifetime {
			t.Errorf("of %d days: the certificate has %s", days, got)
		}
		ticking.advance(lifetime*2/3 - day - time.Hour) // it is valid since a day before
		before := seen(t, s, "a.example.com")
		if left := time.Until(before.NotAfter); left > lifetime/3+day || left < lifetime/3 {
			t.Errorf("of %d days: %s are left", days, left)
		}
		ticking.advance(time.Hour)
		if left := time.Until(seen(t, s, "a.example.com").NotAfter); left < lifetime-2*day {
			t.Errorf("of %d days: it wasn't renewed with a third left, but has %s", days, left)
		}
		if err := handshake(t, s, "a.example.com"); err != nil {
			t.Error(err)
		}
	}
}

func TestLetsEncryptsRateLimitsDelayCertificates(t *testing.T) {
	t.Parallel()
	var ticking clock
	s := startSimulator(t, Options{RateLimits: true, Now: ticking.now})
	// The sixth certificate for the same names within a week has to wait; others don't.
	for i := range 6 {
		write(t, s, "a.example.com", "b.example.com")
		if got := len(autoSSL(t, s)); (got == 2) != (i < 5) {
			t.Errorf("round %d: %d names are covered", i+1, got)
		}
		write(t, s, "a.example.com")
		autoSSL(t, s)
	}
	ticking.advance(certificateWindow)
	write(t, s, "a.example.com", "b.example.com")
	if diff := cmp.Diff([]string{"a.example.com", "b.example.com"}, autoSSL(t, s)); diff != "" {
		t.Errorf("a week later (-want +got):\n%s", diff)
	}

	// The fifty-first certificate of a registered domain within a week has to wait. The earlier
	// one, with a name that left the list, stays in use.
	ticking.advance(certificateWindow)
	for i, name := range numbered(52) {
		write(t, s, name)
		want := name
		if i >= certificatesPerDomain {
			want = "n049.example.com"
		}
		if got := autoSSL(t, s); !slices.Equal(got, []string{want}) {
			t.Errorf("certificate %d is for %v, want %s", i+1, got, want)
		}
	}
	write(t, s, "other.example.net")
	if got := autoSSL(t, s); !slices.Contains(got, "other.example.net") {
		t.Errorf("another registered domain: %v", got)
	}
}

func TestARenewalDoesNotCountForItsDomain(t *testing.T) {
	t.Parallel()
	var o orders
	now := time.Unix(1_700_000_000, 0)
	for i := range certificatesPerDomain {
		if !o.allow([]string{fmt.Sprintf("n%d.example.co.uk", i)}, false, now) {
			t.Fatalf("certificate %d was refused", i+1)
		}
	}
	if o.allow([]string{"another.example.co.uk"}, false, now) {
		t.Error("a new certificate of the registered domain was allowed")
	}
	if !o.allow([]string{"n1.example.co.uk"}, true, now) {
		t.Error("a renewal was refused")
	}
	if !o.allow([]string{"n1.other.co.uk"}, false, now) {
		t.Error("another domain below the same public suffix was refused")
	}
	o = nil
	for i := range ordersPerAccount {
		o.allow([]string{fmt.Sprintf("n%d.example", i)}, false, now)
	}
	if o.allow([]string{"n.example"}, false, now) || !o.allow([]string{"n.example"}, false, now.Add(accountWindow)) {
		t.Error("an account has more orders, or none three hours later")
	}
}

func TestAnUploadedCertificateIsShownForEachListedName(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Apps: []App{{ID: "app1", Domains: []string{"a.example.com", "new.example.com"}}}})
	notBefore := time.Now().Add(-time.Hour)
	leaf, err := s.authority.certify([]string{"a.example.com"}, notBefore, notBefore.Add(time.Hour*48))
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(leaf.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	upload := fmt.Sprintf(`{"key": "%s", "cert": "%s", "cacerts": "%s"}`,
		inJSON(t, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))),
		inJSON(t, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: leaf.Certificate[0]}))), inJSON(t, string(s.CAPEM())))
	if got := call(t, s, http.MethodPost, "/apps/app1/ssl", upload); got.status != 200 || got.ActionID == "" {
		t.Fatalf("uploading it: %d %s", got.status, got.raw)
	}
	if err := handshake(t, s, "a.example.com"); err != nil {
		t.Error(err)
	}
	if got := seen(t, s, "new.example.com").DNSNames; !slices.Equal(got, []string{"a.example.com"}) || handshake(t, s, "new.example.com") == nil {
		t.Errorf("a name that it doesn't cover shows a certificate for %v", got)
	}
}

// The app of a request, by ServerPilot's documentation.
func TestANameOnTwoAppsGoesToTheFirstInTheAlphabet(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Apps: []App{
		{ID: "wild", Domains: []string{"*.example.com", "*.shop.example.com"}},
		{ID: "b", Domains: []string{"two.example.com", "one.example.com"}},
		{ID: "a", Domains: []string{"two.example.com"}},
	}})
	for name, want := range map[string]string{
		"two.example.com": "a", "one.example.com": "b", "www.one.example.com": "b",
		"x.example.com": "wild", "a.b.example.com": "wild", "example.com": "", "other.example.net": "",
	} {
		s.mu.Lock()
		got := s.siteOf(name)
		s.mu.Unlock()
		if id := idOf(got); id != want {
			t.Errorf("%s goes to %q, want %q", name, id, want)
		}
	}
}

func idOf(a *app) string {
	if a == nil {
		return ""
	}
	return a.id
}
