package worker

import (
	"context"
	"crypto/rand"
	"time"

	"pilotsync/worker/ledger"
)

// goodbyeLimit bounds how long a stopping worker tries to take back its announcement.
const goodbyeLimit = time.Second

// announcer tells readers in Redis that this worker is alive and what it serves.
type announcer struct {
	*Worker
	id    string
	again chan struct{}
}

func newAnnouncer(w *Worker) announcer {
	return announcer{Worker: w, id: rand.Text(), again: make(chan struct{}, 1)}
}

// changed has what the worker serves announced at once.
func (a announcer) changed() {
	select {
	case a.again <- struct{}{}:
	default: // it is about to be announced
	}
}

// run announces the worker until ctx ends, and then takes the announcement back.
func (a announcer) run(ctx context.Context) {
	ticker := time.NewTicker(ledger.AnnounceEvery)
	defer ticker.Stop()
	for {
		err := a.ledger.Announce(ctx, ledger.Worker{ID: a.id, Name: a.name, Apps: a.roster.look().apps, DryRun: a.dryRun})
		if err != nil && ctx.Err() == nil && a.watch.check(ctx) == nil {
			a.log.WithError(err).Warn("the worker could not be announced; tried again in " + ledger.AnnounceEvery.String())
		}
		select {
		case <-ctx.Done():
			a.leave()
			return
		case <-a.again:
		case <-ticker.C:
		}
	}
}

func (a announcer) leave() {
	ctx, cancel := context.WithTimeout(a.base, goodbyeLimit)
	defer cancel()
	if err := a.ledger.Leave(ctx, a.id); err != nil {
		a.log.WithError(err).Debug("the announcement of this worker stays for up to a minute")
	}
}
