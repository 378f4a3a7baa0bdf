package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/internal/serverpilot"
	"pilotsync/tasks"
)

// actionsKey has the actions of ServerPilot that a worker is to read, of all apps, by when (ms).
// It is in the slot of the agenda. An action that is lost is never read, which does no harm: it
// only says whether a server has taken over a list.
const actionsKey = "pilotsync:{agenda}:actions"

// actionsPage is how many due actions are read at once.
const actionsPage = 1000

// PendingAction is an action of ServerPilot that a worker is to read.
type PendingAction struct {
	App       string    `json:"app"`
	ID        string    `json:"id"`
	WrittenAt time.Time `json:"at"` // when the write that caused it was committed, by Redis's clock
}

// Action is what ServerPilot last said of an action.
type Action struct {
	ID        string                   `json:"id"`
	Status    serverpilot.ActionStatus `json:"status"`
	WrittenAt time.Time                `json:"written_at"` // see [PendingAction]
}

// ReadActionAt has a worker read an action at a time by Redis's clock.
func (l *Ledger) ReadActionAt(ctx context.Context, a PendingAction, at time.Time) error {
	if err := l.rdb.ZAdd(ctx, actionsKey, redis.Z{Score: float64(at.UnixMilli()), Member: encode(a)}).Err(); err != nil {
		return fmt.Errorf("plan to read action %s of app %s: %w", a.ID, a.App, err)
	}
	return nil
}

// DueActions returns the actions that are to be read by now, the longest due first, at most 1,000,
// and the time by Redis's clock.
func (l *Ledger) DueActions(ctx context.Context) (due []PendingAction, now time.Time, err error) {
	var clock *redis.TimeCmd
	var first *redis.ZSliceCmd
	if err := l.pipelined(ctx, func(p redis.Pipeliner) {
		clock, first = p.Time(ctx), p.ZRangeWithScores(ctx, actionsKey, 0, actionsPage-1)
	}); err != nil {
		return nil, now, fmt.Errorf("find the actions that are to be read: %w", err)
	}
	now = clock.Val().UTC()
	for _, z := range first.Val() {
		var a PendingAction
		if err := json.Unmarshal([]byte(z.Member.(string)), &a); err != nil {
			return nil, now, fmt.Errorf("%q isn't an action: %w", z.Member, err)
		}
		if z.Score <= float64(now.UnixMilli()) {
			due = append(due, a)
		}
	}
	return due, now, nil
}

// TakeAction removes an action from those that are to be read. It reports whether the caller
// removed it: several workers may find an action due, and only one reads it.
func (l *Ledger) TakeAction(ctx context.Context, a PendingAction) (bool, error) {
	n, err := l.rdb.ZRem(ctx, actionsKey, encode(a)).Result()
	if err != nil {
		return false, fmt.Errorf("take action %s of app %s: %w", a.ID, a.App, err)
	}
	return n == 1, nil
}

// SetAction records what ServerPilot said of an action, unless the action of a later write is
// recorded.
func (l *Ledger) SetAction(ctx context.Context, a PendingAction, status serverpilot.ActionStatus) error {
	if err := l.agenda.touch(ctx, a.App); err != nil {
		return err
	}
	result := encode(Action{ID: a.ID, Status: status, WrittenAt: a.WrittenAt})
	if err := l.setAction.Run(ctx, l.rdb, []string{key(a.App, "shown")}, result, a.WrittenAt.UnixMilli()).Err(); err != nil {
		return fmt.Errorf("record action %s of app %s: %w", a.ID, a.App, err)
	}
	return nil
}

// decodeAction decodes an app's last action; nil for none.
func decodeAction(stored string) *Action {
	_, text, _ := strings.Cut(stored, " ") // the time is for the script
	a, err := decodeJSON[Action](text)
	if err != nil {
		return nil
	}
	return &a
}

// ActionWarning is about an action that ended with errors; nil without one.
func (a App) ActionWarning() *tasks.Cause {
	if a.Action == nil || a.Action.Status != serverpilot.ActionError {
		return nil
	}
	return &tasks.Cause{Code: tasks.CauseActionFailed, Params: tasks.Params{App: a.ID, Message: a.Action.ID}}
}
