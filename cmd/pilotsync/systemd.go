package main

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/sdnotify"
	"pilotsync/internal/terminal"
)

// supervisor reports a worker's state to systemd. A report that fails is logged, and
// the worker continues.
type supervisor struct {
	sdnotify.Notifier
	log     *logrus.Logger
	started atomic.Bool // READY was sent: a reload before it mustn't send it
}

func newSupervisor(s *terminal.Streams, log *logrus.Logger) (*supervisor, error) {
	n, err := sdnotify.New(s.LookupEnv)
	if err != nil {
		return nil, usageError{err}
	}
	return &supervisor{Notifier: n, log: log}, nil
}

func (s *supervisor) logError(err error) {
	if err != nil {
		s.log.WithError(err).Warn("the worker's state couldn't be reported to the service manager")
	}
}

// ready is called once the worker takes tasks.
func (s *supervisor) ready() {
	s.started.Store(true)
	s.logError(s.Ready())
}

// watch resets systemd's watchdog while alive returns no error, until the returned function is
// called. A stop takes a bounded time, and must not count as a hang. As soon as ctx ends, it
// reports that the worker stops.
func (s *supervisor) watch(ctx context.Context, alive func() error) (end func()) {
	s.logError(s.Waiting("Redis"))
	cancelReport := context.AfterFunc(ctx, func() { s.logError(s.Stopping()) })
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { s.Watch(watching, alive, s.logError) })
	return func() {
		if cancelReport() { // the worker ends by itself
			s.logError(s.Stopping())
		}
		stop()
		running.Wait()
	}
}

// reload reports the begin and the end of a reload; READY is the end for systemd, also
// of one that failed.
func (s *supervisor) reload(load func() error) error {
	if s.started.Load() {
		s.logError(s.Reloading())
		defer func() { s.logError(s.Ready()) }()
	}
	return load()
}
