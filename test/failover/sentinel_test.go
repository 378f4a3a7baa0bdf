package failover

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/test/harness"
	"pilotsync/test/redistest"
)

// Replication is asynchronous: what the master acknowledged and hadn't passed on
// when it was killed is lost, as Redis says. Where the link works that is the last
// moment; a second is allowed for, before it was killed and not a moment after.
func TestACrashOfSentinelsMasterLosesAtMostItsLastMoment(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	s := redistest.NewSentinel(t, redistest.Security{}.Shipped(t))
	f := newLoaded(t, s.As, 3)
	end := f.load()
	f.awaitAcked(200)

	killed, end := f.kill(s.Master, end)
	harness.Await(t, "a replica is the master", func() error { return masterChanged(t, s, s.Master.Addr) })
	voted := time.Since(killed)
	f.awaitAcked(f.workload.Acked() + 100)
	t.Logf("another was master after %s; nothing was taken for %s", voted.Round(100*time.Millisecond), f.workload.LongestGap(killed).Round(100*time.Millisecond))
	s.Master.Start()
	harness.Await(t, "the old master is a replica", func() error { return replicates(t, s.Master.Addr) })
	t.Logf("the old master was a replica %s after it was killed", time.Since(killed).Round(100*time.Millisecond))
	f.awaitAcked(f.workload.Acked() + 100)
	end()
	f.settle()
	f.slowest(killed.Add(-time.Second))
	f.lost()
}

// SENTINEL FAILOVER by itself asks nobody to stop. The old master goes on taking
// writes, which are lost: for a second, until our clients have moved, and for ten from
// one that doesn't ask the Sentinels. With the writes paused there, none is. The
// Sentinels' own MULTI that makes it a replica is paused, too, so it is told by hand.
func TestAPlannedSentinelFailoverWithPausedWritesLosesNothing(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	s := redistest.NewSentinel(t, redistest.Security{}.Shipped(t))
	f := newLoaded(t, s.As, 2)
	end := f.load()
	f.awaitAcked(200)

	old := client(t, s.Master.Addr)
	began := time.Now()
	do(t, old, "CLIENT", "PAUSE", 60_000, "WRITE")
	harness.Await(t, "the replicas have all", func() error { return awaitReplication(t, old, 2) })
	do(t, client(t, s.Sentinels[0]), "SENTINEL", "FAILOVER", "main")
	harness.Await(t, "a replica is the master", func() error { return masterChanged(t, s, s.Master.Addr) })
	t.Logf("another was master after %s", time.Since(began).Round(100*time.Millisecond))
	now, err := s.Current(t)
	if err != nil {
		t.Fatal(err)
	}
	host, port := hostPort(t, now)
	do(t, old, "REPLICAOF", host, port)
	harness.Await(t, "the old master is a replica", func() error { return replicates(t, s.Master.Addr) })
	t.Logf("the old master was a replica after %s", time.Since(began).Round(100*time.Millisecond))
	do(t, old, "CLIENT", "UNPAUSE")
	f.awaitAcked(f.workload.Acked() + 200)
	t.Logf("nothing was taken for %s", f.workload.LongestGap(began).Round(100*time.Millisecond))
	end()
	f.settle()
	f.slowest(began)
}

// client is one of a server, or of a Sentinel, for what an administrator does.
func client(t *testing.T, addr string) *redis.Client {
	rdb := redis.NewClient(&redis.Options{Addr: addr, Username: "admin", Password: redistest.Password("admin")})
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

func do(t *testing.T, rdb *redis.Client, command ...any) string {
	t.Helper()
	answer, err := rdb.Do(t.Context(), command...).Result()
	if err != nil {
		t.Fatalf("%v: %v", command, err)
	}
	return fmt.Sprint(answer)
}

func masterChanged(t *testing.T, s *redistest.Sentinel, old string) error {
	addr, err := s.Current(t)
	if err == nil && addr == old {
		err = fmt.Errorf("it is %s still", old)
	}
	return err
}

// replicates is nil once a server is a replica that has all that its master has.
func replicates(t *testing.T, addr string) error {
	info, err := client(t, addr).Info(t.Context(), "replication").Result()
	if err == nil && (!strings.Contains(info, "role:slave") || !strings.Contains(info, "master_link_status:up")) {
		err = fmt.Errorf("%s", info)
	}
	return err
}

// awaitReplication is nil once all replicas of a master have all it wrote.
func awaitReplication(t *testing.T, master *redis.Client, replicas int) error {
	info, err := master.Info(t.Context(), "replication").Result()
	if err != nil {
		return err
	}
	_, offset, _ := strings.Cut(info, "master_repl_offset:")
	offset, _, _ = strings.Cut(offset, "\r")
	if n := strings.Count(info, ",offset="+offset+","); n != replicas {
		return fmt.Errorf("%d of %d replicas are at %s", n, replicas, offset)
	}
	return nil
}

func hostPort(t *testing.T, addr string) (string, string) {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	return host, port
}
