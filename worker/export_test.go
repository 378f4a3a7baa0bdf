package worker

import (
	"context"
	"errors"
	"time"
)

// SetMaintenanceInterval is for tests that wait for maintenance. Call it before Run.
func (w *Worker) SetMaintenanceInterval(d time.Duration) {
	w.maintenance.interval = d
	w.connections.interval, w.connections.connected, w.connections.disconnected = d, d, d
}

// Maintain makes one maintenance of a worker that doesn't run.
func (w *Worker) Maintain(ctx context.Context) error {
	var errs []error
	for _, step := range w.maintenance.steps {
		errs = append(errs, step(ctx))
	}
	return errors.Join(errs...)
}

// ForgetUnserved makes the next maintenance look for apps to forget, as after an hour.
func (w *Worker) ForgetUnserved() { w.forgetter.next = time.Time{} }

// AskServerPilot makes one maintenance of what only ServerPilot knows.
func (w *Worker) AskServerPilot(ctx context.Context) error {
	var errs []error
	for _, step := range w.connections.steps {
		errs = append(errs, step(ctx))
	}
	return errors.Join(errs...)
}
