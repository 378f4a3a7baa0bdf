package main

import (
	"context"
	"time"
)

// spent is what a fixture's processes used within a time: CPU, and what they exchanged with Redis
// through the proxy of [fixture.behind].
type spent struct {
	traffic
	took time.Duration
	cpu  time.Duration
}

// during runs work, and returns what the processes used meanwhile.
func (f *fixture) during(work func() error) (s spent, err error) {
	before, began := f.redisProxy.traffic(), time.Now()
	cpu, err := f.cpu()
	if err != nil {
		return s, err
	}
	if err := work(); err != nil {
		return s, err
	}
	s.traffic, s.took = f.redisProxy.traffic().since(before), time.Since(began)
	after, err := f.cpu()
	s.cpu = after - cpu
	return s, err
}

// idling is what the processes use within a period without work.
func (f *fixture) idling(ctx context.Context, period time.Duration) (spent, error) {
	return f.during(func() error { return sleep(ctx, period) })
}

// beyond is s without what idle processes use in the same time, but not below zero.
func (s spent) beyond(idle spent) spent {
	part := s.took.Seconds() / idle.took.Seconds()
	less := func(all, idle float64) float64 { return max(0, all-part*idle) }
	return spent{took: s.took, cpu: time.Duration(less(float64(s.cpu), float64(idle.cpu))), traffic: traffic{
		commands: int(less(float64(s.commands), float64(idle.commands))),
		trips:    int(less(float64(s.trips), float64(idle.trips))),
		read:     int64(less(float64(s.read), float64(idle.read))),
	}}
}

// rate is the number of commands a second.
func (s spent) rate() float64 { return float64(s.commands) / s.took.Seconds() }

// each is the number of commands for each of n things.
func (s spent) each(n int) float64 { return float64(s.commands) / float64(n) }
