package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// BulkKept is how long the ledger has a [Bulk] or a [CheckRun], so that its progress can be seen.
const BulkKept = 24 * time.Hour

// Bulk is one action of a user on many domains. Each domain got an ordinary task; this says which.
type Bulk struct {
	Action  string     `json:"action"`
	By      string     `json:"by"`
	At      time.Time  `json:"at"`
	Items   []BulkItem `json:"items"`
	Skipped int        `json:"skipped,omitempty"` // domains that were selected and got no task
	Failure string     `json:"failure,omitempty"` // why some domains got no task; empty if none failed
}

// BulkItem is a domain that got a task, and the task's order number.
type BulkItem struct {
	App    string `json:"a"`
	Domain string `json:"d"`
	Seq    int64  `json:"s"`
}

// bulkKey is in the slot of the agenda, where the dashboard's user may write.
func bulkKey(id string) string { return "pilotsync:{agenda}:bulk:" + id }

// SaveBulk keeps an action for [BulkKept], and returns its id.
func (l *Ledger) SaveBulk(ctx context.Context, b Bulk) (id string, err error) {
	id = newID()
	if err := l.rdb.Set(ctx, bulkKey(id), encode(b), BulkKept).Err(); err != nil {
		return "", fmt.Errorf("keep which %d domains got a task: %w", len(b.Items), err)
	}
	return id, nil
}

// Bulk returns a kept action; ok is false if there is none of that id.
func (l *Ledger) Bulk(ctx context.Context, id string) (b Bulk, ok bool, err error) {
	stored, err := l.rdb.Get(ctx, bulkKey(id)).Bytes()
	switch {
	case errors.Is(err, redis.Nil):
		return Bulk{}, false, nil
	case err != nil:
		return Bulk{}, false, fmt.Errorf("read the action %s: %w", id, err)
	}
	if err := json.Unmarshal(stored, &b); err != nil {
		return Bulk{}, false, fmt.Errorf("the action %s in the ledger: %w", id, err)
	}
	return b, true, nil
}

// Views returns the domains at some positions, in their order and in one round trip. Unknown ones
// are left out.
func (l *Ledger) Views(ctx context.Context, at []Position) ([]View, error) {
	found, err := l.viewsAt(ctx, at, nil)
	if err != nil {
		return nil, err
	}
	views := make([]View, 0, len(at))
	for _, p := range at {
		if v, ok := found[p]; ok {
			views = append(views, v)
		}
	}
	return views, nil
}
