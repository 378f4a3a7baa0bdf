package janitor

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/sirupsen/logrus"
)

// shownBytes is how much of a message the log shows.
const shownBytes = 200

// Repair is a kind of finding and what the janitor did about it: the labels of a metric.
type Repair struct{ Kind, Action string }

const (
	unreadable     = "unreadable"   // a message that asynq can't decode
	mislabelled    = "mislabelled"  // a message that lacks its id or queue
	missingMessage = "hollow"       // an id without a message
	unleased       = "unleased"     // an active task without a lease
	unregistered   = "unregistered" // a queue that asynq's inspector doesn't know

	quarantined = "quarantined"
	relabelled  = "relabelled"
	removed     = "removed"
	leased      = "leased"
	registered  = "registered"
)

// Repairs returns all repairs.
func Repairs() []Repair {
	return []Repair{{unreadable, quarantined}, {mislabelled, relabelled}, {mislabelled, quarantined},
		{missingMessage, removed}, {unleased, leased}, {unregistered, registered}}
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
		return j.moveToQuarantine(ctx, queue, list, e, "other", defect{kind: unreadable, reason: "the key of its id isn't a task"})
	}
	found := j.format.examine(queue, e.id, e.raw)
	if found.kind != "" && found.relabelled == nil {
		return j.moveToQuarantine(ctx, queue, list, e, "message", found)
	}
	if found.kind != "" {
		n, err := j.scripts.relabel.Run(ctx, j.Redis, []string{asynqKey(queue, "t:"+e.id)}, e.raw, found.relabelled).Int()
		if err != nil {
			return fmt.Errorf("relabel task %q of queue %s: %w", e.id, queue, err)
		}
		if n == 1 {
			j.report(queue, list, e, Repair{found.kind, relabelled}, found.reason+"; it has the right ones now")
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
// crash in between loses nothing.
func (j *Janitor) moveToQuarantine(ctx context.Context, queue, list string, e entry, expected string, found defect) error {
	q := newQuarantined(queue, list, e.id, found.reason, e.raw)
	added, dropped, err := j.quarantine.put(ctx, q)
	if err != nil {
		return err
	}
	if dropped > 0 {
		j.Log.WithField("dropped", dropped).Errorf("the quarantine is full with %d messages; the oldest was dropped for a new one", j.quarantine.limit)
	}
	ok, err := j.remove(ctx, queue, list, e, expected)
	switch {
	case err != nil:
		return err
	case ok:
		j.report(queue, list, e, Repair{found.kind, quarantined}, found.reason+"; it is in quarantine as "+q.ID)
	case added: // asynq moved it, or it was repaired meanwhile; the next scan finds it if needed
		return j.quarantine.Drop(ctx, q.ID)
	}
	return nil
}

// remove removes an entry from the queue, if it is still the expected one: 'message', 'none'
// or 'other', see remove.lua.
func (j *Janitor) remove(ctx context.Context, queue, list string, e entry, expected string) (bool, error) {
	keys := []string{asynqKey(queue, list), asynqKey(queue, "t:"+e.id), asynqKey(queue, listLease), asynqKey(queue, listActive)}
	n, err := j.scripts.remove.Run(ctx, j.Redis, keys, e.id, expected, e.raw).Int()
	if err != nil {
		return false, fmt.Errorf("remove task %q from queue %s: %w", e.id, queue, err)
	}
	return n == 1, nil
}

// report counts and logs a repair, with the beginning of the message.
func (j *Janitor) report(queue, list string, e entry, r Repair, text string) {
	j.Count(r)
	log := j.Log.WithFields(logrus.Fields{"queue": queue, "list": list, "task_id": printable([]byte(e.id)), "kind": r.Kind, "action": r.Action})
	if r.Kind == unreadable || r.Kind == mislabelled {
		log = log.WithField("size", len(e.raw)).WithField("begins", printable(e.raw))
	}
	log.Error(text)
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
