package queuepoll

import (
	"context"
	_ "embed"
	"errors"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/worker/message"
)

var (
	//go:embed dequeue.lua
	dequeueSource string
	//go:embed forward.lua
	forwardSource string
	//go:embed expired.lua
	expiredSource string
)

// takeScripts replace scripts of asynq that load messages, or that trust them.
type takeScripts struct{ dequeue, forward, expired *redis.Script }

func newTakeScripts() takeScripts {
	return takeScripts{dequeue: redis.NewScript(dequeueSource), forward: redis.NewScript(forwardSource), expired: redis.NewScript(expiredSource)}
}

// errRefused: a task was taken off the queue that asynq can't have.
var errRefused = errors.New("the task was refused")

// take takes a task off a queue, and returns its message with the worker's limits. The error is
// [redis.Nil] if no task is pending.
func (p *Poller) take(ctx context.Context, q *queue, keys []string, args []any) (string, error) {
	found, err := p.scripts.dequeue.Run(ctx, p.Redis, keys, append(args[:2:2], message.MaxID, message.MaxSize)...).StringSlice()
	if err != nil {
		return "", err
	}
	id, what, value := found[0], found[1], found[2]
	length := len(id)
	switch what {
	case "message":
		if msg, err := p.format.Limit(q.name, id, []byte(value), p.Limits[q.name]); err == nil {
			return string(msg), nil
		}
	case "long":
		length, _ = strconv.Atoi(value)
	}
	if err := p.Refused(ctx, q.name, id, length); err != nil {
		p.Log.WithError(err).WithField("queue", q.name).Warn("a task that can't be run could not be put away; the janitor's next scan does it")
	}
	return "", errRefused
}

// expired returns the messages of a queue's tasks whose lease has expired, with the worker's limits,
// as asynq expects them. One that it can't decode is left out: it would hide all others.
func (p *Poller) expired(ctx context.Context, q *queue, keys []string, args []any) *redis.Cmd {
	keys = append(keys[:1:1], "asynq:{"+q.name+"}:"+kindActive)
	found, err := p.scripts.expired.Run(ctx, p.Redis, keys, append(args[:2:2], message.MaxID, message.MaxSize)...).StringSlice()
	if err != nil {
		return unsent(ctx, nil, err)
	}
	messages := []any{}
	for i := 0; i+1 < len(found); i += 2 {
		if msg, err := p.format.Limit(q.name, found[i], []byte(found[i+1]), p.Limits[q.name]); err == nil {
			messages = append(messages, string(msg))
		}
	}
	return unsent(ctx, messages, nil)
}

// retried notes in the message of a task that asynq retries or archives since when it does.
func (p *Poller) retried(args []any) {
	raw, _ := args[1].([]byte)
	if noted, err := p.format.Retried(raw, time.Now()); err == nil {
		args[1] = noted // asynq made args for this call
	}
}
