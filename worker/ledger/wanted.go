package ledger

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"pilotsync/worker/listsync"
)

// Wanted returns the records of those of the named domains that are wanted, for each of the
// apps that has one. It takes one round trip, and in it a look-up in each app.
func (l *Ledger) Wanted(ctx context.Context, apps, domains []string) (map[string][]listsync.Record, error) {
	if len(apps) == 0 || len(domains) == 0 {
		return nil, nil
	}
	answers := make([]*redis.SliceCmd, len(apps))
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, app := range apps {
			answers[i] = p.HMGet(ctx, key(app, "domains"), domains...)
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("look up %d domains on %d apps: %w", len(domains), len(apps), err)
	}
	found := map[string][]listsync.Record{}
	for i, app := range apps {
		records, err := decodeAll(app, "the record", foundFields(domains, answers[i].Val()), decodeRecord)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if r.Wanted {
				found[app] = append(found[app], r)
			}
		}
	}
	return found, nil
}
