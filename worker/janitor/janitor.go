// Package janitor finds what asynq would leave in pilotsync's queues for ever. That is messages
// that it can't decode or finish, ids without a message, and active tasks without a lease. It
// repairs what it can and moves the rest to the quarantine.
package janitor

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
	"pilotsync/worker/loglimit"
	"pilotsync/worker/message"
)

const (
	// interval is how often one of the workers scans asynq's queues.
	interval = 30 * time.Second
	// scanLimit is how many ids of a list a pass scans, and pageSize how many it reads
	// together. A hundred thousand waiting tasks take ten minutes, and no pass takes a second.
	scanLimit = 5000
	pageSize  = 200
	// taskLease is asynq's lease of a task, which its worker renews.
	taskLease = 30 * time.Second
)

const (
	lockKey      = "pilotsync:strays"
	positionsKey = "pilotsync:strays:at" // hash: asynq's key → position in it
)

// Janitor scans the queues. One undecodable message stops asynq's recovery of all dead
// workers' tasks on its queue, and the recoverer's. The janitor isn't a task, since it must
// work while queues stand still.
//
// Each repair is one script that checks the finding again. So two workers do no harm, and an
// id that asynq moved meanwhile is left alone. asynq's own scripts never show a task half
// moved.
type Janitor struct {
	Config
	quarantine Quarantine
	format     message.Format
	scripts    scripts
	lines      *loglimit.Limiter

	warnOnce sync.Once

	interval, lease, searchInterval time.Duration
	scanLimit, pageSize, searchPage int
}

// Config is what a [Janitor] needs.
type Config struct {
	Redis redis.UniversalClient
	Log   *logrus.Entry
	// Count is called for each repair.
	Count func(Repair)
	// Down reports whether Redis is unavailable. Then the janitor's errors aren't logged.
	Down func(context.Context) bool
}

// New fails only if asynq's message type has changed its name.
func New(cfg Config) (*Janitor, error) {
	format, err := message.NewFormat()
	if err != nil {
		return nil, err
	}
	return &Janitor{
		Config: cfg, quarantine: NewQuarantine(cfg.Redis), format: format, scripts: newScripts(), lines: loglimit.New(),
		interval: interval, lease: taskLease, searchInterval: searchInterval,
		scanLimit: scanLimit, pageSize: pageSize, searchPage: searchPage,
	}, nil
}

// Run scans until ctx ends.
func (j *Janitor) Run(ctx context.Context) {
	ticker := time.NewTicker(j.interval)
	defer ticker.Stop()
	for {
		if err := j.scanUnlessRecent(ctx); err != nil && !j.Down(ctx) && ctx.Err() == nil {
			j.Log.WithError(err).Warn("the janitor's scan of the queues failed; the next scan does the rest")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// scanUnlessRecent scans unless another worker did so recently.
func (j *Janitor) scanUnlessRecent(ctx context.Context) error {
	// A little less than the interval: otherwise a worker would miss its next pass.
	err := j.Redis.SetArgs(ctx, lockKey, 1, redis.SetArgs{Mode: "NX", TTL: j.interval * 9 / 10}).Err()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("acquire the janitor's lock: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, j.interval)
	defer cancel()
	return j.scanAll(limited)
}

// scanAll scans every queue once. An error of one list doesn't stop the others.
func (j *Janitor) scanAll(ctx context.Context) error {
	at, err := j.positions(ctx)
	if err != nil {
		return err
	}
	errs := []error{j.repairSharedKeys(ctx), j.removeOtherNames(ctx)}
	lost := false // a list with tasks may have been overwritten
	for _, queue := range tasks.Queues() {
		lists, overwritten, err := j.register(ctx, queue)
		if err != nil {
			lists = taskLists()
		}
		lost = lost || overwritten
		errs = append(errs, err)
		for _, list := range lists { // an idle queue has none
			errs = append(errs, j.scan(ctx, queue, list, at[asynqKey(queue, list)]))
		}
	}
	return errors.Join(append(errs, j.returnUnlisted(ctx, at, lost))...)
}

// Register makes a queue known to asynq's inspector. asynq does that once in each process, so
// after Redis lost its data asynqmon would show none of the queues, nor their new tasks.
func (j *Janitor) Register(ctx context.Context, queue string) error {
	_, _, err := j.register(ctx, queue)
	return err
}

// register registers a queue, after it has repaired the queue's keys. It returns the queue's lists of
// tasks, and whether one of them was overwritten.
func (j *Janitor) register(ctx context.Context, queue string) (lists []string, overwritten bool, err error) {
	// Producers register a queue before its first task. Tasks that come after this check have
	// registered theirs, and are no sign of a loss.
	lists, overwritten, err = j.repairKeys(ctx, queue)
	if err != nil {
		return nil, overwritten, err
	}
	added, err := j.Redis.SAdd(ctx, queuesKey, queue).Result()
	if err != nil {
		return lists, overwritten, fmt.Errorf("register queue %s: %w", queue, err)
	}
	if added == 1 && len(lists) > 0 { // otherwise the queue is new
		j.Count(Repair{unregistered, registered})
		j.Log.WithField("queue", queue).Error("asynq didn't know a queue that has tasks; it does again (did Redis lose its data?)")
	}
	return lists, overwritten, nil
}

// scan scans a list from a position on; of completed tasks only if a sample lacks one.
func (j *Janitor) scan(ctx context.Context, queue, list string, from uint64) error {
	if list == listCompleted {
		if missing, err := j.missingMessageSample(ctx, queue); err != nil || !missing {
			return err
		}
	}
	return j.scanList(ctx, queue, list, from)
}

// scanList scans a list from a position on.
func (j *Janitor) scanList(ctx context.Context, queue, list string, from uint64) error {
	ids, next, err := j.ids(ctx, queue, list, from)
	if err != nil {
		return err
	}
	var errs []error
	for len(ids) > 0 && ctx.Err() == nil {
		n := min(len(ids), j.pageSize)
		entries, err := j.load(ctx, queue, list, ids[:n])
		errs, ids = append(errs, err), ids[n:]
		for _, e := range entries {
			errs = append(errs, j.repair(ctx, queue, list, e))
		}
	}
	if next != from {
		errs = append(errs, wrap("record the janitor's position in the queues", j.Redis.HSet(ctx, positionsKey, asynqKey(queue, list), next).Err()))
	}
	return errors.Join(append(errs, ctx.Err())...)
}
