package janitor

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/sirupsen/logrus"

	"pilotsync/worker/message"
)

// shownBytes is how much of a message the log shows.
const shownBytes = 200

// Repair is a kind of finding and what the janitor did about it: the labels of a metric.
type Repair struct{ Kind, Action string }

const (
	unreadable     = message.Unreadable
	mislabelled    = message.Mislabelled
	oversized      = "oversized"    // a message or an id that is too large to load
	missingMessage = "hollow"       // an id without a message
	unleased       = "unleased"     // an active task without a lease
	unregistered   = "unregistered" // a queue that asynq's inspector doesn't know
	unlisted       = "unlisted"     // a task that is in no list
	otherQueue     = "other_queue"  // a name of a queue that isn't pilotsync's
	wrongType      = "wrong_type"   // a key of asynq that isn't a list, set or number as it should be

	quarantined = "quarantined"
	relabelled  = "relabelled"
	removed     = "removed"
	leased      = "leased"
	registered  = "registered"
	returned    = "returned"
)

// Repairs returns all repairs.
func Repairs() []Repair {
	return []Repair{{unreadable, quarantined}, {mislabelled, relabelled}, {mislabelled, quarantined}, {oversized, quarantined},
		{missingMessage, removed}, {unleased, leased}, {unregistered, registered}, {unlisted, returned}, {wrongType, quarantined}, {otherQueue, removed}}
}

// PutAway repairs an active task, or moves it to the quarantine. A worker calls it for a task that
// it took although asynq can't have it, see [queuepoll.Config].
func (j *Janitor) PutAway(ctx context.Context, queue, id string, length int) error {
	if length > message.MaxID {
		return j.quarantineLongID(ctx, queue, "pending", id, length)
	}
	entries, err := j.load(ctx, queue, listActive, []string{id})
	if err != nil {
		return err
	}
	return j.repair(ctx, queue, listActive, entries[0])
}

// repair repairs an entry of a list, or moves it to the quarantine.
func (j *Janitor) repair(ctx context.Context, queue, list string, e entry) error {
	switch {
	case e.missingMessage:
		ok, err := j.remove(ctx, queue, list, e, "none")
		if err == nil && ok {
			j.report(queue, list, e, Repair{missingMessage, removed}, "the list has an id without a task; it was removed")
		}
		return err
	case e.wrongType:
		return j.moveToQuarantine(ctx, queue, list, e, "other", message.Defect{Kind: unreadable, Reason: "the key of its id isn't a task"})
	case e.large():
		return j.moveToQuarantine(ctx, queue, list, e, "large", message.Defect{Kind: oversized,
			Reason: fmt.Sprintf("its message has %d bytes; a worker loads at most %d", e.size, message.MaxSize)})
	}
	found := j.format.Examine(queue, e.id, e.raw)
	if found.Kind != "" && found.Relabelled == nil {
		return j.moveToQuarantine(ctx, queue, list, e, "message", found)
	}
	if found.Kind != "" {
		n, err := j.scripts.relabel.Run(ctx, j.Redis, []string{asynqKey(queue, "t:"+e.id)}, e.raw, found.Relabelled).Int()
		if err != nil {
			return fmt.Errorf("relabel task %q of queue %s: %w", e.id, queue, err)
		}
		if n == 1 {
			j.report(queue, list, e, Repair{found.Kind, relabelled}, found.Reason+"; it has the right ones now")
		}
	}
	if e.unleased {
		return j.giveLease(ctx, queue, list, e)
	}
	return nil
}

