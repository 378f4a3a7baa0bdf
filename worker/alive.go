package worker

import (
	"fmt"
	"time"
)

// standstill is how long the watch over Redis may need for one turn. One takes a
// second, and some six while Redis is away; so it bounds what hangs, not what waits.
const standstill = 30 * time.Second

// Alive returns an error if the worker hangs: its watch over Redis, which all of its
// loops go through to complain, doesn't turn any more. That Redis is away is no hang,
// nor is a slow ServerPilot: asynq ends each task at its own time limit.
func (w *Worker) Alive() error {
	at := w.watch.turned.Load()
	if at == nil || w.isStopping() { // not begun, or bounded by shutdownLimit
		return nil
	}
	if age := time.Since(*at); age > standstill {
		return fmt.Errorf("the worker hangs: its watch over Redis last turned %s ago; it may take %s", age.Round(time.Second), standstill)
	}
	return nil
}

// turn notes that the watch's loop turned.
func (r *redisWatch) turn() {
	now := time.Now()
	r.turned.Store(&now)
}
