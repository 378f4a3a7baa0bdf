package redis_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue"
	"pilotsync/test/harness"
)

// In a failover replicas and Sentinels use most of their rights: a replica becomes the master, the
// others follow it, and clients are notified.
func TestFailoversWorkUnderTheUsers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		start func(*testing.T) *guarded
		begin func(*testing.T, *guarded)
	}{
		"Sentinel": {newGuardedSentinel, func(t *testing.T, g *guarded) { all(t, g.admins[3], []string{"SENTINEL FAILOVER main"}) }},
		"Cluster":  {newGuardedCluster, func(t *testing.T, g *guarded) { all(t, g.admins[3], []string{"CLUSTER FAILOVER"}) }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := c.start(t)
			client := enqueue.New(g.open("php"))
			ask := func(domain string) error {
				_, err := client.Enqueue(t.Context(), enqueue.Request{AppID: "app1", Domain: domain}, enqueue.Request{AppID: "app2", Domain: domain},
					enqueue.Request{AppID: "app3", Domain: domain})
				return err
			}
			if err := ask("before.example.com"); err != nil {
				t.Fatal(err)
			}
			c.begin(t, g)
			harness.AwaitTrue(t, "a replica is a master, and has one of its own", func() bool {
				return slices.ContainsFunc(g.replicas, func(heir *redis.Client) bool {
					info := heir.Info(t.Context(), "replication").Val()
					return strings.Contains(info, "role:master") && strings.Contains(info, ",state=online,")
				})
			})
			harness.AwaitTrue(t, "changes are taken again", func() bool { return ask("after.example.com") == nil })
			for _, user := range []string{"php", "replica", "sentinel", "pilotsync"} {
				if denied := g.denied(user); len(denied) > 0 {
					t.Errorf("%s was denied: %q", user, denied)
				}
			}
		})
	}
}

func TestWhatReplicasAndThoseAtTheSentinelsMayNotDo(t *testing.T) {
	t.Parallel()
	g := newGuardedSentinel(t)
	master, watcher := g.addr, g.admins[3].Options().Addr
	for _, user := range []string{"replica", "sentinel"} {
		for _, c := range []string{"GET x", "SET x 1", "KEYS *", "CONFIG GET *", "CONFIG SET dir /tmp", "ACL LIST", "FLUSHALL", "EVAL return 0", "SHUTDOWN", "MONITOR"} {
			requireDenied(t, g.client(master, user), strings.Fields(c)...)
		}
	}
	for _, user := range []string{"sentinel", "pilotsync"} {
		for _, c := range []string{"SENTINEL FAILOVER main", "SENTINEL SET main quorum 1", "SENTINEL MONITOR x 127.0.0.1 1 1", "SENTINEL REMOVE main", "SENTINEL RESET *",
			"SENTINEL CONFIG GET *", "ACL LIST", "SHUTDOWN"} {
			requireDenied(t, g.client(watcher, user), strings.Fields(c)...)
		}
	}
	requireDenied(t, g.client(watcher, "pilotsync"), "PUBLISH", "__sentinel__:hello", "x")
	if len(g.denied("pilotsync")) == 0 || len(g.denied("replica")) == 0 {
		t.Error("what is denied isn't in ACL LOG, so an empty one says nothing")
	}
	for _, opt := range []redis.Options{{}, {Username: "pilotsync", Password: "secret-sentinel"}, {Username: "php", Password: "secret-php"}} {
		opt.Addr, opt.MaxRetries = watcher, -1
		rdb := redis.NewClient(&opt)
		if err := rdb.Ping(t.Context()).Err(); err == nil {
			t.Errorf("%q gets in at a Sentinel", opt.Username)
		}
		_ = rdb.Close()
	}
}
