package redistest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// Sentinel is a master, its replicas, and Sentinels that watch over them.
type Sentinel struct {
	Master    *Server
	Replicas  []*Server
	Sentinels []string // their addresses
	URL       string   // redis-sentinel://…/0?master=main, or rediss-sentinel:// with TLS

	secure Security
}

// NewSentinel runs a master with two replicas and three Sentinels, which call it main. It returns
// once all know each other. A master that is away for a second is down. args are redis-server's,
// for the master and the replicas.
func NewSentinel(t testing.TB, secure Security, args ...string) *Sentinel {
	t.Helper()
	args = append([]string{"--repl-diskless-sync-delay", "0"}, args...)
	s := &Sentinel{Master: NewSecure(t, secure, args...), secure: secure}
	host, port, _ := net.SplitHostPort(s.Master.Addr)
	for range 2 {
		s.Replicas = append(s.Replicas, NewSecure(t, secure, append([]string{"--replicaof", host, port}, args...)...))
	}
	for range 3 {
		watcher := newServer(t, sentinel, secure, append([]string{"sentinel monitor main " + host + " " + port + " 2", "sentinel down-after-milliseconds main 1000",
			"sentinel failover-timeout main 5000", "sentinel parallel-syncs main 2"}, secure.users.sentinelLines()...)...)
		s.Sentinels = append(s.Sentinels, watcher.Addr)
	}
	s.URL = secure.scheme("redis-sentinel") + "://" + strings.Join(s.Sentinels, ",") + "/0?master=main"
	if err := within(func() error { return s.ready(t) }); err != nil {
		t.Fatalf("the Sentinels aren't ready: %v", err)
	}
	return s
}

// sentinelFile writes a Sentinel's configuration file, from what would otherwise be
// its arguments, and returns those that are left.
func (s *Server) sentinelFile(settings []string) ([]string, error) {
	var conf strings.Builder
	for ; len(settings) > 0; settings = settings[2:] {
		fmt.Fprintln(&conf, strings.TrimPrefix(settings[0], "--"), settings[1])
	}
	for _, line := range s.args {
		fmt.Fprintln(&conf, line)
	}
	file := filepath.Join(s.folder, "sentinel.conf")
	return []string{file, "--sentinel"}, os.WriteFile(file, []byte(conf.String()), 0o600)
}

func (s *Sentinel) client(addr string) *redis.SentinelClient {
	admin := s.secure.users.Admin
	return redis.NewSentinelClient(&redis.Options{Addr: addr, TLSConfig: s.secure.client, MaxRetries: -1, Username: admin.User, Password: admin.Password})
}

// ready is nil when each Sentinel knows the others and the replicas.
func (s *Sentinel) ready(t testing.TB) error {
	for _, addr := range s.Sentinels {
		c := s.client(addr)
		others, err := c.Sentinels(t.Context(), "main").Result()
		replicas, err2 := c.Replicas(t.Context(), "main").Result()
		_ = c.Close()
		if err != nil || err2 != nil || len(others) != len(s.Sentinels)-1 || len(replicas) != len(s.Replicas) {
			return fmt.Errorf("sentinel %s: %d others, %d replicas (%v, %v)", addr, len(others), len(replicas), err, err2)
		}
		for _, r := range replicas {
			if r["master-link-status"] != "ok" {
				return fmt.Errorf("sentinel %s: replica %s is %s", addr, r["name"], r["master-link-status"])
			}
		}
	}
	return nil
}

// Current is the address of the master, as the first Sentinel knows it.
func (s *Sentinel) Current(t testing.TB) (string, error) {
	c := s.client(s.Sentinels[0])
	defer c.Close()
	parts, err := c.GetMasterAddrByName(t.Context(), "main").Result()
	return strings.Join(parts, ":"), err
}