// giveLease gives an active task a lease. If its worker is alive, it renews the lease and can
// finish the task. Otherwise asynq hands the task out again, one to two minutes later, like
// those of other dead workers.
func (j *Janitor) giveLease(ctx context.Context, queue, list string, e entry) error {
	keys := []string{asynqKey(queue, listActive), asynqKey(queue, listLease), asynqKey(queue, "t:"+e.id)}
	n, err := j.scripts.lease.Run(ctx, j.Redis, keys, e.id, int(j.lease/time.Second)).Int()
	if err != nil {
		return fmt.Errorf("give task %q of queue %s a lease: %w", e.id, queue, err)
	}
	if n == 1 {
		j.report(queue, list, e, Repair{unleased, leased}, "the active task had no lease, so asynq would never have handed it out again; it has one now")
	}
	return nil
}

// moveToQuarantine puts an entry into the quarantine and then removes it from the list, so a
// crash in between loses nothing. If it isn't on the list any more, it stays in the quarantine:
// perhaps another worker found it there and has removed it.
func (j *Janitor) moveToQuarantine(ctx context.Context, queue, list string, e entry, expected string, found message.Defect) error {
	q := newQuarantined(queue, list, e.id, found.Reason, e.raw, e.size)
	if err := j.keep(ctx, q); err != nil {
		return err
	}
	ok, err := j.remove(ctx, queue, list, e, expected)
	if err == nil && ok {
		j.report(queue, list, e, Repair{found.Kind, quarantined}, found.Reason+"; it is in quarantine as "+q.ID)
	}
	return err
}

// keep puts a message into the quarantine, unless it is there.
func (j *Janitor) keep(ctx context.Context, q Quarantined) error {
	dropped, err := j.quarantine.put(ctx, q)
	if dropped > 0 {
		j.lines.Log(j.Log.WithField("dropped", dropped), logrus.ErrorLevel, "dropped",
			fmt.Sprintf("the quarantine is full with %d messages; the oldest was dropped for a new one", j.quarantine.limit))
	}
	return err
}

// quarantineLongID puts into the quarantine that a task was removed whose id is too long. There are
// only the id's beginning and its length.
func (j *Janitor) quarantineLongID(ctx context.Context, queue, list, begins string, length int) error {
	why := fmt.Sprintf("its id has %d bytes; it takes at most %d. Nothing else of it was kept", length, message.MaxID)
	q := newQuarantined(queue, list, printable([]byte(begins)), why, nil, length)
	if err := j.keep(ctx, q); err != nil {
		return err
	}
	j.report(queue, list, entry{id: begins, size: length}, Repair{oversized, quarantined}, why+"; it is in quarantine as "+q.ID)
	return nil
}

// remove removes an entry from the queue, if it is still the expected one: 'message', 'large',
// 'none' or 'other', see remove.lua.
func (j *Janitor) remove(ctx context.Context, queue, list string, e entry, expected string) (bool, error) {
	var value any = e.raw
	if expected == "large" {
		value = e.size
	}
	keys := []string{asynqKey(queue, list), asynqKey(queue, "t:"+e.id), asynqKey(queue, listLease), asynqKey(queue, listActive)}
	n, err := j.scripts.remove.Run(ctx, j.Redis, keys, e.id, expected, value).Int()
	if err != nil {
		return false, fmt.Errorf("remove task %q from queue %s: %w", e.id, queue, err)
	}
	return n == 1, nil
}

// report counts and logs a repair, with the beginning of the message.
func (j *Janitor) report(queue, list string, e entry, r Repair, text string) {
	j.Count(r)
	log := j.Log.WithFields(logrus.Fields{"queue": queue, "list": list, "task_id": printable([]byte(e.id)), "kind": r.Kind, "action": r.Action})
	if r.Kind == unreadable || r.Kind == mislabelled || r.Kind == oversized {
		log = log.WithField("size", e.size).WithField("begins", printable(e.raw))
	}
	j.lines.Log(log, logrus.ErrorLevel, r.Kind, text)
}

// printable makes a short printable line of any bytes.
func printable(raw []byte) string {
	return strings.Map(func(r rune) rune {
		if r == unicode.ReplacementChar || !unicode.IsPrint(r) {
			return '.'
		}
		return r
	}, string(raw[:min(len(raw), shownBytes)]))
}
