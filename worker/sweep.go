package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hibiken/asynq"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

const (
	// sweepEvery is how often one of the workers sweeps. With the lease's 30 s it
	// bounds how long a dead worker's app stands still.
	sweepEvery = 15 * time.Second
	// overdueAfter is when a verification counts as forgotten. Above what asynq
	// needs to hand out a task that is due, and one attempt to be made.
	overdueAfter = time.Minute
)

// sweeper looks for what a crash left lying: changes in a dead worker's hands,
// apps with changes but nobody at them, and domains whose next verification is overdue. asynq would hand out a
// dead worker's tasks again too, but only after one to two minutes, and never
// those that were not enqueued before the crash.
type sweeper struct {
	*Worker
	inspector *asynq.Inspector
	hours     map[string]int64 // by app: of the last look that was enqueued
}

// run sweeps until ctx ends.
func (s sweeper) run(ctx context.Context) {
	var starting sync.WaitGroup
	defer starting.Wait()
	starting.Go(func() {
		if err := s.takeUp(ctx, s.roster.look().apps...); err != nil && ctx.Err() == nil {
			s.log.WithError(err).Warn("apps in trouble could not be tried at once; the next sweep does it")
		}
	})
	ticker := time.NewTicker(sweepEvery)
	defer ticker.Stop()
	for {
		if err := errors.Join(s.checkIdentity(ctx), s.takeUp(ctx), s.endDryRuns(ctx), s.turn(ctx), s.tellAll(ctx), s.hourly(ctx)); err != nil && s.watch.check(ctx) == nil && ctx.Err() == nil {
			s.log.WithError(err).Warn("sweep not finished; the next one goes on")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// turn sweeps if no other worker did lately.
func (s sweeper) turn(ctx context.Context) error {
	// A little less than the interval, so that a worker doesn't miss its own turn.
	mine, err := s.ledger.TryLock(ctx, sweepEvery-time.Second)
	if err != nil || !mine {
		return err
	}
	return s.sweep(ctx)
}

// tellAll enqueues the events of this worker's apps that a crash left in their
// outboxes, and those of a sync that goes on for long. Each worker does it for its
// own: where an app's events go is for those to know who serve it.
func (s sweeper) tellAll(ctx context.Context) error {
	var all []error
	for _, app := range s.roster.look().apps {
		all = append(all, s.tell(ctx, app))
	}
	return errors.Join(all...)
}

// sweep looks at every app once.
func (s sweeper) sweep(ctx context.Context) error {
	apps, err := s.ledger.Apps(ctx)
	if err != nil {
		return err
	}
	now, err := s.ledger.Now(ctx)
	if err != nil {
		return err
	}
	all := []error{s.adopt(ctx)}
	for _, app := range apps {
		if err := ctx.Err(); err != nil {
			return err
		}
		all = append(all, s.wake(ctx, app, now), s.remind(ctx, app, now), s.watchApp(ctx, app, now))
	}
	return errors.Join(all...)
}

// adopt records the changes whose tasks a dead worker had in hand. asynq hands
// them out again later; then they are found recorded.
func (s sweeper) adopt(ctx context.Context) error {
	active, err := s.inspector.ListActiveTasks(tasks.QueueDomains, asynq.PageSize(1000))
	if errors.Is(err, asynq.ErrQueueNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list the changes in hand: %w", err)
	}
	for _, t := range active {
		if !t.IsOrphaned {
			continue
		}
		c, result, err := s.record(ctx, t.Type, t.Payload)
		if errors.Is(err, asynq.SkipRetry) || errors.Is(err, tasks.ErrNewer) {
			continue // asynq archives it, or keeps it for a newer worker, when it hands it out again
		}
		if err != nil {
			return err
		}
		s.metrics.sweepFinds.WithLabelValues(foundChange).Inc()
		s.log.WithFields(changeFields(c.AppID, c.Domain, c.Seq)).WithField("task_id", t.ID).
			Warn("a dead worker's change: " + result)
	}
	return nil
}

// wake starts a sync for an app that wants one and has neither a lease nor a
// task that will take it, and for one that is to be looked at by now.
func (s sweeper) wake(ctx context.Context, id string, now time.Time) error {
	app, err := s.ledger.App(ctx, id)
	if err != nil {
		return err
	}
	if app.Paused != "" {
		return nil // whoever lets it go on starts a sync
	}
	if !app.WakeAt.IsZero() && !now.Before(app.WakeAt) {
		wake, err := s.ledger.Wake(ctx, id)
		if err != nil {
			return err
		}
		return s.follow.Sync(ctx, tasks.Sync{AppID: id, Wake: wake})
	}
	// After a dry run, changes wait without a task until the dry run is over.
	if app.Leased || !app.Awake && (app.Pending == 0 || app.DryRun != nil) {
		return nil
	}
	state, err := s.taskState(tasks.QueueLists, tasks.Sync{AppID: id, Wake: app.Wake}.ID())
	if err != nil || state.waits() {
		return err
	}
	// An active task without a lease is one whose worker died, or one that is about
	// to take it: then the new task finds it taken and ends.
	wake, ok, err := s.ledger.RenewWake(ctx, id, app.Wake)
	if err != nil || !ok {
		return err
	}
	if err := s.follow.Sync(ctx, tasks.Sync{AppID: id, Wake: wake}); err != nil {
		return err
	}
	s.metrics.sweepFinds.WithLabelValues(foundSync).Inc()
	s.log.WithField("app", id).WithField("pending", app.Pending).Warnf("app woken: its sync was lost (task %s)", state)
	return nil
}

// retryTroubled moves the retry of each app in trouble forward: whoever restarts a
// worker, or changes its configuration, may just have mended the key or the card.
// apps are by the time of that; another worker that did the same since did it for all.
func (s sweeper) retryTroubled(ctx context.Context, apps map[string]time.Time) error {
	var all []error
	for id, since := range apps {
		app, err := s.ledger.App(ctx, id)
		if err != nil || app.Failure == nil || app.Paused != "" {
			all = append(all, err)
			continue
		}
		mine, err := s.ledger.TryLockRetry(ctx, id, time.Since(since))
		if err == nil && mine {
			err = s.retryNow(ctx, app)
		}
		all = append(all, err)
	}
	return errors.Join(all...)
}

// retryNow has the one sync task of an app run at once, and makes one if there is none.
func (s sweeper) retryNow(ctx context.Context, app ledger.App) error {
	id := tasks.Sync{AppID: app.ID, Wake: app.Wake}.ID()
	state, err := s.taskState(tasks.QueueLists, id)
	switch {
	case err != nil:
		return err
	case state.delayed():
		err = s.inspector.RunTask(tasks.QueueLists, id)
		if again, lookErr := s.taskState(tasks.QueueLists, id); err != nil && lookErr == nil && !again.delayed() {
			return nil // asynq has just handed it out
		}
		return err
	case state.waits(), string(state) == asynq.TaskStateActive.String():
		return nil
	}
	wake, ok, err := s.ledger.RenewWake(ctx, app.ID, app.Wake)
	if err != nil || !ok {
		return err
	}
	return s.follow.Sync(ctx, tasks.Sync{AppID: app.ID, Wake: wake})
}

// remind enqueues overdue verifications again.
func (s sweeper) remind(ctx context.Context, app string, now time.Time) error {
	domains, err := s.ledger.Overdue(ctx, app, now.Add(-overdueAfter))
	if err != nil || len(domains) == 0 {
		return err
	}
	views, err := s.ledger.Domains(ctx, app, domains...)
	if err != nil {
		return err
	}
	for _, view := range views {
		if view.Record.NextAttemptAt == nil {
			continue
		}
		next := nextAttempt(app, view.Record)
		state, err := s.taskState(tasks.QueueSSL, next.ID())
		if err != nil {
			return err
		}
		if !state.waits() {
			// Under an id of its own: that of the attempt may be held by a dead
			// worker's task. Should both run, the second finds the attempt made.
			if err := s.follow.verify(ctx, next, fmt.Sprintf("%s:again:%d", next.ID(), now.Unix())); err != nil {
				return err
			}
			s.metrics.sweepFinds.WithLabelValues(foundVerification).Inc()
			s.log.WithFields(checkFields(next, view.Record)).WithField("task_id", next.ID()).Warnf("verification enqueued again: attempt %d was lost (task %s)", next.Attempt, state)
		}
		if err := s.ledger.Postpone(ctx, app, view.Domain, now); err != nil {
			return err
		}
	}
	return nil
}

// liveness is the state of a task, or "gone".
type liveness string

// waits reports whether asynq will hand the task out without anybody's help.
func (l liveness) waits() bool {
	switch string(l) {
	case asynq.TaskStatePending.String(), asynq.TaskStateScheduled.String(), asynq.TaskStateRetry.String():
		return true
	}
	return false
}

// delayed reports whether asynq will hand the task out at a later time.
func (l liveness) delayed() bool { return l.waits() && string(l) != asynq.TaskStatePending.String() }

func (s sweeper) taskState(queue, id string) (liveness, error) {
	info, err := s.inspector.GetTaskInfo(queue, id)
	switch {
	case errors.Is(err, asynq.ErrTaskNotFound), errors.Is(err, asynq.ErrQueueNotFound):
		return "gone", nil
	case err != nil:
		return "", fmt.Errorf("look up task %s: %w", id, err)
	}
	return liveness(info.State.String()), nil
}
