package redisurl

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/test/redistest"
)

func tlsOf(t *testing.T, url string) *tls.Config {
	t.Helper()
	client, err := Open(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	if c, isCluster := client.(*redis.ClusterClient); isCluster {
		return c.Options().TLSConfig
	}
	return client.(*redis.Client).Options().TLSConfig
}

func TestEachFormTakesAnAuthorityAndAClientsCertificate(t *testing.T) {
	t.Parallel()
	ca := redistest.NewAuthority(t)
	id := ca.Issue("client", time.Now().Add(time.Hour))
	query := "ca_file=" + ca.File + "&cert_file=" + id.Cert + "&key_file=" + id.Key
	for _, url := range []string{"rediss://u:pw@h/0?", "rediss-sentinel://h1,h2/0?master=m&", "rediss-cluster://h1,h2?"} {
		cfg := tlsOf(t, url+query)
		if cfg == nil || cfg.RootCAs == nil || cfg.GetClientCertificate == nil || cfg.MinVersion != tls.VersionTLS12 || cfg.ServerName != "" {
			t.Errorf("%s: TLS is %+v", url, cfg)
		}
		if cfg := tlsOf(t, strings.TrimRight(url, "?&")); cfg == nil || cfg.RootCAs != nil || cfg.GetClientCertificate != nil {
			t.Errorf("%s without files: TLS is %+v", url, cfg)
		}
	}
	if cfg := tlsOf(t, "rediss://h?skip_verify=true&"+query); !cfg.InsecureSkipVerify {
		t.Error("skip_verify isn't taken")
	}
}

func TestARenewedCertificateIsUsedAndAHalfRenewedOneIsNot(t *testing.T) {
	t.Parallel()
	ca := redistest.NewAuthority(t)
	id, next := ca.Issue("client", time.Now().Add(time.Hour)), ca.Issue("next", time.Now().Add(time.Hour))
	cfg := tlsOf(t, "rediss://h?cert_file="+id.Cert+"&key_file="+id.Key)
	name := func() string {
		t.Helper()
		got, err := cfg.GetClientCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return got.Leaf.Subject.CommonName
	}
	for _, step := range []struct{ from, to, want string }{{next.Cert, id.Cert, "client"}, {next.Key, id.Key, "next"}} {
		b, err := os.ReadFile(step.from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(step.to, b, 0o600); err != nil {
			t.Fatal(err)
		}
		if got := name(); got != step.want {
			t.Errorf("after %s was replaced, %q is shown; want %q", filepath.Base(step.to), got, step.want)
		}
	}
}

func TestMistakesInTLSOptionsAreNamed(t *testing.T) {
	t.Parallel()
	ca := redistest.NewAuthority(t)
	id, old := ca.Issue("client", time.Now().Add(time.Hour)), ca.Issue("old", time.Now().Add(-time.Hour))
	for _, test := range []struct{ url, rule string }{
		{"redis://h?ca_file=x", "ca_file is given; that is for TLS"},
		{"redis-cluster://h?key_file=x", "key_file is given; that is for TLS"},
		{"redis-socket:///s?ca_file=x", "unexpected option: ca_file"},
		{"rediss-socket:///s", `the scheme "rediss-socket" is unknown`},
		{"redissx://h", `the scheme "redissx" is unknown`},
		{"rediss://h?ca_file=", "ca_file is given empty"},
		{"rediss://h?ca_file=a&ca_file=b", "given twice"},
		{"rediss://h?cert_file=" + id.Cert, "one of cert_file and key_file is missing"},
		{"rediss-sentinel://h?master=m&ca_file=/nowhere", "ca_file takes a file that can be read: open /nowhere"},
		{"rediss-cluster://h?ca_file=" + id.Key, "it takes certificates as PEM, and there is none"},
		{"rediss://h?cert_file=" + id.Cert + "&key_file=/nowhere", "cert_file and key_file take a certificate and its key"},
		{"rediss://h?cert_file=" + id.Cert + "&key_file=" + old.Key, "private key does not match"},
		{"rediss-cluster://h?cert_file=" + old.Cert + "&key_file=" + old.Key, "this one ended on "},
		{"redis-sentinel://h?master=m&sentinel_user=x", "sentinel_user is given without a sentinel_password"},
	} {
		client, err := Open(test.url)
		if err == nil {
			_ = client.Close()
			t.Errorf("%s is taken", test.url)
		} else if !strings.Contains(err.Error(), test.rule) {
			t.Errorf("error is %v; want %s in it", err, test.rule)
		}
	}
}

func TestTheFilesOfAURLAreShownAndAKeyIsNot(t *testing.T) {
	t.Parallel()
	const url = "rediss://u:hunter2@h/0?cert_file=/c&key_file=/k&api_key=hunter2&secret_key_file=hunter2"
	if got, want := Redacted(url), "rediss://u:[redacted]@h/0?cert_file=/c&key_file=/k&api_key=[redacted]&secret_key_file=[redacted]"; got != want {
		t.Errorf("shown as %s, want %s", got, want)
	}
}
