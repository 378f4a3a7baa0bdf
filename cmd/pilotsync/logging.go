package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/config"
	"pilotsync/internal/terminal"
)

// newLogger returns the log on standard error.
func newLogger(s *terminal.Streams, set config.Log) *logrus.Logger {
	log := logrus.New()
	log.SetOutput(s.Err)
	log.SetLevel(set.Level)
	if set.Format == "json" || set.Format == "" && !s.Terminal {
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

// warnOfExposed warns of key files that every user of this machine can read.
func warnOfExposed(s *terminal.Streams, log *logrus.Logger, keyFiles []string) {
	for _, problem := range config.ExposedKeyFiles(keyFiles, s.LookupEnv) {
		log.Warn(problem + ". " + config.ExposedRemedy)
	}
}
