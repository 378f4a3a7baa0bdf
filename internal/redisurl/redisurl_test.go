package redisurl

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// seen has the options of a URL.
type seen struct {
	Kind               string
	Addrs              []string
	User, Password     string
	DB, Pool           int
	TLS                bool
	Master, SentinelPW string
}

func understood(t *testing.T, client redis.UniversalClient) seen {
	t.Helper()
	switch c := client.(type) {
	case *redis.ClusterClient:
		o := c.Options()
		return seen{Kind: "cluster", Addrs: o.Addrs, User: o.Username, Password: o.Password, Pool: o.PoolSize, TLS: o.TLSConfig != nil}
	case *redis.Client:
		o := c.Options()
		return seen{Kind: o.Network, Addrs: []string{o.Addr}, User: o.Username, Password: o.Password,
			DB: o.DB, Pool: o.PoolSize, TLS: o.TLSConfig != nil}
	}
	t.Fatalf("a client of type %s", reflect.TypeOf(client))
	return seen{}
}

func TestOpenUnderstandsEachForm(t *testing.T) {
	t.Parallel()
	pool := poolSize()
	for _, test := range []struct {
		url  string
		want seen
	}{
		{"redis://h", seen{Kind: "tcp", Addrs: []string{"h:6379"}, Pool: pool}},
		{"redis://u:p%2Fw@[::1]:7/3?pool_size=5", seen{Kind: "tcp", Addrs: []string{"[::1]:7"}, User: "u", Password: "p/w", DB: 3, Pool: 5}},
		{"rediss://:pw@h:1", seen{Kind: "tcp", Addrs: []string{"h:1"}, Password: "pw", Pool: pool, TLS: true}},
		{"redis-socket:///run/redis.sock", seen{Kind: "unix", Addrs: []string{"/run/redis.sock"}, Pool: pool}},
		{"redis-socket://u:pw@/run/redis.sock?db=2", seen{Kind: "unix", Addrs: []string{"/run/redis.sock"}, User: "u", Password: "pw", DB: 2, Pool: pool}},
		{"redis-cluster://h1", seen{Kind: "cluster", Addrs: []string{"h1:6379"}, Pool: pool}},
		{"redis-cluster://u:pw@h1:1,h2,[::1]:3/0?pool_size=7", seen{Kind: "cluster",
			Addrs: []string{"h1:1", "h2:6379", "[::1]:3"}, User: "u", Password: "pw", Pool: 7}},
		{"redis-sentinel://h1,h2:2/4?master=m", seen{Kind: "tcp", Addrs: []string{"FailoverClient"}, DB: 4, Pool: pool}},
		{"redis-sentinel://u:pw@h1/0?master=m&sentinel_password=spw&pool_size=9", seen{Kind: "tcp",
			Addrs: []string{"FailoverClient"}, User: "u", Password: "pw", Pool: 9}},
	} {
		t.Run(test.url, func(t *testing.T) {
			t.Parallel()
			client, err := Open(test.url)
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			if diff := cmp.Diff(test.want, understood(t, client)); diff != "" {
				t.Errorf("understood as (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSentinelsAreAskedUnderTheirOwnPassword(t *testing.T) {
	t.Parallel()
	opt, err := sentinelOptions(split("redis-sentinel://u:pw@h1,h2:2,[::1]/4?master=m&sentinel_user=su&sentinel_password=s%2Fpw"), false)
	if err != nil {
		t.Fatal(err)
	}
	got := []any{opt.SentinelAddrs, opt.MasterName, opt.SentinelUsername, opt.SentinelPassword, opt.Username, opt.Password, opt.DB}
	want := []any{[]string{"h1:26379", "h2:2", "[::1]:26379"}, "m", "su", "s/pw", "u", "pw", 4}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("options (-want +got):\n%s", diff)
	}
}

func TestAClustersSlotsAreReloadedSoonAfterAFailover(t *testing.T) {
	t.Parallel()
	opt, err := clusterOptions(split("redis-cluster://h1,h2"), false)
	if err != nil {
		t.Fatal(err)
	}
	if got := opt.ClusterStateReloadInterval; got <= 0 || got > 5*time.Second {
		t.Errorf("the slots are asked for every %s, want at most 5 s", got)
	}
}

func TestOpenNamesTheRuleAndNeverThePassword(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ url, shown, rule string }{
		{"", ``, "no scheme"},
		{"localhost:6379", `"localhost:6379"`, "no scheme"},
		{"hunter2@localhost:6379", `"[redacted]@localhost:6379"`, "no scheme"},
		{"http://u:hunter2@h", `"http://u:[redacted]@h"`, `scheme "http" is unknown`},
		{"redis://u:hunter2@h/x", `"redis://u:[redacted]@h/x"`, "its database is no number"},
		{"redis://u:hunter2@h/0?poolsize=1", `@h/0?poolsize=[redacted]"`, "unexpected option: poolsize"},
		{"redis://h/0?password=hunter2", `"redis://h/0?password=[redacted]"`, "unexpected option: password"},
		{"redis://h?db=1&pw=hunter2", `"redis://h?db=1&pw=[redacted]"`, "unexpected option: pw"},
		{"redis://h?pool_size=many", `pool_size=many`, "invalid pool_size number"},
		{"redis://:hunter2", `"redis://[redacted]"`, "a port is not a number"},
		{"redis://u:hun/ter2@h:1/0", `"redis://[redacted]@h:1/0"`, "an @ behind the host"},
		{"redis://u:12?hunter2@h:1/0", `"redis://[redacted]@h:1/0"`, "an @ behind the host"},
		{"redis://u:12#hunter2@h:1/0", `"redis://[redacted]@h:1/0"`, "an @ behind the host"},
		{"redis://u:1#hunter2", `"redis://u:1[redacted]"`, "or a #"},
		{"redis://u:hunter2%@h", `"redis://u:[redacted]@h"`, "can't be read as a URL"},
		{"redis://hunter2@h:x", `"redis://[redacted]@[redacted]"`, "a port is not a number"},
		{"redis-socket://", `"redis-socket://"`, "path of a socket"},
		{"redis-socket://run/redis.sock", `"redis-socket://run/redis.sock"`, "three slashes"},
		{"redis-sentinel://u:hunter2@h1/0", `"redis-sentinel://u:[redacted]@h1/0"`, "doesn't name the master"},
		{"redis-sentinel://h1/0?master=m&sentinel_password=hunter2&x=1", `sentinel_password=[redacted]&x=[redacted]"`, "unexpected option: x"},
		{"redis-sentinel://h1,,h2/0?master=m", `h1,,h2`, `"" is no host`},
		{"redis-cluster://u:hunter2%zz@h1", `u:[redacted]@h1`, "can't be read as a URL"},
		{"redis-cluster://u:hunter2@h1,h2/1", `u:[redacted]@h1,h2/1`, `database "1"; a Cluster has database 0 only`},
		{"redis-cluster://h1:x,h2", `"redis-cluster://[redacted]"`, "a port is not a number"},
	} {
		t.Run(test.url, func(t *testing.T) {
			t.Parallel()
			client, err := Open(test.url)
			if err == nil {
				client.Close()
				t.Fatal("taken")
			}
			for _, want := range []string{test.shown, test.rule} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error is %v; want %s in it", err, want)
				}
			}
			if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "ter2") {
				t.Errorf("the password is shown: %v", err)
			}
		})
	}
}

func FuzzRedactedHoldsNoPassword(f *testing.F) {
	for _, raw := range []string{"u", "u%", "/", "#", "?", ",", "[", "]:"} {
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, odd string) {
		raw := "redis://u:" + odd + "hunter2@h:1/0"
		if shown := Redacted(raw); strings.Contains(shown, "hunter2") {
			t.Errorf("Redacted(%q) = %q", raw, shown)
		}
		if client, err := Open(raw); err == nil {
			client.Close()
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("Open(%q): %v", raw, err)
		}
	})
}
