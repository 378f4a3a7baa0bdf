package worker

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/janitor"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
	"pilotsync/worker/registry"
)

// lossDetector detects that the ledger was lost. It is the ledger for syncs, and keeps the
// identity that this worker knows.
type lossDetector struct {
	*ledger.Ledger
	registry *registry.Registry
	janitor  *janitor.Janitor
	log      *logrus.Entry

	mu       sync.Mutex
	identity ledger.Identity
	notified map[string]string // app → the identity of its last event of a loss
}

func newLossDetector(l *ledger.Ledger, r *registry.Registry, j *janitor.Janitor, log *logrus.Entry) *lossDetector {
	return &lossDetector{Ledger: l, registry: r, janitor: j, log: log, notified: map[string]string{}}
}

// identify checks whether the ledger is still the one that this worker knew.
func (d *lossDetector) identify(ctx context.Context) (ledger.Identity, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	current, err := d.Identify(ctx, d.identity)
	if err != nil {
		return current, err
	}
	if d.identity.ID != "" && current.ID != d.identity.ID {
		d.log.Error("the ledger was lost: Redis lost its data, has an older copy of it, or another Redis took its place. " +
			"An empty ledger changes no list; an older copy puts back names that were removed since. " +
			"The WordPress plugin hands its domains over again; for other producers see 'pilotsync doctor'")
	}
	d.identity = current
	return current, nil
}

// known returns the id of the ledger that this worker knows; empty if it has not seen it yet.
func (d *lossDetector) known() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.identity.ID
}

// notify puts an event of the loss into the outboxes of apps that have none yet.
func (d *lossDetector) notify(ctx context.Context, current ledger.Identity, apps []string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, app := range apps {
		if d.notified[app] == current.ID {
			continue
		}
		if err := d.NotifyLoss(ctx, app, current); err != nil {
			return err
		}
		d.notified[app] = current.ID
	}
	return nil
}

// Acquire implements [listsync.Ledger]. After a loss the ledger doesn't know which writes are
// in flight. So no worker writes a list while an earlier write may still take effect. A
// more recent commit than that shows that the ledger wasn't lost.
func (d *lossDetector) Acquire(ctx context.Context, app string) (listsync.Lease, error) {
	lease, err := d.Ledger.Acquire(ctx, app)
	if err != nil || lease.SinceLastCommit < listsync.LandingLimit {
		return lease, err
	}
	wait, err := d.lateWriteWait(ctx)
	if err == nil && wait == 0 {
		return lease, nil
	}
	if err == nil {
		err = &listsync.NotAcquired{Wait: wait}
	}
	return listsync.Lease{}, errors.Join(err, d.Fail(context.WithoutCancel(ctx), lease, nil))
}

// lateWriteWait returns how long a write from before a loss may still take effect.
func (d *lossDetector) lateWriteWait(ctx context.Context) (time.Duration, error) {
	current, err := d.identify(ctx)
	if err != nil || current.Lost.IsZero() {
		return 0, err
	}
	now, err := d.Now(ctx)
	wait := current.Lost.Add(listsync.LandingLimit).Sub(now)
	if wait > listsync.LandingLimit { // Redis's clock was set back since
		return 0, err
	}
	return max(wait, 0), err
}

// check detects a loss of the ledger, and notifies the apps of this worker.
func (d *lossDetector) check(ctx context.Context) error {
	current, err := d.identify(ctx)
	if err != nil || current.Lost.IsZero() {
		return err
	}
	now, err := d.Now(ctx)
	if err != nil || now.Sub(current.Lost) > ledger.LossKept {
		return err
	}
	var errs []error
	if now.Sub(current.Lost) < time.Minute {
		// Otherwise asynq's inspector doesn't know the queues, and the recoverer takes all
		// tasks for lost.
		for _, queue := range tasks.Queues() {
			errs = append(errs, d.janitor.Register(ctx, queue))
		}
	}
	return errors.Join(append(errs, d.notify(ctx, current, d.registry.Load().Apps))...)
}
