package ledger

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// rows reads domains by app, and the syncFields of those apps that aren't quiet, in one round trip.
func (l *Ledger) rows(ctx context.Context, names map[string][]string, quiet map[string]bool) (at map[Position]View, syncs map[string]map[string]string, err error) {
	type answer struct {
		domains       *redis.SliceCmd
		pending, sync *redis.SliceCmd // nil for a quiet app
	}
	if len(names) == 0 {
		return nil, nil, nil
	}
	answers := map[string]answer{}
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for app, domains := range names {
			var a answer
			if !quiet[app] { // first: a sync that ends meanwhile moves a change to the domains
				a.pending, a.sync = p.HMGet(ctx, key(app, "pending"), domains...), p.HMGet(ctx, key(app, "sync"), syncFields()...)
			}
			a.domains = p.HMGet(ctx, key(app, "domains"), domains...)
			answers[app] = a
		}
		return nil
	}); err != nil {
		return nil, nil, fmt.Errorf("read domains of %d apps: %w", len(names), err)
	}
	at, syncs = map[Position]View{}, map[string]map[string]string{}
	for app, a := range answers {
		var pending map[string]string
		if a.pending != nil {
			pending, syncs[app] = foundFields(names[app], a.pending.Val()), foundFields(syncFields(), a.sync.Val())
		}
		views, err := decodeViews(app, foundFields(names[app], a.domains.Val()), pending, syncs[app])
		if err != nil {
			return nil, nil, err
		}
		for _, v := range views {
			at[Position{Domain: v.Domain, App: app}] = v
		}
	}
	return at, syncs, nil
}
