package redismonitor

import (
	"context"
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"

	"pilotsync/worker/loglimit"
)

// QueueLog is asynq's log of one queue. While Redis is unavailable, asynq logs errors all the time;
// then the monitor's lines are enough. Otherwise its lines are few: many are about one task.
type QueueLog struct {
	*logrus.Entry
	Monitor *Monitor
	Lines   *loglimit.Limiter
}

// Warn implements asynq.Logger.
func (l QueueLog) Warn(args ...any) { l.write(logrus.WarnLevel, args) }

// Error implements asynq.Logger.
func (l QueueLog) Error(args ...any) { l.write(logrus.ErrorLevel, args) }

func (l QueueLog) write(level logrus.Level, args []any) {
	if l.Monitor.Down(context.Background()) || strings.HasPrefix(fmt.Sprint(args...), retryExhausted) {
		level = logrus.DebugLevel
	}
	l.Lines.Log(l.Entry, level, "asynq", args...)
}

// retryExhausted begins asynq's line about a task that it archives. The worker has logged its error.
const retryExhausted = "Retry exhausted for task"
