package failover

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/test/harness"
	"pilotsync/test/redistest"
)

// The worst case: the killed master holds the queue of changes, which all requests pass. Requests
// of the last second before the kill may be lost, as with Sentinel.
func TestACrashOfAClustersMasterLosesAtMostItsLastMoment(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	c, f, end := loadedCluster(t, 3)

	slot := redistest.Slot("asynq:{domains}:")
	old := server(c, owner(t, c.Nodes[0], slot))
	witness := c.Nodes[(slices.Index(c.Nodes, old)+1)%3]
	killed, end := f.kill(old, end)
	harness.Await(t, "its replica is the master", func() error { return isOwnerOtherThan(t, witness, slot, old) })
	t.Logf("its replica was master after %s", time.Since(killed).Round(100*time.Millisecond))
	f.awaitAcked(f.workload.Acked() + 100)
	t.Logf("nothing was taken for %s", f.workload.LongestGap(killed).Round(100*time.Millisecond))
	f.rejoin(old, killed, end)
}

// loadedCluster is a Cluster of three masters with workers on it, under load until end is called.
func loadedCluster(t *testing.T, workers int) (c *redistest.Cluster, f *fixture, end func()) {
	t.Helper()
	c = redistest.NewCluster(t, 3, redistest.Security{}.Shipped(t))
	f = newLoaded(t, c.As, workers)
	end = f.load()
	f.awaitAcked(200)
	return c, f, end
}

// CLUSTER FAILOVER stops the master's clients until the replica has caught up.
func TestAPlannedFailoverOfAClustersMasterLosesNothing(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	c, f, end := loadedCluster(t, 2)
	began := time.Now()
	for i, old := range c.Nodes[:3] { // one failover after the other
		do(t, client(t, c.Nodes[3+i].Addr), "CLUSTER", "FAILOVER")
		harness.Await(t, "the replica is the master", func() error { return replicates(t, old.Addr) })
		f.awaitAcked(f.workload.Acked() + 50)
	}
	t.Logf("three masters gave way within %s; nothing was taken for %s", time.Since(began).Round(100*time.Millisecond),
		f.workload.LongestGap(began).Round(100*time.Millisecond))
	end()
	f.settle()
	f.slowest(began)
}

// While a slot moves, its keys are on two masters. A script that needs several of them, or one that
// has moved, fails with TRYAGAIN before it does anything. The program treats that as a Redis that
// is unavailable.
func TestSlotsThatMoveUnderLoadLoseNothing(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	c, f, end := loadedCluster(t, 2)
	began := time.Now()
	for _, key := range []string{"asynq:{domains}:", "asynq:{lists}:", "pilotsync:{app00}:", "pilotsync:{app01}:"} {
		slot := redistest.Slot(key)
		from := server(c, owner(t, c.Nodes[0], slot))
		to := c.Nodes[(slices.Index(c.Nodes, from)+1)%3]
		move(t, c, slot, from, to)
		t.Logf("the slot of %s moved within %s", key, time.Since(began).Round(100*time.Millisecond))
		f.awaitAcked(f.workload.Acked() + 50)
	}
	t.Logf("nothing was taken for %s", f.workload.LongestGap(began).Round(100*time.Millisecond))
	end()
	f.settle()
	f.slowest(began)
}

// move moves a slot from one master to another as redis-cli --cluster reshard does. But it
// waits for a while with half of the keys on each.
func move(t *testing.T, c *redistest.Cluster, slot int, from, to *redistest.Server) {
	t.Helper()
	source, target := client(t, from.Addr), client(t, to.Addr)
	host, port := hostPort(t, to.Addr)
	do(t, target, "CLUSTER", "SETSLOT", slot, "IMPORTING", do(t, source, "CLUSTER", "MYID"))
	do(t, source, "CLUSTER", "SETSLOT", slot, "MIGRATING", do(t, target, "CLUSTER", "MYID"))
	half, err := strconv.Atoi(do(t, source, "CLUSTER", "COUNTKEYSINSLOT", slot))
	if err != nil {
		t.Fatal(err)
	}
	half /= 2
	for moved := 0; ; {
		keys, err := source.ClusterGetKeysInSlot(t.Context(), slot, 10).Result()
		if err != nil {
			t.Fatal(err)
		}
		if len(keys) == 0 {
			break
		}
		command := []any{"MIGRATE", host, port, "", 0, 5000, "AUTH2", "admin", redistest.Password("admin"), "KEYS"}
		for _, key := range keys {
			command = append(command, key)
		}
		do(t, source, command...)
		if moved += len(keys); moved >= half && half > 0 {
			pass(t, 2*time.Second)
			half = 0
		}
	}
	id := do(t, target, "CLUSTER", "MYID")
	for _, node := range []*redis.Client{target, source, client(t, c.Nodes[0].Addr), client(t, c.Nodes[1].Addr), client(t, c.Nodes[2].Addr)} {
		do(t, node, "CLUSTER", "SETSLOT", slot, "NODE", id)
	}
}

// owner is the address of a slot's master, as a node knows it.
func owner(t *testing.T, node *redistest.Server, slot int) string {
	t.Helper()
	addr, err := ownerOf(t, node, slot)
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

func ownerOf(t *testing.T, node *redistest.Server, slot int) (string, error) {
	shards, err := client(t, node.Addr).ClusterShards(t.Context()).Result()
	for _, shard := range shards {
		has := slices.ContainsFunc(shard.Slots, func(r redis.SlotRange) bool { return int(r.Start) <= slot && slot <= int(r.End) })
		i := slices.IndexFunc(shard.Nodes, func(n redis.Node) bool { return n.Role == "master" })
		if has && i >= 0 {
			return net.JoinHostPort(shard.Nodes[i].IP, strconv.FormatInt(shard.Nodes[i].Port, 10)), nil
		}
	}
	return "", fmt.Errorf("no node has slot %d: %w", slot, err)
}

func isOwnerOtherThan(t *testing.T, node *redistest.Server, slot int, old *redistest.Server) error {
	addr, err := ownerOf(t, node, slot)
	if err == nil && addr == old.Addr {
		err = fmt.Errorf("it is %s still", addr)
	}
	return err
}

// server is the node with an address.
func server(c *redistest.Cluster, addr string) *redistest.Server {
	return c.Nodes[slices.IndexFunc(c.Nodes, func(n *redistest.Server) bool { return n.Addr == addr })]
}
