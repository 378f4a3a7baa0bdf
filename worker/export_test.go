package worker

import "time"

// SetMaintenanceInterval is for tests that wait for maintenance. Call it before Run.
func (w *Worker) SetMaintenanceInterval(d time.Duration) {
	w.maintenance.interval = d
	w.connections.interval, w.connections.connected, w.connections.disconnected = d, d, d
}
