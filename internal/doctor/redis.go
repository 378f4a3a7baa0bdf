package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/config"
	"pilotsync/internal/redisurl"
)

// node has the facts about one Redis server.
type node struct {
	name string // its address if there are several, otherwise empty
	// info is INFO's answer, settings CONFIG GET's; each is nil if Redis refuses
	// the command, as managed ones do, and the error says why.
	info, settings       map[string]string
	infoErr, settingsErr error
	// ahead is by how much its clock is ahead of ours, exact to within uncertainty.
	ahead, uncertainty time.Duration
	clockErr           error
	replay             replayRights
	keys               keySample
	producers          producerRights
}

// checkRedis reads Redis; the first result says whether it answers at all.
func checkRedis(ctx context.Context, set config.Redis) []Result {
	rdb := set.Client
	if rdb == nil {
		return nil
	}
	limited, cancel := context.WithTimeout(ctx, redisLimit)
	defer cancel()
	if err := rdb.Ping(limited).Err(); err != nil { // the first call may have to connect
		return []Result{evaluatePing(set.Shown, 0, named(rdb, err))}
	}
	start := time.Now()
	err := rdb.Ping(limited).Err()
	results := []Result{evaluatePing(set.Shown, time.Since(start), named(rdb, err))}
	if err != nil {
		return results
	}
	nodes := readNodes(ctx, rdb)
	for _, evaluate := range []func(node) Result{evaluateVersion, evaluatePersistence, evaluateReplay, evaluateEviction, evaluateMemory, evaluateSizes, evaluateFunctions, evaluateClock, evaluateKeys} {
		results = append(results, worst(nodes, evaluate))
	}
	return results
}

// named is an error that says which user is refused, if one is.
func named(rdb redis.UniversalClient, err error) error {
	if refused, is := redisurl.AsRefused(rdb, err); is {
		return refused
	}
	return err
}

// readNodes reads the server, or each master of a cluster.
func readNodes(ctx context.Context, rdb redis.UniversalClient) []node {
	limited, cancel := context.WithTimeout(ctx, 2*redisLimit)
	defer cancel()
	cluster, isCluster := rdb.(*redis.ClusterClient)
	if !isCluster {
		return []node{readNode(limited, rdb)}
	}
	var mu sync.Mutex
	var nodes []node
	err := cluster.ForEachMaster(limited, func(ctx context.Context, master *redis.Client) error {
		n := readNode(ctx, master)
		n.name = master.Options().Addr
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, n)
		return nil
	})
	if err != nil {
		return []node{{infoErr: err, settingsErr: err, clockErr: err, keys: keySample{err: err}, producers: producerRights{missingErr: err}, replay: replayRights{err: err, byHand: "'redis-cli ACL DRYRUN default SET pilotsync:x 1' on each node. It has to answer OK"}}}
	}
	slices.SortFunc(nodes, func(a, b node) int { return strings.Compare(a.name, b.name) })
	return nodes
}

// readNode collects the facts about one server. What can't be read leaves its error.
func readNode(ctx context.Context, rdb redis.UniversalClient) node {
	var n node
	text, err := rdb.Info(ctx).Result()
	if n.infoErr = err; err == nil {
		n.info = parseInfo(text)
	}
	n.settings = map[string]string{}
	for _, name := range []string{"appendfsync", "save", "proto-max-bulk-len"} {
		answer, err := rdb.ConfigGet(ctx, name).Result()
		if err != nil {
			n.settings, n.settingsErr = nil, err
			break
		}
		n.settings[name] = answer[name]
	}
	n.replay = readReplayRights(ctx, rdb)
	n.keys = readKeys(ctx, rdb)
	n.producers = readProducerRights(ctx, rdb)
	before := time.Now()
	at, err := rdb.Time(ctx).Result()
	took := time.Since(before)
	n.clockErr, n.uncertainty = err, took/2
	n.ahead = at.Sub(before.Add(took / 2))
	return n
}

// parseInfo reads INFO's lines of name:value.
func parseInfo(text string) map[string]string {
	info := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, found := strings.Cut(strings.TrimSpace(line), ":"); found {
			info[name] = value
		}
	}
	return info
}

// worst evaluates each node and returns the worst result, with the node's name if there are
// several.
func worst(nodes []node, evaluate func(node) Result) Result {
	rank := []Status{OK, Warning, Failure}
	var gravest Result
	for i, n := range nodes {
		r := evaluate(n)
		if n.name != "" && r.Status != OK {
			r.Detail = n.name + ": " + r.Detail
		}
		if i == 0 || slices.Index(rank, r.Status) > slices.Index(rank, gravest.Status) {
			gravest = r
		}
	}
	if gravest.Status == OK && len(nodes) > 1 {
		gravest.Detail += fmt.Sprintf(" (%s, first of %d masters that are all in order)", nodes[0].name, len(nodes))
	}
	return gravest
}

// reason is an error without the address that was dialled, which the result has already.
func reason(err error) string {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err.Error()
	}
	return err.Error()
}
