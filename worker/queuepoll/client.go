package queuepoll

import (
	"context"
	_ "embed"
	"errors"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

const (
	// errorDelay is the delay after Redis failed to hand out a task. After an error asynq asks
	// for the next task without one. If Redis refuses, because of a changed password or full
	// memory, go-redis doesn't wait either. Then five servers would use a whole core, and half a
	// core of Redis.
	errorDelay = 250 * time.Millisecond
	// forwardErrorDelay is the same for delayed tasks, for which asynq has a poll interval.
	forwardErrorDelay = time.Second
	// forwardLimit is how many tasks asynq's script moves at once.
	forwardLimit = 100
)

//go:embed enqueue.lua
var enqueueSource string

// Client is the Redis client of asynq's servers and clients. It knows asynq's scripts by their
// keys. The script that takes a task and the one that forwards delayed tasks wait until there is
// something to do. Those that put tasks on a queue notify the workers.
type Client struct {
	redis.UniversalClient
	enqueueScript *redis.Script
	poller        *Poller // nil in a process without servers
}

// Client returns the Redis client for the worker's servers and its follow-up tasks.
func (p *Poller) Client() Client {
	c := For(p.Redis)
	c.poller = p
	return c
}

// For returns rdb if it is a [Client], and else one for a process without servers.
func For(rdb redis.UniversalClient) Client {
	if c, is := rdb.(Client); is {
		return c
	}
	return Client{UniversalClient: rdb, enqueueScript: redis.NewScript(enqueueSource)}
}

// EvalSha implements [redis.UniversalClient].
func (c Client) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	return c.script(ctx, keys, args, func() *redis.Cmd { return c.UniversalClient.EvalSha(ctx, sha, keys, args...) })
}

// Eval is what asynq calls if Redis doesn't have the script yet.
func (c Client) Eval(ctx context.Context, script string, keys []string, args ...any) *redis.Cmd {
	return c.script(ctx, keys, args, func() *redis.Cmd { return c.UniversalClient.Eval(ctx, script, keys, args...) })
}

// script runs a script of asynq by send, or does what this package does in its place.
func (c Client) script(ctx context.Context, keys []string, args []any, send func() *redis.Cmd) *redis.Cmd {
	name, kinds := parseKeys(keys)
	op := operationOf(kinds, len(args))
	var q *queue // of this process's server; nil if it has none
	if c.poller != nil {
		q = c.poller.queues[name]
	}
	if op == opEnqueue {
		return c.enqueue(ctx, q, name, keys, args)
	}
	if q == nil {
		return send()
	}
	switch op {
	case opDequeue:
		return c.dequeue(ctx, q, keys, args)
	case opForward:
		return c.forward(ctx, q, keys, args)
	case opExpired:
		return c.poller.expired(ctx, q, keys, args)
	case opRequeue:
		cmd := send()
		c.publish(ctx, name)
		return cmd
	case opSchedule:
		return delaying(q, kindScheduled, args, 1, send)
	case opRetry:
		c.poller.retried(args)
		return delaying(q, kindRetry, args, 2, send)
	case opArchive:
		c.poller.retried(args)
	}
	return send()
}

// enqueue puts a task on a queue. Other workers aren't notified if this worker's server waits for
// a task: it takes this one.
func (c Client) enqueue(ctx context.Context, q *queue, name string, keys []string, args []any) *redis.Cmd {
	channel := tasks.QueuedChannel
	if q != nil && !c.poller.isStopping() && q.claim() {
		channel = ""
	}
	cmd := c.enqueueScript.Run(ctx, c.UniversalClient, keys, append(args[:len(args):len(args)], channel, name)...)
	if q != nil {
		q.signal()
	}
	return cmd
}

// publish notifies the workers. If that fails, they find the tasks by polling.
func (c Client) publish(ctx context.Context, queue string) {
	_ = c.Publish(ctx, tasks.QueuedChannel, queue).Err()
}

// dequeue takes a task, or waits until there may be one. A call that waited isn't sent, since
// asynq took the time of the task's lease before the call.
func (c Client) dequeue(ctx context.Context, q *queue, keys []string, args []any) *redis.Cmd {
	wait := q.mustWait()
	if wait {
		q.endWait(c.poller.wait(ctx, c.poller.interval, q.ready))
	}
	if wait || c.poller.isStopping() {
		return unsent(ctx, nil, redis.Nil)
	}
	msg, err := c.poller.take(ctx, q, keys, args)
	q.setIdle(errors.Is(err, redis.Nil))
	switch {
	case err == nil:
		return unsent(ctx, msg, nil)
	case errors.Is(err, errRefused): // asynq asks for the next one at once
		err = redis.Nil
	case !errors.Is(err, redis.Nil):
		c.poller.wait(ctx, errorDelay, nil)
	}
	return unsent(ctx, nil, err)
}

// forward moves the tasks of a set that are due to the pending ones, or waits until some are due.
// asynq asks for the scheduled tasks first, and then for the retries. It repeats each until the
// answer is 0. A call that waited isn't sent, since asynq took the time before the call.
func (c Client) forward(ctx context.Context, q *queue, keys []string, args []any) *redis.Cmd {
	_, set := parseKey(keys[0])
	if set == kindScheduled {
		if delay := q.untilDue(time.Now(), c.poller.interval); delay > 0 {
			c.poller.wait(ctx, delay, q.dueChanged)
			return unsent(ctx, int64(0), nil)
		}
	}
	at := integer(args, 0)
	if !q.isDue(set, time.Unix(at, 0)) || c.poller.isStopping() {
		return unsent(ctx, int64(0), nil)
	}
	cmd := c.poller.scripts.forward.Run(ctx, c.poller.Redis, keys, args[:3:3]...)
	n, err := cmd.Int64()
	switch {
	case err != nil:
		c.poller.wait(ctx, forwardErrorDelay, nil)
	case n > 0:
		c.forwarded(ctx, q, set, n)
	}
	if err == nil && n < forwardLimit {
		q.forwarded(set, at)
		cmd.SetVal(int64(0)) // saves asynq's second call
	}
	return cmd
}

// forwarded has the tasks taken that were forwarded. This worker's server takes a single scheduled
// task, if it waits for one. Retries are left to chance: a worker that doesn't serve an app retries
// its task until a worker has it that does.
func (c Client) forwarded(ctx context.Context, q *queue, set string, n int64) {
	switch {
	case set == kindRetry:
		if c.Publish(ctx, tasks.QueuedChannel, q.name+forAnyone).Err() != nil {
			q.signalSoon()
		}
	case q.claim() && n == 1:
		q.signal()
	default:
		q.signal()
		c.publish(ctx, q.name)
	}
}

// delaying sends a script that delays a task until the time in one of its arguments.
func delaying(q *queue, set string, args []any, until int, send func() *redis.Cmd) *redis.Cmd {
	cmd := send()
	if cmd.Err() == nil {
		q.delay(set, integer(args, until))
	}
	return cmd
}

// integer is an argument of one of asynq's scripts; 0 if it isn't a number.
func integer(args []any, i int) int64 {
	if i >= len(args) {
		return 0
	}
	n, _ := args[i].(int64)
	return n
}

// unsent is the answer to a command that isn't sent.
func unsent(ctx context.Context, value any, err error) *redis.Cmd {
	cmd := redis.NewCmd(ctx)
	cmd.SetVal(value)
	cmd.SetErr(err)
	return cmd
}
