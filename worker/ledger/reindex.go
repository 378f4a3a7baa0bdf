package ledger

import (
	"context"
	"fmt"
)

// reindexPage is about how many records [Ledger.Reindex] reads at once.
const reindexPage = 200

// Reindex adds what an app's indexes lack of its domains: those of states, of verifications and of
// rechecks. Without them no reader finds the domains, and none is rechecked. It returns how many
// domains they lacked. See [Work.Unindexed].
func (l *Ledger) Reindex(ctx context.Context, app string) (lacked int, err error) {
	if err := l.agenda.touch(ctx, app); err != nil {
		return 0, fmt.Errorf("index the domains of app %s again: %w", app, err)
	}
	keys := []string{key(app, "domains"), key(app, "pending"), key(app, "index"), key(app, "due"), key(app, "watch"), key(app, "shown")}
	for cursor := uint64(0); ; {
		if err := ctx.Err(); err != nil {
			return lacked, err
		}
		var page []string // domain, record, domain, …
		if page, cursor, err = l.rdb.HScan(ctx, keys[0], cursor, "", reindexPage).Result(); err != nil {
			return lacked, fmt.Errorf("read the domains of app %s: %w", app, err)
		}
		var args []any
		for i := 0; i+1 < len(page); i += 2 {
			if r, err := decodeRecord(page[i+1]); err == nil { // otherwise a later release wrote it
				args = append(args, page[i], r.Version, string(r.State), due(r), recheckAt(r))
			}
		}
		n, err := l.reindex.Run(ctx, l.rdb, keys, args...).Int()
		if err != nil {
			return lacked, fmt.Errorf("index %d domains of app %s again: %w", len(args)/5, app, err)
		}
		if lacked += n; cursor == 0 {
			return lacked, nil
		}
	}
}
