package ledger

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/worker/listsync"
)

// DryRun is the result of an app's last dry run, if no sync has committed since.
type DryRun struct {
	At             time.Time
	Added, Removed int // names that a sync would have changed on the list
}

// RecordDryRun implements [listsync.Ledger].
func (l *Ledger) RecordDryRun(ctx context.Context, lease listsync.Lease, result listsync.DryRunResult) (bool, error) {
	if err := l.agenda.touch(ctx, lease.App); err != nil {
		return false, err
	}
	keys := []string{key(lease.App, "sync"), key(lease.App, "pending"), key(lease.App, "shown"), key(lease.App, "told"), key(lease.App, "outbox")}
	args := []any{lease.Token, result.Listed, encode(readableEvent(lease.App)), fmt.Sprintf("%d %d", len(result.Added), len(result.Removed))}
	for _, change := range result.Changes {
		with, err := withPreview(change)
		if err != nil {
			return false, err
		}
		args = append(args, encode(previewedChange{Domain: change.Domain, Old: change.Version, New: with}))
	}
	switch reply, err := l.recordDryRun.Run(ctx, l.rdb, keys, args...).Text(); {
	case err != nil:
		return false, err
	case reply == "lost":
		return false, listsync.ErrLeaseLost
	default:
		return reply == "released", nil
	}
}

// previewedChange is a change for record_dry_run.lua: as it was planned, and with its preview.
type previewedChange struct {
	Domain string `json:"domain"`
	Old    string `json:"old"`
	New    string `json:"new"`
}

// withPreview returns the JSON of the change with its preview. Fields of later releases
// stay.
func withPreview(change listsync.Pending) (string, error) {
	var fields map[string]any
	reader := json.NewDecoder(strings.NewReader(change.Version))
	reader.UseNumber()
	if err := reader.Decode(&fields); err != nil {
		return "", fmt.Errorf("the pending change of %s in the ledger: %w", change.Domain, err)
	}
	fields["preview"] = change.Preview
	return encode(fields), nil
}

func decodePending(raw string) (listsync.Pending, error) {
	p := listsync.Pending{Version: raw}
	err := json.Unmarshal([]byte(raw), &p)
	return p, err
}

// decodeDryRun reads the field dry_run; nil if there is none.
func decodeDryRun(s string) *DryRun {
	var ms int64
	var d DryRun
	if n, _ := fmt.Sscan(s, &ms, &d.Added, &d.Removed); n < 3 {
		return nil
	}
	d.At = time.UnixMilli(ms).UTC()
	return &d
}

// InDryRun returns the workers that are in a dry run.
func InDryRun(workers []Worker) []Worker {
	return slices.DeleteFunc(slices.Clone(workers), func(w Worker) bool { return !w.DryRun })
}

// EndOldDryRun repairs the ledger after a dry run of release 0.1.0. That release committed
// changes that it hadn't written, and kept the difference: names that are "on" or "off" the
// list in the ledger only. A sync puts back missing names, but it removes the others only if
// they have a tombstone. wake is for that sync's task; ok is false if there is nothing to
// repair.
func (l *Ledger) EndOldDryRun(ctx context.Context, app string) (wake int64, ok bool, err error) {
	names, err := l.rdb.HGetAll(ctx, key(app, "dry")).Result()
	if err != nil {
		return 0, false, fmt.Errorf("read the old dry run of app %s: %w", app, err)
	}
	if len(names) == 0 {
		return 0, false, nil
	}
	now, err := l.Now(ctx)
	if err != nil {
		return 0, false, err
	}
	var tombstones []redis.Z
	for name, is := range names {
		if is == "off" {
			tombstones = append(tombstones, redis.Z{Score: float64(now.UnixMilli()), Member: name})
		}
	}
	if len(tombstones) > 0 {
		if err := l.rdb.ZAdd(ctx, key(app, "gone"), tombstones...).Err(); err != nil {
			return 0, false, fmt.Errorf("set tombstones for the names that a dry run of app %s left on its list: %w", app, err)
		}
	}
	// The key is deleted last, so after a crash the next start repeats the repair.
	if wake, err = l.Wake(ctx, app); err != nil {
		return 0, false, err
	}
	if err := l.rdb.Del(ctx, key(app, "dry")).Err(); err != nil {
		return 0, false, fmt.Errorf("delete the old dry run of app %s: %w", app, err)
	}
	return wake, true, nil
}
