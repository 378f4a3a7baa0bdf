package worker

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/redis/go-redis/v9"
	"github.com/sirupsen/logrus"

	"pilotsync/tasks"
)

const (
	// strayEvery is how often one of the workers looks at asynq's queues.
	strayEvery = 30 * time.Second
	// strayMost is how many ids of a list a turn looks at, and strayPage how many at
	// once: a hundred thousand that wait take ten minutes, and no turn a second.
	strayMost = 5000
	strayPage = 200
	// taskLease is for how long asynq hands a task out; its worker renews it.
	taskLease = 30 * time.Second
	// shownBytes is how much of a message the log shows.
	shownBytes = 200
)

const (
	strayTurnKey      = "pilotsync:strays"
	strayPositionsKey = "pilotsync:strays:at" // hash: asynq's key → position in it
)

var (
	//go:embed strays_remove.lua
	strayRemoveLua string
	//go:embed strays_relabel.lua
	strayRelabelLua string
	//go:embed strays_lease.lua
	strayLeaseLua string
)

// strayWatch finds in our queues what asynq would leave for ever, and what in
// that stops others: one message that can't be decoded ends the recovery of all
// dead workers' tasks of its queue, and the sweep's look at them. It isn't a task,
// since it is there for queues that stand still.
//
// All it does is asked again by the script that does it, so that two workers at
// once do no harm, and what asynq moved meanwhile is left alone. asynq's own
// scripts never show a task half moved.
type strayWatch struct {
	rdb        redis.UniversalClient
	log        *logrus.Entry
	metrics    *Metrics
	away       func(context.Context) bool // whether Redis is, which others say
	quarantine Strays
	envelope   envelope

	every, lease time.Duration
	most, page   int

	remove, relabel, relet *redis.Script
}

func newStrayWatch(rdb redis.UniversalClient, log *logrus.Entry, metrics *Metrics, away func(context.Context) bool) (*strayWatch, error) {
	messages, err := newEnvelope()
	if err != nil {
		return nil, err
	}
	return &strayWatch{
		rdb: rdb, log: log, metrics: metrics, away: away, quarantine: NewStrays(rdb), envelope: messages,
		every: strayEvery, lease: taskLease, most: strayMost, page: strayPage,
		remove: redis.NewScript(strayRemoveLua), relabel: redis.NewScript(strayRelabelLua),
		relet: redis.NewScript(strayLeaseLua),
	}, nil
}

