package worker

import (
	"context"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/followup"
	"pilotsync/worker/ledger"
)

// handleDryRun replaces a sync in a dry run: it records and logs what a sync would do.
func (h *syncHandler) handleDryRun(ctx context.Context, s tasks.Sync) error {
	app := s.AppID
	began := time.Now()
	result, err := h.syncer.DryRun(ctx, app)
	h.metrics.DryRun(time.Since(began), err)
	h.outbox.flushNow(ctx, app)
	if err != nil {
		return h.unfinished(ctx, s, err)
	}
	log := taskLog(ctx, h.log, app)
	for _, change := range result.Changes {
		log.WithFields(changeFields(app, change.Domain, change.Seq)).Info("dry run: " + change.Domain + " " + change.Preview)
	}
	if len(result.Added)+len(result.Removed) == 0 {
		log.Infof("dry run: the list stays as it is, with %d names", result.Listed)
		return nil
	}
	var words []string
	for _, name := range result.Added {
		words = append(words, "+"+name)
	}
	for _, name := range result.Removed {
		words = append(words, "-"+name)
	}
	log.Infof("dry run: a sync would write the list: %s", strings.Join(words, " "))
	return nil
}

// dryRunEnder wakes the apps whose changes are pending after a dry run. It does nothing in a
// worker that is in a dry run.
type dryRunEnder struct {
	enabled  bool
	ledger   *ledger.Ledger
	enqueuer followup.Enqueuer
	log      *logrus.Entry
}

// end wakes an app of this worker whose last plan was a dry run, which is neither awake nor
// paused. There are such apps after a dry run, and while a worker in a dry run runs beside
// this one. A paused app waits until it is resumed; an awake app has its task.
func (e *dryRunEnder) end(ctx context.Context, app string) error {
	if err := e.enqueuer.Wake(ctx, app); err != nil {
		return err
	}
	e.log.WithField("app", app).Info("the dry run is over: the list is synced now")
	return nil
}

// endOld does the same for an app after a dry run of release 0.1.0.
func (e *dryRunEnder) endOld(ctx context.Context, app string) error {
	if !e.enabled {
		return nil
	}
	wake, ok, err := e.ledger.EndOldDryRun(ctx, app)
	if err != nil || !ok {
		return err
	}
	if err := e.enqueuer.Sync(ctx, tasks.Sync{AppID: app, Wake: wake}); err != nil {
		return err
	}
	e.log.WithField("app", app).Warn("the ledger differs from the list since a dry run of release 0.1.0; the list is synced now")
	return nil
}
