// Package queuepoll has asynq's servers ask Redis for tasks only when there are some. asynq
// polls each queue all the time. Here a server waits for a notification that its queue has
// tasks. One command every two seconds finds what no notification reported.
package queuepoll

import (
	"context"
	_ "embed"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/message"
)

const (
	// pollInterval is the longest time that a task waits without a notification. Other
	// producers send none, a worker dies before it sends one, and one can be lost.
	pollInterval = 2 * time.Second
	// pingInterval is how often a subscription without messages is checked.
	pingInterval = 10 * time.Second
	// subscribeDelay is the delay after Redis refused the subscription.
	subscribeDelay = 5 * time.Second
)

// forAnyone follows the queue's name in a notification of retried tasks: each worker asks for one
// after a random delay.
const forAnyone = " retry"

//go:embed poll.lua
var pollSource string

// Config configures a [Poller].
type Config struct {
	Redis redis.UniversalClient
	// Stopping is closed when the worker stops. Then servers stop waiting, and take no further task.
	Stopping <-chan struct{}
	// Limits are those of the tasks of each queue.
	Limits map[string]message.Limits
	// Refused is called for a task that was taken off a queue although asynq can't have it: its key
	// isn't a task, or its message is too large or can't be decoded. It is active then, and has a
	// lease. One whose id is longer than [message.MaxID] was removed: id is the beginning, and
	// length that of the whole id, in bytes.
	Refused func(ctx context.Context, queue, id string, length int) error
	Log     *logrus.Entry
}

// Poller knows which queues of a worker may have tasks. It only reads from Redis, and a wrong
// guess costs time only.
type Poller struct {
	Config
	queues   map[string]*queue
	poll     *redis.Script
	scripts  takeScripts
	format   message.Format
	interval time.Duration // between two polls
}

// New returns a Poller of all queues. It fails only if asynq's message type has changed.
func New(cfg Config) (*Poller, error) {
	format, err := message.NewFormat()
	if err != nil {
		return nil, err
	}
	p := &Poller{Config: cfg, format: format, queues: map[string]*queue{}, poll: redis.NewScript(pollSource), scripts: newTakeScripts(), interval: pollInterval}
	for _, name := range tasks.Queues() {
		p.queues[name] = newQueue(name)
	}
	return p, nil
}

// Run polls the queues and listens to notifications until ctx ends.
func (p *Poller) Run(ctx context.Context) {
	polls := make(chan struct{}, 1)
	listening := make(chan struct{})
	go func() {
		defer close(listening)
		p.listen(ctx, func() { notify(polls) })
	}()
	ticker := time.NewTicker(p.interval)
	defer ticker.Stop()
	for ctx.Err() == nil {
		p.pollAll(ctx)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		case <-polls:
		}
	}
	<-listening
}

// pollAll polls all queues in one round trip. If that fails, the next poll finds what this one
// would have found, and the worker's monitor has logged it.
func (p *Poller) pollAll(ctx context.Context) {
	replies := map[string]*redis.Cmd{}
	_, _ = p.Redis.Pipelined(ctx, func(pipe redis.Pipeliner) error {
		for name := range p.queues {
			replies[name] = p.poll.EvalSha(ctx, pipe, pollKeys(name))
		}
		return nil
	})
	for name, reply := range replies {
		if redis.HasErrorPrefix(reply.Err(), "NOSCRIPT") {
			reply = p.poll.Eval(ctx, p.Redis, pollKeys(name))
		}
		if found, err := reply.Slice(); err == nil && len(found) == 3 {
			p.queues[name].seen(found, time.Now())
		}
	}
}

func pollKeys(queue string) []string {
	prefix := "asynq:{" + queue + "}:"
	return []string{prefix + kindPending, prefix + kindScheduled, prefix + kindRetry}
}

// seen records the reply to a poll.
func (q *queue) seen(reply []any, now time.Time) {
	if n, _ := reply[0].(int64); n > 0 {
		q.signal()
	}
	for i, set := range []string{kindScheduled, kindRetry} {
		text, _ := reply[i+1].(string)
		if due, err := strconv.ParseFloat(text, 64); err == nil && due <= float64(now.Unix()) {
			q.found(set)
		}
	}
}

// listen passes on notifications until ctx ends. It calls poll whenever Redis begins to send them,
// since it may have missed some before.
func (p *Poller) listen(ctx context.Context, poll func()) {
	warned := false
	for ctx.Err() == nil {
		subscription := p.Redis.Subscribe(ctx, tasks.QueuedChannel)
		_, err := subscription.Receive(ctx)
		if err == nil {
			poll()
			p.passOn(ctx, subscription, poll)
		}
		_ = subscription.Close()
		var reply redis.Error
		if errors.As(err, &reply) && !warned {
			warned = true
			p.Log.WithError(err).Warnf("Redis refuses the subscription to %s: changes are found within %s instead of at once", tasks.QueuedChannel, p.interval)
		}
		select {
		case <-ctx.Done():
		case <-time.After(subscribeDelay):
		}
	}
}

// passOn passes on a subscription's notifications. go-redis makes a broken one again.
func (p *Poller) passOn(ctx context.Context, subscription *redis.PubSub, poll func()) {
	messages := subscription.ChannelWithSubscriptions(redis.WithChannelHealthCheckInterval(pingInterval))
	for {
		select {
		case <-ctx.Done():
			return
		case m, open := <-messages:
			switch m := m.(type) {
			case *redis.Subscription:
				poll()
			case *redis.Message:
				p.notified(m.Payload)
			}
			if !open {
				return
			}
		}
	}
}

// notified handles a notification: the name of a queue, which may end in [forAnyone].
func (p *Poller) notified(message string) {
	name, chance := strings.CutSuffix(message, forAnyone)
	switch q := p.queues[name]; {
	case q == nil: // of a later release
	case chance:
		q.signalSoon()
	default:
		q.signal()
	}
}

// wait waits for a signal, which may be nil, at most for a time. It reports whether one came.
func (p *Poller) wait(ctx context.Context, limit time.Duration, signal <-chan struct{}) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-signal:
		return true
	case <-timer.C:
	case <-p.Stopping:
	case <-ctx.Done():
	}
	return false
}

// isStopping reports whether the worker stops.
func (p *Poller) isStopping() bool {
	select {
	case <-p.Stopping:
		return true
	default:
		return false
	}
}
