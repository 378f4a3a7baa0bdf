package redis_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"pilotsync/internal/redisurl"
	"pilotsync/test/redistest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// go-redis's own; it ends within a second after its client is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// guarded is a real Redis with the shipped settings and users: one server, a Sentinel set or a
// Cluster. Each user's password is redistest.Password.
type guarded struct {
	t        *testing.T
	addr     string          // of the server, or of the first of several
	admin    *redis.Client   // there
	admins   []*redis.Client // of each server, and of each Sentinel
	replicas []*redis.Client // those of servers that start as replicas
	url      func(user string) string
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	server := redistest.Shipped(t)
	return guard(t, server.As, server.Addr)
}

// newGuardedSentinel is a master with replicas and Sentinels, which have users of their own.
func newGuardedSentinel(t *testing.T) *guarded {
	t.Helper()
	s := redistest.NewSentinel(t, redistest.Security{}.Shipped(t))
	g := guard(t, s.As, append([]string{s.Master.Addr, s.Replicas[0].Addr, s.Replicas[1].Addr}, s.Sentinels...)...)
	g.replicas = g.admins[1:3]
	return g
}

// newGuardedCluster is a Cluster of six nodes.
func newGuardedCluster(t *testing.T) *guarded {
	t.Helper()
	c := redistest.NewCluster(t, 3, redistest.Security{}.Shipped(t))
	var addrs []string
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Addr)
	}
	g := guard(t, c.As, addrs...)
	g.replicas = g.admins[3:]
	return g
}

func guard(t *testing.T, url func(string) string, addrs ...string) *guarded {
	g := &guarded{t: t, addr: addrs[0], url: url}
	for _, addr := range addrs {
		g.admins = append(g.admins, g.client(addr, "admin"))
	}
	g.admin = g.admins[0]
	return g
}

// as returns a user's client of the server, or of the first of several.
func (g *guarded) as(user string) *redis.Client {
	g.t.Helper()
	return g.client(g.addr, user)
}

func (g *guarded) client(addr, user string) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: addr, Username: user, Password: redistest.Password(user), PoolSize: 200, MaxRetries: -1})
	g.t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// open returns a user's client that is configured like the program's.
func (g *guarded) open(user string) redis.UniversalClient {
	g.t.Helper()
	rdb, err := redisurl.Open(g.url(user))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// denied lists the commands and keys that a server or Sentinel has denied a user.
func (g *guarded) denied(user string) []string {
	g.t.Helper()
	var all []string
	for _, admin := range g.admins {
		entries, err := admin.ACLLog(g.t.Context(), 1000).Result()
		if err != nil {
			g.t.Fatal(err)
		}
		for _, e := range entries {
			if e.Username == user {
				all = append(all, e.Reason+" "+e.Object+" ("+e.Context+")")
			}
		}
	}
	return all
}
