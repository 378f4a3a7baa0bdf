package redistest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// slots is how many hash slots a Cluster has.
const slots = 16384

// Cluster is a Redis Cluster on loopback. The first half of its nodes are masters; the replica
// of each is at the same index of the second half.
type Cluster struct {
	Nodes []*Server
	URL   string // redis-cluster://…, or rediss-cluster:// with TLS
}

// NewCluster runs a Cluster of masters with a replica each, and returns once all nodes agree. A
// master that is away for a second is replaced. args are redis-server's, for each node.
func NewCluster(t testing.TB, masters int, secure Security, args ...string) *Cluster {
	t.Helper()
	c := &Cluster{}
	var addrs []string
	if secure.client != nil {
		args = append([]string{"--tls-cluster", "yes"}, args...)
	}
	for range 2 * masters {
		n := newServer(t, node, secure, append([]string{"--cluster-node-timeout", "1000",
			"--cluster-replica-validity-factor", "0", "--repl-diskless-sync-delay", "0"}, args...)...)
		c.Nodes, addrs = append(c.Nodes, n), append(addrs, n.Addr)
	}
	c.URL = secure.scheme("redis-cluster") + "://" + strings.Join(addrs, ",")
	clients := make([]*redis.Client, len(c.Nodes))
	for i, n := range c.Nodes {
		clients[i] = n.client()
		defer clients[i].Close()
	}
	if err := join(t.Context(), c.Nodes, clients); err != nil {
		t.Fatalf("the Cluster isn't made: %v", err)
	}
	return c
}

// client is the administrator's client of a server.
func (s *Server) client() *redis.Client {
	admin := s.secure.users.Admin
	return redis.NewClient(&redis.Options{Addr: s.Addr, TLSConfig: s.secure.client, MaxRetries: -1, Username: admin.User, Password: admin.Password})
}

// join makes nodes a Cluster as redis-cli --cluster create does, but faster.
func join(ctx context.Context, nodes []*Server, clients []*redis.Client) error {
	masters := len(nodes) / 2
	for i, rdb := range clients {
		if err := rdb.Do(ctx, "CLUSTER", "SET-CONFIG-EPOCH", i+1).Err(); err != nil {
			return err
		}
		if i < masters {
			if err := rdb.ClusterAddSlotsRange(ctx, i*slots/masters, (i+1)*slots/masters-1).Err(); err != nil {
				return err
			}
		}
		if i > 0 {
			host, port, _ := net.SplitHostPort(nodes[i].Addr)
			if err := clients[0].Do(ctx, "CLUSTER", "MEET", host, port, nodes[i].bus).Err(); err != nil {
				return err
			}
		}
	}
	each := func(ok func(i int, rdb *redis.Client) error) error {
		return within(func() error {
			for i, rdb := range clients {
				if err := ok(i, rdb); err != nil {
					return fmt.Errorf("node %d: %w", i, err)
				}
			}
			return nil
		})
	}
	if err := each(func(_ int, rdb *redis.Client) error {
		info, err := rdb.ClusterInfo(ctx).Result()
		if err == nil && (!strings.Contains(info, "cluster_state:ok") || !strings.Contains(info, "cluster_known_nodes:"+strconv.Itoa(len(nodes)))) {
			err = fmt.Errorf("%s", info)
		}
		return err
	}); err != nil {
		return err
	}
	for i := masters; i < len(nodes); i++ {
		id, err := clients[i-masters].Do(ctx, "CLUSTER", "MYID").Text()
		if err != nil {
			return err
		}
		if err := clients[i].ClusterReplicate(ctx, id).Err(); err != nil {
			return err
		}
	}
	return each(func(i int, rdb *redis.Client) error {
		shards, err := rdb.ClusterShards(ctx).Result()
		if err != nil {
			return err
		}
		for _, s := range shards {
			if len(s.Slots) == 0 || len(s.Nodes) != 2 {
				return fmt.Errorf("it knows of no replica, or of no slots: %+v", s)
			}
		}
		if info := rdb.Info(ctx, "replication").Val(); i >= masters && !strings.Contains(info, "master_link_status:up") {
			return fmt.Errorf("it isn't in step with its master")
		}
		return nil
	})
}

// within calls its function until it returns nil, for as long as a server may take.
func within(ok func() error) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for late := time.Now().Add(2 * answerLimit); ; <-tick.C {
		err := ok()
		if err == nil || time.Now().After(late) {
			return err
		}
	}
}