// run looks until ctx ends.
func (w *strayWatch) run(ctx context.Context) {
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for {
		if err := w.turn(ctx); err != nil && !w.away(ctx) && ctx.Err() == nil {
			w.log.WithError(err).Warn("look at the queues not finished; the next one goes on")
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// turn looks if no other worker did lately.
func (w *strayWatch) turn(ctx context.Context) error {
	// A little less than the interval, so that a worker doesn't miss its own turn.
	err := w.rdb.SetArgs(ctx, strayTurnKey, 1, redis.SetArgs{Mode: "NX", TTL: w.every * 9 / 10}).Err()
	if errors.Is(err, redis.Nil) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("take the turn to look at the queues: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, w.every)
	defer cancel()
	return w.all(limited)
}

// all looks at every queue once. Trouble with one list leaves the others to be looked at.
func (w *strayWatch) all(ctx context.Context) error {
	at, err := w.positions(ctx)
	if err != nil {
		return err
	}
	var all []error
	for _, queue := range tasks.Queues() {
		all = append(all, w.register(ctx, queue))
		for _, list := range strayLists() {
			all = append(all, w.list(ctx, queue, list, at[asynqKey(queue, list)]))
		}
	}
	return errors.Join(all...)
}

// register makes a queue known to asynq's inspector. asynq does it once a process;
// a Redis that lost its memory would have asynqmon show none of ours, nor the tasks
// that came since.
func (w *strayWatch) register(ctx context.Context, queue string) error {
	added, err := w.rdb.SAdd(ctx, "asynq:queues", queue).Result()
	if err != nil {
		return fmt.Errorf("register queue %s: %w", queue, err)
	}
	if added == 0 {
		return nil
	}
	var keys []string
	for _, list := range strayLists() {
		keys = append(keys, asynqKey(queue, list))
	}
	there, err := w.rdb.Exists(ctx, keys...).Result()
	if err != nil {
		return fmt.Errorf("look for tasks of queue %s: %w", queue, err)
	}
	if there > 0 { // else it is new
		w.metrics.strays.WithLabelValues(strayUnregistered, strayRegistered).Inc()
		w.log.WithField("queue", queue).Error("asynq didn't know a queue that has tasks; it does again (did Redis lose its data?)")
	}
	return nil
}

// list looks at a list from a position on.
func (w *strayWatch) list(ctx context.Context, queue, list string, from uint64) error {
	key := asynqKey(queue, list)
	ids, next, err := w.ids(ctx, key, isList(list), from)
	if err != nil {
		return err
	}
	var all []error
	for len(ids) > 0 && ctx.Err() == nil {
		n := min(len(ids), w.page)
		lying, err := w.look(ctx, queue, list, ids[:n])
		all, ids = append(all, err), ids[n:]
		for _, e := range lying {
			all = append(all, w.treat(ctx, queue, list, e))
		}
	}
	if next != from {
		all = append(all, wrap("note where the look at the queues left off", w.rdb.HSet(ctx, strayPositionsKey, key, next).Err()))
	}
	return errors.Join(append(all, ctx.Err())...)
}

// treat puts right what lies in a list, or moves it to the quarantine.
func (w *strayWatch) treat(ctx context.Context, queue, list string, e entry) error {
	switch {
	case e.hollow:
		gone, err := w.take(ctx, queue, list, e, "none")
		if err == nil && gone {
			w.say(queue, list, e, strayHollow, strayRemoved, "the list has an id without a task; it was taken out")
		}
		return err
	case e.foreign:
		return w.lockAway(ctx, queue, list, e, "foreign", flaw{kind: strayUnreadable, why: "what lies under its id isn't a task"})
	}
	judged := w.envelope.examine(queue, e.id, e.raw)
	if judged.kind != "" && judged.mended == nil {
		return w.lockAway(ctx, queue, list, e, "message", judged)
	}
	if judged.kind != "" {
		n, err := w.relabel.Run(ctx, w.rdb, []string{asynqKey(queue, "t:"+e.id)}, e.raw, judged.mended).Int()
		if err != nil {
			return fmt.Errorf("relabel task %q of queue %s: %w", e.id, queue, err)
		}
		if n == 1 {
			w.say(queue, list, e, judged.kind, strayRelabelled, judged.why+"; it has the right ones now")
		}
	}
	if e.unleased {
		return w.letAgain(ctx, queue, list, e)
	}
	return nil
}

// letAgain gives an active task a lease. If its worker lives, that renews it and
// can put the task away when it is done; else asynq hands the task out again, one
// to two minutes later, as any dead worker's.
func (w *strayWatch) letAgain(ctx context.Context, queue, list string, e entry) error {
	keys := []string{asynqKey(queue, listActive), asynqKey(queue, listLease), asynqKey(queue, "t:"+e.id)}
	n, err := w.relet.Run(ctx, w.rdb, keys, e.id, int(w.lease/time.Second)).Int()
	if err != nil {
		return fmt.Errorf("give task %q of queue %s a lease: %w", e.id, queue, err)
	}
	if n == 1 {
		w.say(queue, list, e, strayUnleased, strayLeased, "the active task had no lease, so nobody would ever have handed it out again; it has one now")
	}
	return nil
}

// lockAway moves what lies in a list to the quarantine: puts it there, then takes
// it out, so that a crash between loses nothing.
func (w *strayWatch) lockAway(ctx context.Context, queue, list string, e entry, as string, judged flaw) error {
	q := quarantined(queue, list, e.id, judged.why, e.raw)
	added, old, err := w.quarantine.put(ctx, q)
	if err != nil {
		return err
	}
	if old > 0 {
		w.log.WithField("dropped", old).Errorf("the quarantine is full with %d messages; the oldest was dropped for a new one", w.quarantine.limit)
	}
	gone, err := w.take(ctx, queue, list, e, as)
	switch {
	case err != nil:
		return err
	case gone:
		w.say(queue, list, e, judged.kind, strayQuarantined, judged.why+"; it is in quarantine as "+q.ID)
	case added: // asynq moved it, or somebody mended it: it is found again if need be
		return w.quarantine.Drop(ctx, q.ID)
	}
	return nil
}

// take takes what lies in a list out of the queue, if it still is what was found.
func (w *strayWatch) take(ctx context.Context, queue, list string, e entry, as string) (bool, error) {
	keys := []string{asynqKey(queue, list), asynqKey(queue, "t:"+e.id), asynqKey(queue, listLease), asynqKey(queue, listActive)}
	n, err := w.remove.Run(ctx, w.rdb, keys, e.id, as, e.raw).Int()
	if err != nil {
		return false, fmt.Errorf("take task %q out of queue %s: %w", e.id, queue, err)
	}
	return n == 1, nil
}

// say counts and logs what was found. Of the message the log has the beginning at most.
func (w *strayWatch) say(queue, list string, e entry, kind, action, text string) {
	w.metrics.strays.WithLabelValues(kind, action).Inc()
	log := w.log.WithFields(logrus.Fields{"queue": queue, "list": list, "task_id": shown([]byte(e.id)), "stray": kind, "action": action})
	if kind == strayUnreadable || kind == strayMislabelled {
		log = log.WithField("size", len(e.raw)).WithField("begins", shown(e.raw))
	}
	log.Error(text)
}

// shown makes one short line of what may be any bytes.
func shown(raw []byte) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, string(raw[:min(len(raw), shownBytes)]))
}
