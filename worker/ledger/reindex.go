package ledger

import (
	"context"
	"fmt"
	"slices"
)

// Reindex adds what an app's indexes lack of its domains: those of states, of verifications and of
// rechecks. Without them no reader finds the domains, and none is rechecked. It returns how many
// domains they lacked. See [Work.Unindexed].
func (l *Ledger) Reindex(ctx context.Context, app string) (lacked int, err error) {
	views, err := l.Domains(ctx, app)
	if err != nil {
		return 0, fmt.Errorf("index the domains of app %s again: %w", app, err)
	}
	if err := l.agenda.touch(ctx, app); err != nil {
		return 0, fmt.Errorf("index the domains of app %s again: %w", app, err)
	}
	keys := []string{key(app, "domains"), key(app, "pending"), key(app, "index"), key(app, "due"), key(app, "watch"), key(app, "shown")}
	for some := range slices.Chunk(views, planPage/5) {
		if err := ctx.Err(); err != nil {
			return lacked, err
		}
		var args []any
		for _, v := range some {
			if r := v.Record; r.Domain != "" {
				args = append(args, r.Domain, r.Version, string(r.State), due(r), recheckAt(r))
			}
		}
		n, err := l.reindex.Run(ctx, l.rdb, keys, args...).Int()
		if err != nil {
			return lacked, fmt.Errorf("index %d domains of app %s again: %w", len(some), app, err)
		}
		lacked += n
	}
	return lacked, nil
}
