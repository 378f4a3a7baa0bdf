package janitor

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// QuarantineLimit is the number of messages that the quarantine holds; beyond it the
	// oldest are dropped and logged.
	QuarantineLimit = 1000
	// rawLimit is how many bytes of a message are kept, so the quarantine can't fill Redis.
	// pilotsync's messages have some hundred.
	rawLimit = 64 << 10
)

// The braces put both keys into one slot of a Redis Cluster. No app has such keys.
const (
	orderKey = "pilotsync:quarantine:{all}:order" // zset: id, by when it was found (µs)
	keptKey  = "pilotsync:quarantine:{all}:kept"  // hash: id → Quarantined as JSON
)

// ErrNotQuarantined: the message isn't in the quarantine, or not any more.
var ErrNotQuarantined = errors.New("not in the quarantine")

// Quarantined is a message that asynq could never finish.
type Quarantined struct {
	ID    string    `json:"id"`          // a hash of queue, task and message
	At    time.Time `json:"at,omitzero"` // when it was found, by Redis's clock
	Queue string    `json:"queue"`
	List  string    `json:"list"`    // where in the queue: active, pending, …
	Task  string    `json:"task_id"` // its id in the list
	Why   string    `json:"why"`
	Size  int       `json:"size"` // of the message in bytes
	// Raw is the message, or Redis's DUMP of a key that isn't a hash. Of more than 64 KiB it has
	// the beginning, and of more than 1 MiB, or of a dump beyond 64 KiB, nothing.
	Raw []byte `json:"raw"`
}

// Quarantine has the messages that the janitor removed from asynq's queues. It needs Redis,
// but no worker.
type Quarantine struct {
	rdb   redis.UniversalClient
	keep  *redis.Script
	limit int
}

// NewQuarantine returns the quarantine in rdb, which the caller must close.
func NewQuarantine(rdb redis.UniversalClient) Quarantine {
	return Quarantine{rdb, redis.NewScript(keepLua), QuarantineLimit}
}

// Count returns how many messages there are.
func (q Quarantine) Count(ctx context.Context) (int, error) {
	total, err := q.rdb.ZCard(ctx, orderKey).Result()
	return int(total), wrap("count the messages in quarantine", err)
}

// List returns at most n messages, newest first, and the total number.
func (q Quarantine) List(ctx context.Context, n int) (found []Quarantined, total int, err error) {
	total, err = q.Count(ctx)
	if err != nil || total == 0 || n < 1 {
		return nil, total, err
	}
	order, err := q.rdb.ZRevRangeWithScores(ctx, orderKey, 0, int64(n)-1).Result()
	if err != nil || len(order) == 0 {
		return nil, total, wrap("list the quarantine", err)
	}
	ids := make([]string, len(order))
	for i, z := range order {
		ids[i] = fmt.Sprint(z.Member)
	}
	kept, err := q.rdb.HMGet(ctx, keptKey, ids...).Result()
	if err != nil {
		return nil, 0, fmt.Errorf("read the quarantine: %w", err)
	}
	for i, text := range kept {
		line, there := text.(string)
		if !there {
			continue // dropped meanwhile
		}
		var message Quarantined
		if err := json.Unmarshal([]byte(line), &message); err != nil {
			return nil, 0, fmt.Errorf("read %s in quarantine: %w", ids[i], err)
		}
		message.At = time.UnixMicro(int64(order[i].Score)).UTC()
		found = append(found, message)
	}
	return found, total, nil
}

// Drop deletes messages from the quarantine. If one isn't there, it returns
// [ErrNotQuarantined] and deletes none.
func (q Quarantine) Drop(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	kept, err := q.rdb.HMGet(ctx, keptKey, ids...).Result()
	if err != nil {
		return fmt.Errorf("read the quarantine: %w", err)
	}
	for i, text := range kept {
		if text == nil {
			return fmt.Errorf("%s: %w", ids[i], ErrNotQuarantined)
		}
	}
	_, err = q.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for _, id := range ids {
			p.ZRem(ctx, orderKey, id)
			p.HDel(ctx, keptKey, id)
		}
		return nil
	})
	return wrap("drop from the quarantine", err)
}

// newQuarantined makes the entry of a message of a size, of which raw is all or the beginning.
func newQuarantined(queue, list, task, reason string, raw []byte, size int) Quarantined {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", queue, task, raw))
	if size > len(raw) {
		sum = sha256.Sum256(fmt.Appendf(nil, "%q %q %q %d", queue, task, raw, size))
	}
	return Quarantined{ID: hex.EncodeToString(sum[:8]), Queue: queue, List: list, Task: task, Why: reason,
		Size: size, Raw: raw[:min(len(raw), rawLimit)]}
}

// put puts a message into the quarantine, unless it is there. It returns how many it dropped instead.
func (q Quarantine) put(ctx context.Context, message Quarantined) (dropped int64, err error) {
	line, err := json.Marshal(message)
	if err != nil {
		return 0, fmt.Errorf("encode for the quarantine: %w", err)
	}
	dropped, err = q.keep.Run(ctx, q.rdb, []string{orderKey, keptKey}, message.ID, line, q.limit).Int64()
	return dropped, wrap(fmt.Sprintf("put task %q of queue %s into quarantine", message.Task, message.Queue), err)
}

// wrap is fmt.Errorf for an error that may be nil.
func wrap(tried string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", tried, err)
}
