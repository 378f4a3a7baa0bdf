package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
	"pilotsync/worker/loglimit"
	"pilotsync/worker/queuepoll"
	"pilotsync/worker/redismonitor"
	"pilotsync/worker/registry"
	"pilotsync/worker/share"
	"pilotsync/worker/taskerr"
	"pilotsync/worker/webhook"
)

// Slots of each queue except lists, whose number follows from a setting. A change is one Redis
// call; verifications, events and checks wait for other servers. Checks have few slots, since any
// user may ask for them.
const (
	changeSlots = 32
	verifySlots = 2 * accountVerifySlots
	eventSlots  = 2 * webhook.Parallel // one endpoint leaves half of them to the others
	checkSlots  = 8
)

// Shares of the slots for verifications; an account leaves half of them to the others. An app
// whose verifications take long has few slots while most slots are taken.
const (
	accountVerifySlots = 32
	appVerifySlots     = 24
	slowAppVerifySlots = 6
	newVerifySlots     = 2 // of these, for domains that weren't postponed before
	busyVerifySlots    = verifySlots * 3 / 4
)

// appVerifyShares are the apps' shares of the slots for verifications.
func appVerifyShares(postponed func(since, until time.Time), stopping <-chan struct{}) share.Group {
	return share.Group{Kind: "app", Size: appVerifySlots, MaxWait: shareMaxWait, Postponed: postponed, Stopping: stopping,
		Few: slowAppVerifySlots, Busy: busyVerifySlots, Newcomers: newVerifySlots}
}

// Bounds for names whose DNS doesn't answer. Names without an answer in their last check have few
// slots of their own. Of the others a worker waits for some; the rest end early, so they don't fill
// the slots.
const (
	unansweredSlots    = 16
	unansweredAppSlots = 4
	patientNames       = 16
	patientAppNames    = 8
)

// shareMaxWait is how long a sync or a verification waits in its slot for its account's or
// app's share. They end earlier unless a server hangs.
const shareMaxWait = time.Second

// Intervals of asynq's loops. [queuepoll.Client] has the first two wait, so these are only the
// delays between two of its answers.
const (
	pollInterval = time.Millisecond
	// forwardInterval limits how often a task runs that is delayed by less than the second in
	// which asynq counts.
	forwardInterval = 200 * time.Millisecond
	// completedInterval is how often finished tasks are deleted whose retention is over.
	completedInterval = time.Minute
)

// queueServer is the asynq server of one queue.
type queueServer struct {
	*asynq.Server
	handlers handlers
}

// handlers maps task types to handlers.
type handlers map[string]asynq.HandlerFunc

// ProcessTask implements [asynq.Handler]. asynq's mux would retry an unknown type again and
// again.
func (h handlers) ProcessTask(ctx context.Context, t *asynq.Task) error {
	handle, known := h[t.Type()]
	if !known {
		return taskerr.Permanent(fmt.Errorf("%w: no such task type on this queue: %.80q", tasks.ErrPayload, t.Type()))
	}
	return taskerr.GiveUp(handle(ctx, t), t.Headers())
}

// serverConfig is what the servers of all queues have in common.
type serverConfig struct {
	redis   queuepoll.Client
	base    context.Context // of all tasks
	monitor *redismonitor.Monitor
	lines   *loglimit.Limiter
	log     *logrus.Entry
}

func (c serverConfig) newServer(queue string, slots int, h handlers) queueServer {
	return queueServer{handlers: h, Server: asynq.NewServerFromRedisClient(c.redis, asynq.Config{
		Concurrency:              slots,
		Queues:                   map[string]int{queue: 1},
		TaskCheckInterval:        pollInterval,
		DelayedTaskCheckInterval: forwardInterval,
		JanitorInterval:          completedInterval,
		RetryDelayFunc:           taskerr.RetryDelay,
		IsFailure:                taskerr.IsFailure,
		ErrorHandler:             asynq.ErrorHandlerFunc(c.logError),
		ShutdownTimeout:          shutdownTimeout,
		BaseContext:              func() context.Context { return c.base },
		Logger:                   redismonitor.QueueLog{Entry: c.log.WithField("queue", queue), Monitor: c.monitor, Lines: c.lines},
		LogLevel:                 asynq.WarnLevel,
	})}
}

// logError is the only place that logs a task's error. Errors that any producer can cause have few
// lines, however many tasks there are.
func (c serverConfig) logError(ctx context.Context, t *asynq.Task, err error) {
	id, _ := asynq.GetTaskID(ctx)
	log := c.log.WithFields(taskFields(t)).WithField("task_id", id).WithField("type", fmt.Sprintf("%.80s", t.Type()))
	var call *listsync.CallError
	var retry *taskerr.RetryAfterError
	var notReady *taskerr.NotReadyError
	var wait *taskerr.WaitError
	switch {
	case errors.As(err, &notReady): // as usual as an empty queue
		log.Debug(err)
	case errors.Is(err, listsync.ErrYield):
		log.Info(err)
	case errors.Is(err, registry.ErrElsewhere): // each second, until the other worker takes it
		log.Debug(err)
	case errors.As(err, &call) && call.Kind == listsync.Blocked:
		log.Error("blocked until a person acts: " + err.Error())
	case errors.Is(err, asynq.SkipRetry):
		c.lines.Log(log, logrus.ErrorLevel, "archived", "archived: "+err.Error())
	case errors.As(err, &wait):
		c.lines.Log(log, logrus.WarnLevel, "waits", "waits for another worker: "+err.Error())
	case errors.As(err, &retry):
		log.WithField("delay", retry.After.Round(time.Millisecond).String()).Warn("retried after a delay: " + err.Error())
	default:
		c.lines.Log(log, logrus.WarnLevel, "retried", "retried: "+err.Error())
	}
}
