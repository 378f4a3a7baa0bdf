// Package queuestats reads the figures of asynq's queues and servers. asynq's inspector sends three
// commands for each queue and two for each server, and can't be canceled.
package queuestats

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

// NamesKey is asynq's set of the names of queues.
const NamesKey = "asynq:queues"

// memorySample is how many tasks of each list are measured, as asynq's inspector does.
const memorySample = 20

//go:embed queue.lua
var queueScript string

// Queue has the figures of one queue, in tasks.
type Queue struct {
	Pending, Active, Scheduled, Retry, Archived, Completed int

	Processed, Failed int // since the queue exists; the first includes the second
	Paused            bool
	Oldest            time.Duration // how long the oldest pending task has waited; 0 for none
	Memory            int           // of the tasks, in bytes, estimated; 0 if it wasn't asked for
	Err               error         // why the queue couldn't be read; the others can be
}

// Names returns which of pilotsync's queues asynq knows, sorted, and how many other names Redis
// has. It loads none of those: a producer can add any number, of any length.
func Names(ctx context.Context, rdb redis.UniversalClient) (names []string, others int, err error) {
	all := tasks.Queues()
	members := make([]any, len(all))
	for i, name := range all {
		members[i] = name
	}
	var known *redis.BoolSliceCmd
	var count *redis.IntCmd
	_, err = rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		known, count = p.SMIsMember(ctx, NamesKey, members...), p.SCard(ctx, NamesKey)
		return nil
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list the queues: %w", err)
	}
	for i, is := range known.Val() {
		if is {
			names = append(names, all[i])
		}
	}
	slices.Sort(names)
	return names, int(count.Val()) - len(names), nil
}

// Queues reads queues by one command each, in one round trip. A queue that doesn't exist is empty.
// With memory it also estimates the memory of their tasks. The error is that of Redis; if only some
// queues can't be read, it is theirs.
func Queues(ctx context.Context, rdb redis.UniversalClient, memory bool, names ...string) ([]Queue, error) {
	script, sample := redis.NewScript(queueScript), 0
	if memory {
		sample = memorySample
	}
	replies := make([]*redis.Cmd, len(names))
	run := func(send func(context.Context, redis.Scripter, []string, ...any) *redis.Cmd, again bool) error {
		_, err := rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, name := range names {
				if !again || redis.HasErrorPrefix(replies[i].Err(), "NOSCRIPT") {
					replies[i] = send(ctx, p, []string{"asynq:{" + name + "}:pending"}, sample)
				}
			}
			return nil
		})
		return err
	}
	err := run(script.EvalSha, false)
	if slices.ContainsFunc(replies, func(r *redis.Cmd) bool { return redis.HasErrorPrefix(r.Err(), "NOSCRIPT") }) {
		err = run(script.Eval, true)
	}
	queues := make([]Queue, len(names))
	read := 0
	for i, reply := range replies {
		if queues[i] = decodeQueue(reply, time.Now()); queues[i].Err != nil {
			queues[i].Err = fmt.Errorf("read the queue %s: %w", names[i], queues[i].Err)
		} else {
			read++
		}
	}
	if err != nil && read == 0 {
		return nil, fmt.Errorf("read the queues: %w", err)
	}
	return queues, nil
}

// decodeQueue decodes what queue.lua returns.
func decodeQueue(reply *redis.Cmd, now time.Time) (q Queue) {
	values, err := reply.Slice()
	if err != nil {
		return Queue{Err: err}
	}
	numbers, _ := values[0].([]any)
	for i, into := range []*int{&q.Pending, &q.Active, &q.Scheduled, &q.Retry, &q.Archived, &q.Completed, &q.Processed, &q.Failed} {
		n, _ := numbers[i].(int64)
		*into = int(n)
	}
	q.Paused = values[1] == int64(1)
	since, _ := values[2].(string)
	if ns, err := strconv.ParseInt(since, 10, 64); err == nil {
		q.Oldest = now.Sub(time.Unix(0, ns))
	}
	memory, _ := values[3].(int64)
	q.Memory = int(memory)
	return q
}
