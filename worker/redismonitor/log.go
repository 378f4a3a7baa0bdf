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
	if l.Monitor.Down(context.Background()) || isHarmless(fmt.Sprint(args...)) {
		level = logrus.DebugLevel
	}
	l.Lines.Log(l.Entry, level, "asynq", args...)
}

// isHarmless reports whether a line of asynq's needs no action. If asynq archives a task, the log
// has the task's error already. If a lease is over, one worker takes the task; the others don't
// find it.
func isHarmless(line string) bool {
	return strings.HasPrefix(line, "Retry exhausted for task") ||
		strings.HasPrefix(line, "recoverer: could not retry lease expired task") && strings.HasSuffix(line, "NOT FOUND")
}
