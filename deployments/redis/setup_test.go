package redis_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"pilotsync/internal/redistest"
	"pilotsync/internal/redisurl"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// go-redis's own; it ends within a second after its client is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// guarded is a real Redis with the sample's settings and users: one server, a
// Sentinel set or a Cluster. Each user's password is secret- and its name.
type guarded struct {
	t        *testing.T
	addr     string          // of the server, or of the first of several
	admin    *redis.Client   // there
	admins   []*redis.Client // of each server, and of each Sentinel
	replicas []*redis.Client // of those, the ones of servers that begin as replicas
	url      func(user string) string
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	server := redistest.NewSecure(t, usersOf(t), settings(t)...)
	return guard(t, func(user string) string { return "redis://" + user + ":secret-" + user + "@" + server.Addr + "/0" }, server.Addr)
}

// newGuardedSentinel is a master with replicas and Sentinels, which have users of their own.
func newGuardedSentinel(t *testing.T) *guarded {
	t.Helper()
	s := redistest.NewSentinel(t, usersOf(t), settings(t)...)
	g := guard(t, func(user string) string {
		return strings.Replace(s.URL, "://", "://"+user+":secret-"+user+"@", 1) + "&sentinel_user=pilotsync&sentinel_password=secret-pilotsync"
	}, append([]string{s.Master.Addr, s.Replicas[0].Addr, s.Replicas[1].Addr}, s.Sentinels...)...)
	g.replicas = g.admins[1:3]
	return g
}

// newGuardedCluster is a Cluster of six nodes.
func newGuardedCluster(t *testing.T) *guarded {
	t.Helper()
	c := redistest.NewCluster(t, 3, usersOf(t), settings(t)...)
	var addrs []string
	for _, n := range c.Nodes {
		addrs = append(addrs, n.Addr)
	}
	g := guard(t, func(user string) string { return strings.Replace(c.URL, "://", "://"+user+":secret-"+user+"@", 1) }, addrs...)
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

// usersOf are the users of the samples, each with a password.
func usersOf(t *testing.T) redistest.Security {
	t.Helper()
	login := func(user string) redistest.Login { return redistest.Login{User: user, Password: "secret-" + user} }
	return redistest.Security{}.With(redistest.Users{File: withPasswords(t, "users.acl"), SentinelFile: withPasswords(t, "sentinel-users.acl"),
		Admin: login("admin"), Replica: login("replica"), Sentinel: login("sentinel")})
}

// withPasswords is a copy of a file of users.
func withPasswords(t *testing.T, name string) string {
	t.Helper()
	users, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for line := range strings.Lines(string(users)) {
		all.WriteString(strings.Replace(line, " on ", " on >secret-"+strings.Fields(line)[1]+" ", 1))
	}
	file := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(file, []byte(all.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// settings are those of redis.conf but for its places, as arguments.
func settings(t *testing.T) []string {
	t.Helper()
	conf, err := os.ReadFile("redis.conf")
	if err != nil {
		t.Fatal(err)
	}
	var args []string
	for line := range strings.Lines(string(conf)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0, strings.HasPrefix(line, "#"):
		case words[0] == "bind", words[0] == "port", words[0] == "dir", words[0] == "aclfile":
		default:
			args = append(append(args, "--"+words[0]), words[1:]...)
		}
	}
	return args
}

// as is a client of the server, or of the first of several, that logs in as one of the users.
func (g *guarded) as(user string) *redis.Client {
	g.t.Helper()
	return g.client(g.addr, user)
}

func (g *guarded) client(addr, user string) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: addr, Username: user, Password: "secret-" + user, PoolSize: 200, MaxRetries: -1})
	g.t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// open is a user's client, as a process of the program has it.
func (g *guarded) open(user string) redis.UniversalClient {
	g.t.Helper()
	rdb, err := redisurl.Open(g.url(user))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// denied are the commands and keys that a server or Sentinel denied a user so far.
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
