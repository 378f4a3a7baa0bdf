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

// Replication is asynchronous: a killed master loses what it acknowledged and hadn't replicated
// yet. Over a working link that is a moment; the test allows for the last second before the kill.
func TestACrashOfSentinelsMasterLosesAtMostItsLastMoment(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	s := redistest.NewSentinel(t, redistest.Security{}.Shipped(t))
	f := newLoaded(t, s.As, 3)
	end := f.load()
	f.awaitAcked(200)

	killed, end := f.kill(s.Master, end)
	newMaster := promoted(t, s)
	voted := time.Since(killed)
	f.awaitAcked(f.workload.Acked() + 100)
	t.Logf("another was master after %s; nothing was taken for %s", voted.Round(100*time.Millisecond), f.workload.LongestGap(killed).Round(100*time.Millisecond))
	f.rejoin(s.Master, killed, end)
	staysMaster(t, s, newMaster)
}

// SENTINEL FAILOVER alone doesn't stop clients. The old master still takes writes, which are
// lost. Our clients move within a second; one that doesn't use the Sentinels takes ten. So the
// test pauses the old master's writes first. That also pauses the Sentinels' own MULTI that
// makes it a replica, so the test sends REPLICAOF itself.
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
	newMaster := promoted(t, s)
	t.Logf("another was master after %s", time.Since(began).Round(100*time.Millisecond))
	host, port := hostPort(t, newMaster)
	do(t, old, "REPLICAOF", host, port)
	harness.Await(t, "the old master is a replica", func() error { return replicates(t, s.Master.Addr) })
	t.Logf("the old master was a replica after %s", time.Since(began).Round(100*time.Millisecond))
	do(t, old, "CLIENT", "UNPAUSE")
	f.awaitAcked(f.workload.Acked() + 200)
	t.Logf("nothing was taken for %s", f.workload.LongestGap(began).Round(100*time.Millisecond))
	end()
	f.settle()
	f.slowest(began)
	staysMaster(t, s, newMaster)
}

// client is an administrator's client of a server or a Sentinel.
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

// promoted waits until a replica is the master, and returns its address. From then on the
// Sentinels wait for a minute before they replace a master. A busy machine can stop it for the
// second that they wait otherwise, and one more crash loses one more second.
func promoted(t *testing.T, s *redistest.Sentinel) string {
	t.Helper()
	harness.Await(t, "a replica is the master", func() error { return masterChanged(t, s, s.Master.Addr) })
	patient(t, s)
	addr, err := s.Current(t)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func patient(t *testing.T, s *redistest.Sentinel) {
	t.Helper()
	for _, addr := range s.Sentinels {
		do(t, client(t, addr), "SENTINEL", "SET", "main", "down-after-milliseconds", 60_000)
	}
}

// staysMaster fails the test if the Sentinels made another server the master meanwhile.
func staysMaster(t *testing.T, s *redistest.Sentinel, addr string) {
	t.Helper()
	if now, err := s.Current(t); err != nil || now != addr {
		t.Errorf("the master is %s (%v); want %s: the test tested two failovers", now, err, addr)
	}
}

func masterChanged(t *testing.T, s *redistest.Sentinel, old string) error {
	addr, err := s.Current(t)
	if err == nil && addr == old {
		err = fmt.Errorf("it is %s still", old)
	}
	return err
}

// replicates is nil once a server is a replica in sync with its master.
func replicates(t *testing.T, addr string) error {
	info, err := client(t, addr).Info(t.Context(), "replication").Result()
	if err == nil && (!strings.Contains(info, "role:slave") || !strings.Contains(info, "master_link_status:up")) {
		err = fmt.Errorf("%s", info)
	}
	return err
}

// awaitReplication is nil once all replicas are in sync with their master.
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
