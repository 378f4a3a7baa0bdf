package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/sirupsen/logrus"
)

// newLogger returns the worker's log. format is text or json.
func newLogger(w io.Writer, level logrus.Level, format string) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(w)
	log.SetLevel(level)
	if format == "json" {
		log.SetFormatter(&logrus.JSONFormatter{})
	} else {
		log.SetFormatter(&logrus.TextFormatter{FullTimestamp: true})
	}
	return log
}

// redisLog takes what go-redis has to say. It is for debugging only: it says so
// each time a connection can't be made, which the worker reports itself, and once.
type redisLog struct{ log *logrus.Logger }

// Printf implements go-redis's logging interface.
func (l redisLog) Printf(_ context.Context, format string, args ...any) {
	l.log.Debug("go-redis: " + strings.TrimSpace(fmt.Sprintf(format, args...)))
}

// warnings takes what net/http has to say, a line at a time.
type warnings struct{ log *logrus.Logger }

// Write implements io.Writer.
func (w warnings) Write(line []byte) (int, error) {
	w.log.Warn(strings.TrimSpace(string(line)))
	return len(line), nil
}
