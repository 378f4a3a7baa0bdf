package main

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/sirupsen/logrus"

	"pilotsync/internal/sdnotify"
)

// supervisor tells systemd how a worker stands. What can't be told is logged: the
// work goes on.
type supervisor struct {
	sdnotify.Notifier
	log     *logrus.Logger
	started atomic.Bool // READY was said once: a reload before it mustn't say it
}

func newSupervisor(s *streams, log *logrus.Logger) (*supervisor, error) {
	n, err := sdnotify.New(s.LookupEnv)
	if err != nil {
		return nil, usageError{err}
	}
	return &supervisor{Notifier: n, log: log}, nil
}

func (s *supervisor) tell(err error) {
	if err != nil {
		s.log.WithError(err).Warn("the service manager doesn't know how the worker stands")
	}
}

// ready is called once the worker takes tasks.
func (s *supervisor) ready() {
	s.started.Store(true)
	s.tell(s.Ready())
}

// watch gives signs of life while alive returns no error, until the function that it
// returns is called: a stop is bounded, and must not look like a hang. It says that
// the worker stops as soon as ctx ends.
func (s *supervisor) watch(ctx context.Context, alive func() error) (end func()) {
	s.tell(s.Waiting("Redis"))
	unsay := context.AfterFunc(ctx, func() { s.tell(s.Stopping()) })
	living, die := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { s.Watch(living, alive, s.tell) })
	return func() {
		if unsay() { // the worker ends by itself
			s.tell(s.Stopping())
		}
		die()
		running.Wait()
	}
}

// reload tells of a reload around it; systemd takes READY for its end, however it ended.
func (s *supervisor) reload(load func() error) error {
	if s.started.Load() {
		s.tell(s.Reloading())
		defer func() { s.tell(s.Ready()) }()
	}
	return load()
}
