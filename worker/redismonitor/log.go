package redismonitor

import (
	"context"

	"github.com/sirupsen/logrus"
)

// QueueLog is asynq's log of one queue. While Redis is unavailable, asynq logs errors all the time;
// then the monitor's lines are enough.
type QueueLog struct {
	*logrus.Entry
	Monitor *Monitor
}

// Warn implements asynq.Logger.
func (l QueueLog) Warn(args ...any) { l.write(logrus.WarnLevel, args) }

// Error implements asynq.Logger.
func (l QueueLog) Error(args ...any) { l.write(logrus.ErrorLevel, args) }

func (l QueueLog) write(level logrus.Level, args []any) {
	if l.Monitor.Down(context.Background()) {
		level = logrus.DebugLevel
	}
	l.Log(level, args...)
}
