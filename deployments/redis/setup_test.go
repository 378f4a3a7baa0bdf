package redis_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"pilotsync/internal/redistest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// go-redis's own; it ends within a second after its client is closed.
		goleak.IgnoreAnyFunction("github.com/redis/go-redis/v9/internal/pool.(*ConnPool).tryDial"))
}

// guarded is a real Redis with the sample's settings and users. Each user's
// password is secret- and its name.
type guarded struct {
	t     *testing.T
	addr  string
	admin *redis.Client
}

func newGuarded(t *testing.T) *guarded {
	t.Helper()
	file := filepath.Join(t.TempDir(), "users.acl")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	// The users come once it runs: with the default one off it wouldn't say that it does.
	server := redistest.New(t, append(settings(t), "--aclfile", file)...)
	users, err := os.ReadFile("users.acl")
	if err != nil {
		t.Fatal(err)
	}
	var withPasswords []string
	for line := range strings.Lines(string(users)) {
		name := strings.Fields(line)[1]
		withPasswords = append(withPasswords, strings.Replace(line, " on ", " on >secret-"+name+" ", 1))
	}
	if err := os.WriteFile(file, []byte(strings.Join(withPasswords, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	anybody := redis.NewClient(&redis.Options{Addr: server.Addr})
	defer anybody.Close()
	if err := anybody.Do(t.Context(), "ACL", "LOAD").Err(); err != nil {
		t.Fatalf("Redis doesn't take users.acl: %v", err)
	}
	g := &guarded{t: t, addr: server.Addr}
	g.admin = g.as("admin")
	return g
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

// as is a client that logs in as one of the users.
func (g *guarded) as(user string) *redis.Client {
	g.t.Helper()
	rdb := redis.NewClient(&redis.Options{Addr: g.addr, Username: user, Password: "secret-" + user, PoolSize: 200, MaxRetries: -1})
	g.t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// url is that of a user, as a setting has it.
func (g *guarded) url(user string) string {
	return "redis://" + user + ":secret-" + user + "@" + g.addr + "/0"
}

// denied are the commands and keys that Redis denied a user so far.
func (g *guarded) denied(user string) []string {
	g.t.Helper()
	entries, err := g.admin.ACLLog(g.t.Context(), 1000).Result()
	if err != nil {
		g.t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		if e.Username == user {
			all = append(all, e.Reason+" "+e.Object+" ("+e.Context+")")
		}
	}
	return all
}
