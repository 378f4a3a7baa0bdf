package ledger

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"pilotsync/worker/listsync"
)

// CheckNumbers sees to an app's order numbers. It keeps the newest one that was recorded, which
// tells producers and [Ledger.Record] what may have been issued. If the last number is greater
// than any that may have been, it becomes the newest, or Redis's time. raised is what it was
// then, otherwise empty. A limited user of Redis may set it, and can't be stopped from that.
func (l *Ledger) CheckNumbers(ctx context.Context, app string) (raised string, err error) {
	keys := []string{key(app, "seqs"), key(app, "sync"), key(app, "newest"), key(app, "seq")}
	if raised, err = l.checkNumbers.Run(ctx, l.rdb, keys).Text(); err != nil {
		return "", fmt.Errorf("check the order numbers of app %s: %w", app, err)
	}
	return raised, nil
}

// NoteSuperseded notes that a change had no effect, since a later one of its domain was recorded
// before it. The entry is added to the history. A change of an unknown domain isn't noted.
func (l *Ledger) NoteSuperseded(ctx context.Context, change listsync.Pending, entry listsync.HistoryEntry) error {
	app := change.AppID
	keys := []string{key(app, "superseded"), logKey(app, change.Domain), key(app, "index"), key(app, "shown")}
	line := newLineCodec(app, change.Domain).encode(entry)
	if err := l.agenda.touch(ctx, app); err != nil {
		return fmt.Errorf("note a superseded change of %s on app %s: %w", change.Domain, app, err)
	}
	if err := l.superseded.Run(ctx, l.rdb, keys, change.Domain, change.Seq, encode(change), line, HistoryKept).Err(); err != nil {
		return fmt.Errorf("note a superseded change of %s on app %s: %w", change.Domain, app, err)
	}
	return nil
}

// Superseded returns the superseded changes of some apps: the last one of each domain, unless a later
// change was recorded since. It takes a command for each app.
func (l *Ledger) Superseded(ctx context.Context, apps ...string) (map[Position]listsync.Pending, error) {
	answers := map[string]*redis.MapStringStringCmd{}
	if err := l.pipelined(ctx, func(p redis.Pipeliner) {
		for _, app := range apps {
			answers[app] = p.HGetAll(ctx, key(app, "superseded"))
		}
	}); err != nil {
		return nil, fmt.Errorf("read the superseded changes of %d apps: %w", len(apps), err)
	}
	all := map[Position]listsync.Pending{}
	for app, answer := range answers {
		changes, err := decodeAll(app, "the superseded change", answer.Val(), decodePending)
		if err != nil {
			return nil, err
		}
		for domain, change := range changes {
			all[Position{Domain: domain, App: app}] = change
		}
	}
	return all, nil
}
