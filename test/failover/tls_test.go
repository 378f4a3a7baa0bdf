package failover

import (
	"strings"
	"testing"
	"time"

	"pilotsync/tasks"
	"pilotsync/test/harness"
	"pilotsync/test/redistest"
)

func TestTLSWithClientCertificates(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	ca := redistest.NewAuthority(t)
	server := redistest.NewSecure(t, ca.TLS().Shipped(t))
	good, old, other := ca.Issue("client", time.Now().Add(time.Hour)), ca.Issue("old", time.Now().Add(-time.Hour)), redistest.NewAuthority(t)
	otherCert := other.Issue("other", time.Now().Add(time.Hour))
	as := func(user string, ca *redistest.Authority, id redistest.Identity) string {
		u := server.As(user) + "?ca_file=" + ca.File
		if id.Cert != "" {
			u += "&cert_file=" + id.Cert + "&key_file=" + id.Key
		}
		return u
	}
	url := func(ca *redistest.Authority, id redistest.Identity) string { return as("worker", ca, id) }
	f := newFixture(t, func(user string) string { return as(user, ca, good) })
	f.start(nil, "worker")
	f.add("app1", "shop.example.com")
	f.awaitState("app1", "shop.example.com", tasks.Done)
	if out, code := f.run(nil, "enqueue", "add", "more.example.com", "--app=app1", "--wait"); code != 0 || !strings.Contains(out, "Done") {
		t.Errorf("enqueue: exit code %d:\n%s", code, out)
	}
	for _, c := range []struct {
		title, url, want string
		code             int
	}{
		{"another authority", url(other, good), "certificate signed by unknown authority", 1},
		{"no certificate", url(ca, redistest.Identity{}), "certificate required", 1},
		{"a certificate of another authority", url(ca, otherCert), "unknown certificate authority", 1},
		{"an old certificate", url(ca, old), "it takes a certificate that is valid, and this one ended on ", 2},
		{"no TLS", strings.Replace(server.As("worker"), "rediss", "redis", 1), "no answer from Redis", 1},
	} {
		out, code := f.run([]string{"REDIS_URL=" + c.url}, "status")
		if code != c.code || !strings.Contains(out, c.want) || !strings.Contains(out, "REDIS_URL") {
			t.Errorf("%s: exit code %d, want %d and %q in:\n%s", c.title, code, c.code, c.want, out)
		}
	}
}

func TestSentinelAndClusterOverTLS(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	for _, form := range []struct {
		name string
		url  func(*testing.T, redistest.Security) urls
		next string // of the options
	}{
		{"Sentinel", func(t *testing.T, s redistest.Security) urls { return redistest.NewSentinel(t, s).As }, "&"},
		{"Cluster", func(t *testing.T, s redistest.Security) urls { return redistest.NewCluster(t, 3, s).As }, "?"},
	} {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			ca := redistest.NewAuthority(t)
			id := ca.Issue("client", time.Now().Add(time.Hour))
			as := form.url(t, ca.TLS().Shipped(t))
			f := newFixture(t, func(user string) string {
				return as(user) + form.next + "ca_file=" + ca.File + "&cert_file=" + id.Cert + "&key_file=" + id.Key
			})
			f.start(nil, "worker")
			f.add("app1", "shop.example.com")
			f.add("app2", "other.example.com")
			f.awaitState("app1", "shop.example.com", tasks.Done)
			f.awaitState("app2", "other.example.com", tasks.Done)
			if out, code := f.run(nil, "status"); code != 0 || !strings.Contains(out, "shop.example.com") {
				t.Errorf("status: exit code %d:\n%s", code, out)
			}
		})
	}
}
