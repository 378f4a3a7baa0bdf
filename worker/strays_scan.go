package worker

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// asynqKey is one of asynq's keys of a queue.
func asynqKey(queue, name string) string { return "asynq:{" + queue + "}:" + name }

// Lists of ids that asynq has of a queue.
const (
	listActive = "active"
	listLease  = "lease" // zset, by when the lease ends
)

// strayLists are those in which an id can lie, first those that stop others: the
// recovery of dead workers' tasks reads all that has a lease.
func strayLists() []string {
	return []string{listActive, listLease, "pending", "retry", "scheduled", "archived", "completed"}
}

// isList tells Redis's lists from its sorted sets.
func isList(list string) bool { return list == listActive || list == "pending" }

// entry is an id as it lies in a list.
type entry struct {
	id  string
	raw []byte
	// hollow: there is no message under the id. foreign: what is there isn't a task's
	// hash; raw is Redis's DUMP of it.
	hollow, foreign bool
	unleased        bool // active, and nobody has a lease on it
}

// ids returns the ids of a list from a position on, at most about most of them,
// and the position to go on from; 0 is the beginning. What is in the list all the
// while is seen in one round; what moves may be seen twice, or in the next round.
func (w *strayWatch) ids(ctx context.Context, key string, list bool, from uint64) (ids []string, next uint64, err error) {
	for next = from; len(ids) < w.most; {
		var some []string
		if list {
			some, err = w.rdb.LRange(ctx, key, int64(next), int64(next)+int64(w.page)-1).Result()
			if next += uint64(len(some)); len(some) < w.page {
				next = 0
			}
		} else {
			var scored []string
			scored, next, err = w.rdb.ZScan(ctx, key, next, "", int64(w.page)).Result()
			for i := 0; i < len(scored); i += 2 {
				some = append(some, scored[i])
			}
		}
		if err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", key, err)
		}
		if ids = append(ids, some...); next == 0 {
			break
		}
	}
	return ids, next, nil
}

// look reads what lies under ids of a list.
func (w *strayWatch) look(ctx context.Context, queue, list string, ids []string) ([]entry, error) {
	messages, leases := make([]*redis.StringCmd, len(ids)), make([]*redis.FloatCmd, len(ids))
	_, err := w.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, id := range ids {
			messages[i] = p.HGet(ctx, asynqKey(queue, "t:"+id), "msg")
			if list == listActive {
				leases[i] = p.ZScore(ctx, asynqKey(queue, listLease), id)
			}
		}
		return nil
	})
	if err != nil && !answered(err) {
		return nil, fmt.Errorf("read tasks of queue %s: %w", queue, err)
	}
	all := make([]entry, len(ids))
	for i, id := range ids {
		all[i].id = id
		switch all[i].raw, err = messages[i].Bytes(); {
		case errors.Is(err, redis.Nil):
			all[i].hollow = true
		case redis.HasErrorPrefix(err, "WRONGTYPE"):
			all[i].foreign = true
			dump, err := w.rdb.Dump(ctx, asynqKey(queue, "t:"+id)).Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				return nil, fmt.Errorf("read what lies under task %q of queue %s: %w", id, queue, err)
			}
			all[i].raw = []byte(dump)
		case err != nil:
			return nil, fmt.Errorf("read task %q of queue %s: %w", id, queue, err)
		}
		if list == listActive {
			if err := leases[i].Err(); err != nil && !errors.Is(err, redis.Nil) {
				return nil, fmt.Errorf("read the lease of task %q of queue %s: %w", id, queue, err)
			} else if err != nil {
				all[i].unleased = true
			}
		}
	}
	return all, nil
}

// answered reports whether an error of a pipeline is one of its commands' own.
func answered(err error) bool {
	return errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "WRONGTYPE")
}

// positions are those at which the last turn, whoever's it was, left off, by key.
func (w *strayWatch) positions(ctx context.Context) (map[string]uint64, error) {
	kept, err := w.rdb.HGetAll(ctx, strayPositionsKey).Result()
	if err != nil {
		return nil, fmt.Errorf("read where the last look at the queues left off: %w", err)
	}
	at := map[string]uint64{}
	for key, position := range kept {
		at[key], _ = strconv.ParseUint(position, 10, 64) // what can't be read is the beginning
	}
	return at, nil
}
