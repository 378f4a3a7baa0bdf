package redistest

import (
	"cmp"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/enqueue/functions"
)

// Shipped runs a server with the files of deployments/redis and returns once it answers.
// redis.conf and users.acl are as shipped, except for the address, the folders and the
// passwords. [Server.As] is the URL of each user. It has the functions that workers load, as after
// the first start of one: the user php can't enqueue without them.
func Shipped(t testing.TB, args ...string) *Server {
	t.Helper()
	return NewSecure(t, Security{}.Shipped(t), args...)
}

// Shipped is the security of servers that run with the files of deployments/redis: redis.conf,
// users.acl and, for Sentinels, sentinel-users.acl. Each user's password is [Password].
func (s Security) Shipped(t testing.TB) Security {
	t.Helper()
	folder := t.TempDir()
	withPasswords := func(name string) string {
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(WithPasswords(shippedFile(t, name))), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	login := func(user string) Login { return Login{User: user, Password: Password(user)} }
	s.conf = shippedFile(t, "redis.conf")
	s.users = Users{
		File: withPasswords("users.acl"), SentinelFile: withPasswords("sentinel-users.acl"),
		Admin: login("admin"), Replica: login("replica"), Sentinel: login("sentinel"),
	}
	return s
}

// Password is a shipped user's password in tests.
func Password(user string) string { return "secret-" + user }

// WithPasswords gives each enabled user of an ACL file the password [Password].
func WithPasswords(acl string) string {
	var all strings.Builder
	for line := range strings.Lines(acl) {
		if words := strings.Fields(line); len(words) > 2 && words[2] == "on" {
			line = strings.Replace(line, " on ", " on >"+Password(words[1])+" ", 1)
		}
		all.WriteString(line)
	}
	return all.String()
}

func (s *Server) loadFunctions(t testing.TB) {
	t.Helper()
	rdb := redis.NewClient(s.options("admin"))
	defer rdb.Close()
	if _, err := functions.Load(t.Context(), rdb); err != nil && !redis.IsReadOnlyError(err) { // a replica gets them from its master
		t.Fatal(err)
	}
}

// As is the server's URL for a shipped user.
func (s *Server) As(user string) string { return as(s.URL, user) }

// As is the set's URL for a shipped user of the servers. The Sentinels have a user of their own,
// pilotsync.
func (s *Sentinel) As(user string) string {
	return as(s.URL, user) + "&sentinel_user=pilotsync&sentinel_password=" + Password("pilotsync")
}

// As is the Cluster's URL for a shipped user.
func (c *Cluster) As(user string) string { return as(c.URL, user) }

// Client is a client of the server for a shipped user. It ends with the test.
func (s *Server) Client(t testing.TB, user string) *redis.Client {
	t.Helper()
	rdb := redis.NewClient(s.options(user))
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func (s *Server) options(user string) *redis.Options {
	return &redis.Options{Addr: s.Addr, Username: user, Password: Password(user), TLSConfig: s.secure.client, ContextTimeoutEnabled: true}
}

func as(raw, user string) string {
	return strings.Replace(raw, "://", "://"+url.UserPassword(user, Password(user)).String()+"@", 1)
}

// places are redis.conf's addresses and folders. Each server of a test has its own.
var places = map[string]bool{"bind": true, "port": true, "dir": true, "aclfile": true}

// configFile writes the shipped redis.conf into the server's folder, with the given settings
// instead of its places. A restart keeps the file, since Sentinels have servers rewrite it.
func (s *Server) configFile(settings []string) (string, error) {
	file := filepath.Join(s.folder, "redis.conf")
	if s.configured {
		return file, nil
	}
	var conf strings.Builder
	for line := range strings.Lines(s.secure.conf) {
		if words := strings.Fields(line); len(words) == 0 || !places[words[0]] {
			conf.WriteString(line)
		}
	}
	for _, word := range settings {
		if name, isName := strings.CutPrefix(word, "--"); isName {
			conf.WriteString("\n" + name)
		} else {
			conf.WriteString(" " + cmp.Or(word, `""`))
		}
	}
	return file, os.WriteFile(file, []byte(conf.String()+"\n"), 0o600)
}

// shippedFile is the text of a file of deployments/redis in the module that the
// test belongs to.
func shippedFile(t testing.TB, name string) string {
	t.Helper()
	folder, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; folder = filepath.Dir(folder) {
		text, err := os.ReadFile(filepath.Join(folder, "deployments", "redis", name))
		if err == nil {
			return string(text)
		}
		if folder == filepath.Dir(folder) {
			t.Fatal(fmt.Errorf("find deployments/redis/%s above the test's folder: %w", name, err))
		}
	}
}
