package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// knownLedger is the ledger, and what this worker knows of its identity. It notices a
// ledger that was lost.
type knownLedger struct {
	*ledger.Ledger
	log *logrus.Entry

	mu   sync.Mutex
	is   ledger.Identity
	told map[string]string // app → the identity whose loss this worker told of
}

// identify looks whether the ledger is still the one that this worker knew.
func (k *knownLedger) identify(ctx context.Context) (ledger.Identity, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	is, err := k.Identify(ctx, k.is)
	if err != nil {
		return is, err
	}
	if k.is.ID != "" && is.ID != k.is.ID {
		k.log.Error("the ledger was lost: Redis lost its data, has an older copy of it, or another Redis took its place. " +
			"An empty ledger changes no list; an older copy puts back what was removed since. " +
			"WordPress's plugin hands its domains over again; for other producers see 'pilotsync doctor'")
	}
	k.is = is
	return is, nil
}

// tellLoss tells the apps of a loss, those that weren't told yet.
func (k *knownLedger) tellLoss(ctx context.Context, is ledger.Identity, apps []string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, app := range apps {
		if k.told[app] == is.ID {
			continue
		}
		if err := k.NotifyLoss(ctx, app, is); err != nil {
			return err
		}
		k.told[app] = is.ID
	}
	return nil
}

// Acquire implements [listsync.Ledger]. A lost ledger doesn't know which writes are on their
// way, so after a loss no worker writes a list for as long as one may still land. After a
// loss the app's last commit, if the ledger knows one, is longer ago than that.
func (k *knownLedger) Acquire(ctx context.Context, app string) (listsync.Lease, error) {
	lease, err := k.Ledger.Acquire(ctx, app)
	if err != nil || lease.SinceLastCommit < listsync.LandingLimit {
		return lease, err
	}
	wait, err := k.unknownWrites(ctx)
	if err == nil && wait == 0 {
		return lease, nil
	}
	if err == nil {
		err = &listsync.NotAcquired{Wait: wait}
	}
	return listsync.Lease{}, errors.Join(err, k.Fail(context.WithoutCancel(ctx), lease, nil))
}

// unknownWrites returns for how long a write of before a loss may still land.
func (k *knownLedger) unknownWrites(ctx context.Context) (time.Duration, error) {
	is, err := k.identify(ctx)
	if err != nil || is.Lost.IsZero() {
		return 0, err
	}
	now, err := k.Now(ctx)
	return max(is.Lost.Add(listsync.LandingLimit).Sub(now), 0), err
}

// checkIdentity looks for a loss of the ledger, and tells the apps of this worker.
func (s sweeper) checkIdentity(ctx context.Context) error {
	is, err := s.ledger.identify(ctx)
	if err != nil || is.Lost.IsZero() {
		return err
	}
	now, err := s.ledger.Now(ctx)
	if err != nil || now.Sub(is.Lost) > ledger.LossKept {
		return err
	}
	var all []error
	if now.Sub(is.Lost) < time.Minute {
		// Without that asynq's inspector finds no task, and the sweep would take each for lost.
		for _, queue := range tasks.Queues() {
			all = append(all, s.strays.register(ctx, queue))
		}
	}
	return errors.Join(append(all, s.ledger.tellLoss(ctx, is, s.roster.look().apps))...)
}
