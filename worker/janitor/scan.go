package janitor

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// asynqKey returns one of asynq's keys of a queue.
func asynqKey(queue, name string) string { return "asynq:{" + queue + "}:" + name }

// Lists of ids that asynq has of a queue.
const (
	listActive    = "active"
	listLease     = "lease" // zset, by when the lease ends
	listCompleted = "completed"
)

// sampleSize is the number of tasks of a list whose size asynq's inspector measures.
const sampleSize = 20

// taskLists returns the lists that can contain an id.
func taskLists() []string { return append(scannedLists(), listCompleted) }

// scannedLists returns the lists that the janitor scans. Those whose defects stop the recovery of
// dead workers' tasks come first: that reads all tasks with a lease. Completed tasks are many,
// and asynq only deletes them, by their ids; see missingMessageSample.
func scannedLists() []string {
	return []string{listActive, listLease, "pending", "retry", "scheduled", "archived"}
}

// isList reports whether it is a list of Redis, not a sorted set.
func isList(list string) bool { return list == listActive || list == "pending" }

// entry is an id in a list, and what is stored under it.
type entry struct {
	id             string
	raw            []byte // the message, or Redis's DUMP of a key of the wrong type
	missingMessage bool
	wrongType      bool // the key isn't a hash
	unleased       bool // active, without a lease
}

// ids returns about scanLimit ids of a list at most, from a position on, and the position to
// continue from; 0 is the beginning. An id that stays in the list is found in one round; one
// that moves may be found twice, or in the next round.
func (j *Janitor) ids(ctx context.Context, key string, list bool, from uint64) (ids []string, next uint64, err error) {
	for next = from; len(ids) < j.scanLimit; {
		var some []string
		if list {
			some, err = j.Redis.LRange(ctx, key, int64(next), int64(next)+int64(j.pageSize)-1).Result()
			if next += uint64(len(some)); len(some) < j.pageSize {
				next = 0
			}
		} else {
			var scored []string
			scored, next, err = j.Redis.ZScan(ctx, key, next, "", int64(j.pageSize)).Result()
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

// missingMessageSample reports whether one of the completed tasks that asynq deletes next is missing.
// Then the inspector fails for the whole queue, since it measures these.
func (j *Janitor) missingMessageSample(ctx context.Context, queue string) (bool, error) {
	ids, err := j.Redis.ZRange(ctx, asynqKey(queue, listCompleted), 0, sampleSize-1).Result()
	if err != nil || len(ids) == 0 {
		return false, wrap("read the completed tasks of queue "+queue, err)
	}
	var keys []string
	for _, id := range ids {
		keys = append(keys, asynqKey(queue, "t:"+id))
	}
	found, err := j.Redis.Exists(ctx, keys...).Result()
	return err == nil && int(found) < len(ids), wrap("find the completed tasks of queue "+queue, err)
}

// load reads the entries of ids in a list.
func (j *Janitor) load(ctx context.Context, queue, list string, ids []string) ([]entry, error) {
	messages, leases := make([]*redis.StringCmd, len(ids)), make([]*redis.FloatCmd, len(ids))
	_, err := j.Redis.Pipelined(ctx, func(p redis.Pipeliner) error {
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
	entries := make([]entry, len(ids))
	for i, id := range ids {
		entries[i].id = id
		switch entries[i].raw, err = messages[i].Bytes(); {
		case errors.Is(err, redis.Nil):
			entries[i].missingMessage = true
		case redis.HasErrorPrefix(err, "WRONGTYPE"):
			entries[i].wrongType = true
			dump, err := j.Redis.Dump(ctx, asynqKey(queue, "t:"+id)).Result()
			if err != nil && !errors.Is(err, redis.Nil) {
				return nil, fmt.Errorf("dump the key of task %q of queue %s: %w", id, queue, err)
			}
			entries[i].raw = []byte(dump)
		case err != nil:
			return nil, fmt.Errorf("read task %q of queue %s: %w", id, queue, err)
		}
		if list == listActive {
			if err := leases[i].Err(); err != nil && !errors.Is(err, redis.Nil) {
				return nil, fmt.Errorf("read the lease of task %q of queue %s: %w", id, queue, err)
			} else if err != nil {
				entries[i].unleased = true
			}
		}
	}
	return entries, nil
}

// answered reports whether a pipeline's error is Redis's answer to one of its commands.
func answered(err error) bool {
	return errors.Is(err, redis.Nil) || redis.HasErrorPrefix(err, "WRONGTYPE")
}

// positions returns where the last pass of any worker stopped, by key.
func (j *Janitor) positions(ctx context.Context) (map[string]uint64, error) {
	kept, err := j.Redis.HGetAll(ctx, positionsKey).Result()
	if err != nil {
		return nil, fmt.Errorf("read the janitor's positions in the queues: %w", err)
	}
	positions := map[string]uint64{}
	for key, position := range kept {
		positions[key], _ = strconv.ParseUint(position, 10, 64) // an undecodable one counts as 0, the beginning
	}
	return positions, nil
}
