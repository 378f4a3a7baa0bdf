package janitor

import (
	"context"
	"fmt"
	"strconv"

	"pilotsync/worker/message"
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
	raw            []byte // the message, or Redis's DUMP of a key of the wrong type; none of a large one
	size           int    // of all that is stored, in bytes
	missingMessage bool
	wrongType      bool // the key isn't a hash
	unleased       bool // active, without a lease
}

// large reports whether the entry is a message of which not all was loaded.
func (e entry) large() bool { return !e.missingMessage && !e.wrongType && e.size > message.MaxSize }

// ids returns about scanLimit ids of a list at most, from a position on, and the position to
// continue from; 0 is the beginning. An id that stays in the list is found in one round; one
// that moves may be found twice, or in the next round. It removes ids that are too long to be
// loaded.
func (j *Janitor) ids(ctx context.Context, queue, list string, from uint64) (ids []string, next uint64, err error) {
	key := asynqKey(queue, list)
	keys := []string{key, asynqKey(queue, listLease), asynqKey(queue, listActive)}
	for next = from; len(ids) < j.scanLimit; {
		reply, err := j.scripts.page.Run(ctx, j.Redis, keys, next, j.pageSize, message.MaxID, asynqKey(queue, "t:")).Slice()
		if err != nil {
			return nil, 0, fmt.Errorf("read %s: %w", key, err)
		}
		after, some, removed := fmt.Sprint(reply[0]), texts(reply[1]), texts(reply[2])
		if next, err = strconv.ParseUint(after, 10, 64); err != nil {
			return nil, 0, fmt.Errorf("read %s: the next position is %q", key, after)
		}
		for i := 0; i+2 < len(removed); i += 3 {
			length, _ := strconv.Atoi(removed[i+1]) // the script wrote a number
			if err := j.quarantineLongID(ctx, queue, list, removed[i], length); err != nil {
				return nil, 0, err
			}
		}
		if ids = append(ids, some...); next == 0 {
			break
		}
	}
	return ids, next, nil
}

// texts is a list of texts in a script's reply.
func texts(part any) []string {
	all, _ := part.([]any)
	list := make([]string, len(all))
	for i, v := range all {
		list[i] = fmt.Sprint(v)
	}
	return list
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
	args := []any{asynqKey(queue, "t:"), message.MaxSize}
	for _, id := range ids {
		args = append(args, id)
	}
	reply, err := j.scripts.read.Run(ctx, j.Redis, []string{asynqKey(queue, listLease)}, args...).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("read tasks of queue %s: %w", queue, err)
	}
	entries := make([]entry, len(ids))
	for i, id := range ids {
		kind, size, raw, leased := reply[4*i], reply[4*i+1], reply[4*i+2], reply[4*i+3]
		e := entry{id: id, raw: []byte(raw), unleased: list == listActive && leased == ""}
		e.size, _ = strconv.Atoi(size) // the script wrote a number
		switch {
		case kind != "none" && kind != "hash":
			e.wrongType = true
			if e.raw, e.size, err = j.dump(ctx, asynqKey(queue, "t:"+id)); err != nil {
				return nil, err
			}
		case e.size == 0:
			e.missingMessage = true
		}
		entries[i] = e
	}
	return entries, nil
}

// dump returns Redis's DUMP of a key, unless it is too large to load, and its size.
func (j *Janitor) dump(ctx context.Context, key string) (raw []byte, size int, err error) {
	reply, err := j.scripts.dump.Run(ctx, j.Redis, []string{key}, rawLimit).StringSlice()
	if err != nil {
		return nil, 0, fmt.Errorf("dump the key %.200q: %w", key, err)
	}
	size, err = strconv.Atoi(reply[0])
	return []byte(reply[1]), size, err
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
