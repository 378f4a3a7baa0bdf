package worker

import (
	"context"
	"errors"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/worker/redismonitor"
)

// maintenanceInterval is the time between two maintenances of a worker. Together with the
// lease's 30 s it limits how long a dead worker's app waits.
const maintenanceInterval = 15 * time.Second

// maintenance runs a worker's periodic work besides its tasks.
type maintenance struct {
	interval time.Duration
	steps    []func(context.Context) error
	monitor  *redismonitor.Monitor
	log      *logrus.Entry
}

// run runs all steps at the start and at each interval, until ctx ends. A failed step
// doesn't stop the others.
func (m *maintenance) run(ctx context.Context) {
	ticker := time.NewTicker(m.interval)
	defer ticker.Stop()
	for {
		var errs []error
		for _, step := range m.steps {
			errs = append(errs, step(ctx))
		}
		if err := errors.Join(errs...); err != nil && !m.monitor.Down(ctx) && ctx.Err() == nil {
			m.log.WithError(err).Warn("maintenance failed; it is repeated after its interval")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}
