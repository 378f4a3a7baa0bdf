//go:build faults

package faults

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/freeport"
	"pilotsync/internal/redistest"
	"pilotsync/internal/redisurl"
	"pilotsync/internal/simulator"
)

// Replication is asynchronous: what the master acknowledged and hadn't passed on
// when it died is lost, as Redis says. On a link that works that is the last
// moment; a second is allowed for here.
func TestAFailoverUnderSentinelLosesAtMostWhatRedisHadNotReplicatedAndWorkersGoOnByThemselves(t *testing.T) {
	t.Parallel()
	master := redistest.New(t, "--appendonly", "yes")
	replica := redistest.New(t, "--appendonly", "yes", "--replicaof", "127.0.0.1", port(t, master.Addr))
	sentinels := startSentinels(t, master.Addr, 3)
	url := "redis-sentinel://" + strings.Join(sentinels, ",") + "/0?master=main"
	rdb, err := redisurl.Open(url)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorldOn(t, simulator.Options{Apps: apps(4), Latency: 100 * time.Millisecond}, rdb, url)
	await(t, "the Sentinels know each other and the replica", 30*time.Second, func() error { return ready(t, sentinels) })
	workers := []*process{w.worker(), w.worker()}
	end := w.load(3, 60*time.Millisecond)
	pass(t, 5*time.Second)

	killed := time.Now()
	master.Kill()
	await(t, "the replica is the master", 30*time.Second, func() error {
		addr, err := masterOf(t, sentinels[0])
		if err == nil && addr != replica.Addr {
			err = errStill
		}
		return err
	})
	t.Logf("the replica became the master after %s", time.Since(killed).Round(100*time.Millisecond))
	unsure := w.want.mayBeLost(killed.Add(-time.Second)) // some are of after the failover: then this allows more
	before := w.acked()
	await(t, "changes are taken again", 30*time.Second, func() error {
		if w.acked() <= before {
			return errStill
		}
		return nil
	})
	t.Logf("changes were taken again after %s", time.Since(killed).Round(100*time.Millisecond))
	master.Start() // as it comes back it is made a replica
	pass(t, 5*time.Second)
	end()
	w.awaitSettled(takeover)
	t.Logf("%d changes were acknowledged, those of %d domains in the second before", w.acked(), unsure)
	w.check()
	for _, p := range workers {
		if !p.alive() {
			t.Errorf("a worker ended:\n%s", p.logged())
		}
	}
}

func (w *world) acked() int {
	w.want.mu.Lock()
	defer w.want.mu.Unlock()
	return w.want.acked
}

func port(t *testing.T, addr string) string {
	t.Helper()
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// startSentinels runs Sentinels for a master they call main, and returns their
// addresses. It is the server's own binary.
func startSentinels(t *testing.T, master string, n int) (addrs []string) {
	t.Helper()
	for range n {
		addr, err := freeport.Addr()
		if err != nil {
			t.Fatal(err)
		}
		folder := t.TempDir()
		file := filepath.Join(folder, "sentinel.conf")
		conf := fmt.Sprintf("bind 127.0.0.1\nport %s\ndir %s\nlogfile %s/log\nsentinel monitor main 127.0.0.1 %s %d\n"+
			"sentinel down-after-milliseconds main 1500\nsentinel failover-timeout main 10000\n",
			port(t, addr), folder, folder, port(t, master), n/2+1)
		if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("redis-server", file, "--sentinel")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it was killed
		})
		addrs = append(addrs, addr)
	}
	return addrs
}

func sentinel(t *testing.T, addr string) *redis.SentinelClient {
	return redis.NewSentinelClient(&redis.Options{Addr: addr})
}

// ready is nil when each Sentinel knows the others and the replica.
func ready(t *testing.T, sentinels []string) error {
	for _, addr := range sentinels {
		s := sentinel(t, addr)
		others, err := s.Sentinels(t.Context(), "main").Result()
		replicas, err2 := s.Replicas(t.Context(), "main").Result()
		_ = s.Close()
		if err != nil || err2 != nil || len(others) != len(sentinels)-1 || len(replicas) != 1 || replicas[0]["master-link-status"] != "ok" {
			return fmt.Errorf("sentinel %s: %d others, replicas %v (%v, %v)", addr, len(others), replicas, err, err2)
		}
	}
	return nil
}

func masterOf(t *testing.T, addr string) (string, error) {
	s := sentinel(t, addr)
	defer s.Close()
	parts, err := s.GetMasterAddrByName(t.Context(), "main").Result()
	return strings.Join(parts, ":"), err
}
