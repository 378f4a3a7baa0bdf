package janitor

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"pilotsync/worker/message"
	"pilotsync/worker/queuestats"
)

// queuesKey has the names of asynq's queues.
const queuesKey = queuestats.NamesKey

// kindNumber is the type of a key that Redis can count up; the others are Redis's own types.
const kindNumber = "number"

// typedKey is a key of asynq, and the type that it must have.
type typedKey struct{ key, kind string }

// sharedKeys are asynq's keys that aren't of one queue. In a Cluster each has a slot of its own.
func sharedKeys() []typedKey {
	return []typedKey{{queuesKey, "set"}, {"asynq:servers", "zset"}, {"asynq:workers", "zset"}}
}

// queueKeys are asynq's keys of a queue except those of tasks. Those of taskLists come first.
func queueKeys(queue string, now time.Time) []typedKey {
	var keys []typedKey
	for _, list := range taskLists() {
		kind := "zset"
		if isList(list) {
			kind = "list"
		}
		keys = append(keys, typedKey{asynqKey(queue, list), kind})
	}
	day := now.UTC().Format(time.DateOnly)
	for _, counter := range []string{"processed", "failed", "processed:" + day, "failed:" + day} {
		keys = append(keys, typedKey{asynqKey(queue, counter), kindNumber})
	}
	return append(keys, typedKey{asynqKey(queue, "groups"), "set"}, typedKey{asynqKey(queue, "aggregation_sets"), "zset"})
}

// repairKeys puts those keys of a queue into the quarantine that have the wrong type. It returns
// those of taskLists that the queue has, and whether a key of the wrong type was in the place of one.
func (j *Janitor) repairKeys(ctx context.Context, queue string) (lists []string, overwritten bool, err error) {
	keys := queueKeys(queue, time.Now())
	wrong, existing, err := j.checkKeys(ctx, "find", keys)
	if err != nil {
		return nil, false, fmt.Errorf("check the keys of queue %s: %w", queue, err)
	}
	all := taskLists()
	for _, i := range existing {
		if i < len(all) && wrong[i] == "" {
			lists = append(lists, all[i])
		}
	}
	for i, kind := range wrong {
		if err := j.quarantineKey(ctx, queue, keys[i], kind); err != nil {
			return nil, false, err
		}
		overwritten = overwritten || i < len(all)
	}
	return lists, overwritten, nil
}

// repairSharedKeys does the same for the keys that aren't of one queue.
func (j *Janitor) repairSharedKeys(ctx context.Context) error {
	for _, key := range sharedKeys() {
		wrong, _, err := j.checkKeys(ctx, "find", []typedKey{key})
		if err != nil {
			return fmt.Errorf("check the key %s: %w", key.key, err)
		}
		for _, kind := range wrong {
			if err := j.quarantineKey(ctx, "", key, kind); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkKeys returns the types of those keys that have the wrong one, by index, and the indexes of
// those that exist. With "drop" it deletes the wrong ones.
func (j *Janitor) checkKeys(ctx context.Context, do string, keys []typedKey) (wrong map[int]string, existing []int, err error) {
	names, args := []string{}, []any{do}
	for _, k := range keys {
		names, args = append(names, k.key), append(args, k.kind)
	}
	reply, err := j.scripts.keys.Run(ctx, j.Redis, names, args...).Slice()
	if err != nil {
		return nil, nil, err
	}
	index := func(text string) int { i, _ := strconv.Atoi(text); return i - 1 } // Lua counts from 1
	wrong = map[int]string{}
	for found := texts(reply[0]); len(found) > 1; found = found[2:] {
		wrong[index(found[0])] = found[1]
	}
	for _, i := range texts(reply[1]) {
		existing = append(existing, index(i))
	}
	return wrong, existing, nil
}

// quarantineKey puts a key of the wrong type into the quarantine, and then deletes it.
func (j *Janitor) quarantineKey(ctx context.Context, queue string, key typedKey, kind string) error {
	raw, size, err := j.dump(ctx, key.key)
	if err != nil {
		return err
	}
	why := fmt.Sprintf("the key %s is a %s; asynq needs a %s there, and all of its scripts with that key failed", key.key, kind, key.kind)
	q := newQuarantined(queue, "", key.key, why, raw, size)
	if err := j.keep(ctx, q); err != nil {
		return err
	}
	if _, _, err := j.checkKeys(ctx, "drop", []typedKey{key}); err != nil {
		return fmt.Errorf("delete the key %s, which has the wrong type: %w", key.key, err)
	}
	j.report(queue, "", entry{id: key.key, raw: raw[:min(len(raw), message.MaxSize)], size: size}, Repair{wrongType, quarantined}, why+"; it is in quarantine as "+q.ID)
	return nil
}
