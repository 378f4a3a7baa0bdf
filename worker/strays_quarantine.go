package worker

import (
	"context"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// QuarantineLimit is the number of messages that the quarantine holds; beyond it
	// the oldest are let go, which the worker's log says.
	QuarantineLimit = 1000
	// rawLimit is how many bytes are kept of one, so that the quarantine can't fill
	// Redis. Messages of ours have some hundred.
	rawLimit = 64 << 10
)

// Their braces put both into one slot of a Redis Cluster. No app has such keys.
const (
	quarantineOrder = "pilotsync:quarantine:{all}:order" // zset: id, by when it was found (µs)
	quarantineKept  = "pilotsync:quarantine:{all}:kept"  // hash: id → Quarantined as JSON
)

//go:embed strays_keep.lua
var keepLua string

// ErrNotQuarantined: there is no such message in the quarantine, or not any more.
var ErrNotQuarantined = errors.New("not in the quarantine")

// Quarantined is a message that asynq could do nothing with, as it was found.
type Quarantined struct {
	ID    string    `json:"id"`          // made from what it is: the same message found twice has the same
	At    time.Time `json:"at,omitzero"` // when it was found, by Redis's clock
	Queue string    `json:"queue"`
	List  string    `json:"list"`    // where in the queue: active, pending, …
	Task  string    `json:"task_id"` // under which it lay there
	Why   string    `json:"why"`
	Size  int       `json:"size"` // of the message in bytes; more than Raw has where it was cut at 64 KiB
	// Raw are the bytes; of what wasn't even a task's hash they are Redis's DUMP of it.
	Raw []byte `json:"raw"`
}

// Strays are the messages that the watch over asynq's queues took out of them. It
// needs Redis only, no worker.
type Strays struct {
	rdb   redis.UniversalClient
	keep  *redis.Script
	limit int
}

// NewStrays returns the quarantine in rdb, which stays the caller's to close.
func NewStrays(rdb redis.UniversalClient) Strays {
	return Strays{rdb, redis.NewScript(keepLua), QuarantineLimit}
}

// Quarantine returns the newest n messages at most, newest first, and how many
// there are in all.
func (s Strays) Quarantine(ctx context.Context, n int) ([]Quarantined, int, error) {
	total, err := s.rdb.ZCard(ctx, quarantineOrder).Result()
	if err != nil {
		return nil, 0, fmt.Errorf("count what is in quarantine: %w", err)
	}
	if total == 0 || n < 1 {
		return nil, int(total), nil
	}
	order, err := s.rdb.ZRevRangeWithScores(ctx, quarantineOrder, 0, int64(n)-1).Result()
	if err != nil || len(order) == 0 {
		return nil, int(total), wrap("list the quarantine", err)
	}
	ids := make([]string, len(order))
	for i, z := range order {
		ids[i] = fmt.Sprint(z.Member)
	}
	kept, err := s.rdb.HMGet(ctx, quarantineKept, ids...).Result()
	if err != nil {
		return nil, 0, fmt.Errorf("read the quarantine: %w", err)
	}
	var found []Quarantined
	for i, text := range kept {
		line, there := text.(string)
		if !there {
			continue // dropped meanwhile
		}
		var q Quarantined
		if err := json.Unmarshal([]byte(line), &q); err != nil {
			return nil, 0, fmt.Errorf("read %s in quarantine: %w", ids[i], err)
		}
		q.At = time.UnixMicro(int64(order[i].Score)).UTC()
		found = append(found, q)
	}
	return found, int(total), nil
}

// Drop deletes messages from the quarantine. If one isn't there it is an
// [ErrNotQuarantined], and none is deleted.
func (s Strays) Drop(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	kept, err := s.rdb.HMGet(ctx, quarantineKept, ids...).Result()
	if err != nil {
		return fmt.Errorf("look into the quarantine: %w", err)
	}
	for i, text := range kept {
		if text == nil {
			return fmt.Errorf("%s: %w", ids[i], ErrNotQuarantined)
		}
	}
	_, err = s.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, id := range ids {
			p.ZRem(ctx, quarantineOrder, id)
			p.HDel(ctx, quarantineKept, id)
		}
		return nil
	})
	return wrap("drop from the quarantine", err)
}

// quarantined is a message as it is put there; raw isn't empty.
func quarantined(queue, list, task, why string, raw []byte) Quarantined {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", queue, task, raw))
	return Quarantined{ID: hex.EncodeToString(sum[:8]), Queue: queue, List: list, Task: task, Why: why,
		Size: len(raw), Raw: raw[:min(len(raw), rawLimit)]}
}

// put puts a message into the quarantine. It reports whether it wasn't there, and
// how many were let go for it.
func (s Strays) put(ctx context.Context, q Quarantined) (added bool, gone int64, err error) {
	line, err := json.Marshal(q)
	if err != nil {
		return false, 0, fmt.Errorf("encode for the quarantine: %w", err)
	}
	n, err := s.keep.Run(ctx, s.rdb, []string{quarantineOrder, quarantineKept}, q.ID, line, s.limit).Int64Slice()
	if err != nil || len(n) != 2 {
		return false, 0, fmt.Errorf("put task %q of queue %s into quarantine (%v): %w", q.Task, q.Queue, n, err)
	}
	return n[0] == 1, n[1], nil
}

// wrap is fmt.Errorf for an error that may be nil.
func wrap(tried string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", tried, err)
}
