package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
	"pilotsync/worker/redismonitor"
	"pilotsync/worker/registry"
	"pilotsync/worker/taskerr"
)

// Slots of each queue but that of app:sync, whose number is a setting. Changes are one
// Redis call each; verifications and events wait for other people's servers.
const (
	changeSlots = 32
	verifySlots = 32
	eventSlots  = 16
)

// Poll intervals of an idle queue; asynq varies them by half. Users wait for changes and
// lists; the other queues can be slower.
const (
	fastPoll = 100 * time.Millisecond
	slowPoll = 600 * time.Millisecond // half as long again at most, and a stopping worker waits it out
)

// queueServer is the asynq server of one queue.
type queueServer struct {
	*asynq.Server
	handlers handlers
}

// handlers are by task type.
type handlers map[string]asynq.HandlerFunc

// ProcessTask implements [asynq.Handler]. asynq's own mux would retry an unknown type
// again and again.
func (h handlers) ProcessTask(ctx context.Context, t *asynq.Task) error {
	handle, known := h[t.Type()]
	if !known {
		return taskerr.Permanent(fmt.Errorf("%w: no such task type on this queue: %.80q", tasks.ErrPayload, t.Type()))
	}
	return handle(ctx, t)
}

// serverConfig is what the servers of all queues have in common.
type serverConfig struct {
	redis   redis.UniversalClient
	base    context.Context // of all tasks
	monitor *redismonitor.Monitor
	log     *logrus.Entry
}

func (c serverConfig) server(queue string, slots int, poll time.Duration, h handlers) queueServer {
	return queueServer{handlers: h, Server: asynq.NewServerFromRedisClient(c.redis, asynq.Config{
		Concurrency:              slots,
		Queues:                   map[string]int{queue: 1},
		TaskCheckInterval:        poll,
		DelayedTaskCheckInterval: time.Second,
		RetryDelayFunc:           taskerr.RetryDelay,
		IsFailure:                taskerr.IsFailure,
		ErrorHandler:             asynq.ErrorHandlerFunc(c.logError),
		ShutdownTimeout:          shutdownTimeout,
		BaseContext:              func() context.Context { return c.base },
		Logger:                   redismonitor.QueueLog{Entry: c.log.WithField("queue", queue), Monitor: c.monitor},
		LogLevel:                 asynq.WarnLevel,
	})}
}

// logError is the one place where a task's error is logged.
func (c serverConfig) logError(ctx context.Context, t *asynq.Task, err error) {
	id, _ := asynq.GetTaskID(ctx)
	log := c.log.WithFields(taskFields(t)).WithField("task_id", id).WithField("type", fmt.Sprintf("%.80s", t.Type()))
	var call *listsync.CallError
	var retry *taskerr.RetryAfterError
	switch {
	case errors.Is(err, listsync.ErrYield):
		log.Info(err)
	case errors.Is(err, registry.ErrElsewhere): // each second, until that worker takes it
		log.Debug(err)
	case errors.As(err, &call) && call.Verdict == listsync.Blocked:
		log.Error("blocked until a person acts: " + err.Error())
	case errors.Is(err, asynq.SkipRetry):
		log.Error("archived: " + err.Error())
	case errors.As(err, &retry):
		log.WithField("pause", retry.After.Round(time.Millisecond).String()).Warn("tried again later: " + err.Error())
	default:
		log.Warn("tried again: " + err.Error())
	}
}
