package worker

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/worker/ledger"
	"pilotsync/worker/redismonitor"
	"pilotsync/worker/registry"
)

// leaveTimeout bounds how long a stopping worker tries to withdraw its announcement.
const leaveTimeout = time.Second

// announcer announces in Redis that this worker is alive, and which apps it serves.
type announcer struct {
	ledger   *ledger.Ledger
	registry *registry.Registry
	monitor  *redismonitor.Monitor
	worker   ledger.Worker // without its apps
	now      chan struct{}
	log      *logrus.Entry
}

func newAnnouncer(l *ledger.Ledger, r *registry.Registry, m *redismonitor.Monitor, worker ledger.Worker, log *logrus.Entry) *announcer {
	worker.ID = rand.Text()
	return &announcer{ledger: l, registry: r, monitor: m, worker: worker, now: make(chan struct{}, 1), log: log}
}

// announceNow announces the worker without waiting for the interval.
func (a *announcer) announceNow() {
	select {
	case a.now <- struct{}{}:
	default: // an announcement is already due
	}
}

// run announces the worker until ctx ends, and then withdraws the announcement.
func (a *announcer) run(ctx context.Context) {
	ticker := time.NewTicker(ledger.AnnounceEvery)
	defer ticker.Stop()
	for {
		worker := a.worker
		worker.Apps = a.registry.Load().Apps
		if err := a.ledger.Announce(ctx, worker); err != nil && ctx.Err() == nil && !a.monitor.Down(ctx) {
			a.log.WithError(err).Warn("the worker could not be announced; next try in " + ledger.AnnounceEvery.String())
		}
		select {
		case <-ctx.Done():
			a.leave(context.WithoutCancel(ctx))
			return
		case <-a.now:
		case <-ticker.C:
		}
	}
}

func (a *announcer) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaveTimeout)
	defer cancel()
	if err := a.ledger.Leave(ctx, a.worker.ID); err != nil {
		a.log.WithError(err).Debug("the announcement of this worker stays for up to a minute")
	}
}
