package worker

import (
	"context"
	"errors"
	"strings"
	"time"

	"pilotsync/tasks"
)

// preview is what a worker in a dry run does in place of a sync: it notes and logs
// what a sync would do.
func (w *Worker) preview(ctx context.Context, s tasks.Sync) error {
	app := s.AppID
	began := time.Now()
	p, err := w.syncer.DryRun(ctx, app)
	w.metrics.previewed(time.Since(began), err)
	w.tellNow(ctx, app)
	if err != nil {
		return w.unfinished(ctx, s, err)
	}
	log := w.taskLog(ctx, app)
	for _, change := range p.Changes {
		log.WithFields(changeFields(app, change.Domain, change.Seq)).Info("dry run: " + change.Domain + " " + change.Preview)
	}
	if len(p.Added)+len(p.Removed) == 0 {
		log.Infof("dry run: the list stays as it is, with %d names", p.Listed)
		return nil
	}
	var words []string
	for _, name := range p.Added {
		words = append(words, "+"+name)
	}
	for _, name := range p.Removed {
		words = append(words, "-"+name)
	}
	log.Infof("dry run: a sync would write the list: %s", strings.Join(words, " "))
	return nil
}

// endDryRuns starts a sync for each app of this worker that a dry run was the last to
// plan. That is so after a dry run has ended, and where a worker in a dry run runs
// beside this one. A paused app waits until it is resumed; an app that is awake has
// its task.
func (s sweeper) endDryRuns(ctx context.Context) error {
	if s.dryRun {
		return nil
	}
	found, err := s.ledger.DryRuns(ctx, s.roster.look().apps...)
	if err != nil {
		return err
	}
	var all []error
	for _, id := range found {
		app, err := s.ledger.App(ctx, id)
		if err != nil || app.DryRun == nil || app.Awake || app.Paused != "" {
			all = append(all, err)
			continue
		}
		wake, err := s.ledger.Wake(ctx, id)
		if err == nil {
			err = s.follow.Sync(ctx, tasks.Sync{AppID: id, Wake: wake})
		}
		if err == nil {
			s.log.WithField("app", id).Info("the dry run is over: the list is synced now")
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// endOldDryRuns does the same for apps of which release 0.1.0 made a dry run.
func (s sweeper) endOldDryRuns(ctx context.Context, apps []string) error {
	if s.dryRun {
		return nil
	}
	var all []error
	for _, id := range apps {
		wake, ok, err := s.ledger.EndOldDryRun(ctx, id)
		if err == nil && ok {
			err = s.follow.Sync(ctx, tasks.Sync{AppID: id, Wake: wake})
		}
		if err == nil && ok {
			s.log.WithField("app", id).Warn("a dry run of release 0.1.0 left domains that were never put on the list, or taken off it: the list is synced now")
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}
