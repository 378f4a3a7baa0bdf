package janitor

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/message"
)

const (
	// searchInterval is the time between two searches of all keys for tasks that are in no list.
	searchInterval = 10 * time.Minute
	// searchPage is how many keys Redis looks at in one command, which takes it about a
	// millisecond. A search reads one page in each pass of the janitor.
	searchPage = 1000
	// searchedField is the field of positionsKey that has when a search last ended, in s.
	searchedField = "searched"
)

// maxTaskKey is the longest key of a task that a search reads. It removes longer ones.
const maxTaskKey = len("asynq:{}:t:") + 20 + message.MaxID

// returnUnlisted reads a part of Redis's keys, or all of them, and puts tasks back that are in none
// of asynq's lists: the list was overwritten or deleted, or a producer never put them there.
func (j *Janitor) returnUnlisted(ctx context.Context, at map[string]uint64, all bool) error {
	now := time.Now()
	if !all && uint64(now.Unix()) < at[searchedField]+uint64(j.searchInterval/time.Second) {
		return nil
	}
	if all { // the passes that follow continue what this one doesn't finish
		if err := j.Redis.HSet(ctx, positionsKey, searchedField, 0).Err(); err != nil {
			return fmt.Errorf("record that the janitor has to read all of Redis's keys: %w", err)
		}
	}
	var unfinished atomic.Bool
	err := j.eachServer(ctx, func(ctx context.Context, server redis.Scripter, name string) error {
		field := "keys of " + name
		next, err := j.searchServer(ctx, server, at[field], all)
		if next != 0 {
			unfinished.Store(true)
		}
		if next != at[field] {
			err = errors.Join(err, wrap("record the janitor's position in Redis's keys", j.Redis.HSet(ctx, positionsKey, field, next).Err()))
		}
		return err
	})
	switch {
	case isRefused(err):
		j.warnOnce.Do(func() {
			j.Log.WithError(err).Warn("the janitor can't search for tasks that are in no list: Redis's ACL doesn't let this worker use SCAN (+scan)")
		})
		return nil
	case err != nil || unfinished.Load():
		return err
	}
	return wrap("record that the janitor has read Redis's keys", j.Redis.HSet(ctx, positionsKey, searchedField, now.Unix()).Err())
}

// isRefused reports whether Redis's ACL refuses a command in a script. Redis 7.0 has another text
// than later ones.
func isRefused(err error) bool {
	var reply redis.Error
	return errors.As(err, &reply) && (redis.HasErrorPrefix(reply, "NOPERM") || strings.Contains(reply.Error(), "ACL failure in script") ||
		strings.Contains(reply.Error(), "can't run this command"))
}

// eachServer calls do for the Redis server, or for each master of a Cluster. The name is the same
// for each worker.
func (j *Janitor) eachServer(ctx context.Context, do func(ctx context.Context, server redis.Scripter, name string) error) error {
	cluster, ok := j.Redis.(*redis.ClusterClient)
	if !ok {
		return do(ctx, j.Redis, "Redis")
	}
	return cluster.ForEachMaster(ctx, func(ctx context.Context, master *redis.Client) error {
		return do(ctx, master, master.Options().Addr)
	})
}

// searchServer searches a page of a server's keys from a cursor on, or all of them, and returns the
// next cursor; 0 at the end.
func (j *Janitor) searchServer(ctx context.Context, server redis.Scripter, cursor uint64, all bool) (next uint64, err error) {
	if all {
		cursor = 0
	}
	for {
		args := []any{cursor, j.searchPage, maxTaskKey, message.MaxID}
		for _, queue := range tasks.Queues() {
			args = append(args, queue)
		}
		reply, err := j.scripts.scan.Run(ctx, server, nil, args...).Slice()
		if err != nil {
			return cursor, fmt.Errorf("search Redis's keys for tasks: %w", err)
		}
		for long := texts(reply[2]); len(long) > 2; long = long[3:] {
			length, _ := strconv.Atoi(long[2]) // the script wrote a number
			if err := j.quarantineLongID(ctx, long[0], "", long[1], length); err != nil {
				return cursor, err
			}
		}
		for queue, ids := range taskIDs(texts(reply[1])) {
			if err := j.putBack(ctx, queue, ids); err != nil {
				return cursor, err
			}
		}
		if cursor, err = strconv.ParseUint(fmt.Sprint(reply[0]), 10, 64); err != nil {
			return 0, fmt.Errorf("search Redis's keys for tasks: the next cursor: %w", err)
		}
		if cursor == 0 || !all {
			return cursor, nil
		}
	}
}

// taskIDs returns the ids of tasks by queue, for those of pilotsync's queues.
func taskIDs(keys []string) map[string][]string {
	ids := map[string][]string{}
	for _, queue := range tasks.Queues() {
		for _, key := range keys {
			if id, is := strings.CutPrefix(key, asynqKey(queue, "t:")); is {
				ids[queue] = append(ids[queue], id)
			}
		}
	}
	return ids
}

// putBack puts those tasks of a queue back that are in none of its lists.
func (j *Janitor) putBack(ctx context.Context, queue string, ids []string) error {
	var keys []string
	for _, list := range []string{"pending", listActive, "scheduled", "retry", "archived", listCompleted, listLease} {
		keys = append(keys, asynqKey(queue, list))
	}
	now := time.Now()
	args := []any{asynqKey(queue, "t:"), now.Unix(), now.UnixNano()}
	for _, id := range ids {
		args = append(args, id)
	}
	found, err := j.scripts.unlisted.Run(ctx, j.Redis, keys, args...).StringSlice()
	if err != nil {
		return fmt.Errorf("put tasks of queue %s back that are in no list: %w", queue, err)
	}
	for ; len(found) > 1; found = found[2:] {
		j.Count(Repair{unlisted, returned})
		j.lines.Log(j.Log.WithFields(logrus.Fields{"queue": queue, "task_id": printable([]byte(found[0])), "kind": unlisted, "action": returned}),
			logrus.ErrorLevel, unlisted, fmt.Sprintf("a task of state %q was in no list, so asynq would never have run or deleted it; it is in one again", printable([]byte(found[1]))))
	}
	return nil
}
