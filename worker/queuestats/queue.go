// Package queuestats reads the figures of asynq's queues and servers. asynq's inspector sends three
// commands for each queue and two for each server, and can't be canceled.
package queuestats

import (
	"context"
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

// memorySample is how many tasks of each list are measured, as asynq's inspector does.
const memorySample = 20

var (
	//go:embed names.lua
	namesScript string
	//go:embed queue.lua
	queueScript string
)

// Queue has the figures of one queue, in tasks.
type Queue struct {
	Pending, Active, Scheduled, Retry, Archived, Completed int

	Processed, Failed int // since the queue exists; the first includes the second
	Paused            bool
	Oldest            time.Duration // how long the oldest pending task has waited; 0 for none
	Memory            int           // of the tasks, in bytes, estimated; 0 if it wasn't asked for
	Err               error         // why the queue couldn't be read; the others can be
}

// Bounds of the names of queues. Whoever may enqueue can add names, which are labels of metrics.
const (
	maxNames = 50
	maxName  = 64 // bytes
)

// Names returns the names of the queues that Redis has, sorted: all of pilotsync's, and of others
// some at most.
func Names(ctx context.Context, rdb redis.UniversalClient) ([]string, error) {
	names, err := redis.NewScript(namesScript).Run(ctx, rdb, []string{"asynq:queues"}, maxNames, maxName, strings.Join(tasks.Queues(), " ")).StringSlice()
	if err != nil {
		return nil, fmt.Errorf("list the queues: %w", err)
	}
	slices.Sort(names)
	return slices.Compact(names), nil
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
