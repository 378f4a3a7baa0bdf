package ledger

import (
	"context"
	"fmt"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

const (
	// endedPage is how many entries of an app's index one command reads.
	endedPage = 1000
	// prunedAtOnce is the most domains that one script removes. Redis runs nothing else meanwhile.
	prunedAtOnce = 100
	// pruneInterval is how long after the last page of an app its first one is due again.
	pruneInterval = 24 * time.Hour
)

// endedDomain is a domain whose last change was processed long ago.
type endedDomain struct {
	Domain string `json:"domain"`
	Seq    string `json:"seq"`
	Record string `json:"record"` // as it was read
}

// endedDomains is a page of ended domains.
type endedDomains struct {
	domains []endedDomain
	from    string // the entry of the index after which the next page begins; empty for none
}

// Prune removes all records of domains that were removed or rejected and haven't changed for the
// time keep. It reads a page of the app's domains, and reports whether more is left. A pruned
// domain is as unknown as before its first request. The app's floor rises to the greatest order
// number of a pruned domain. From then on a change of an unknown domain is recorded only if it is
// later.
//
// A domain stays while a plan may need it: if a name of it is owned, is in flight or has a
// tombstone, and if it is the www form of a domain that the ledger has.
func (l *Ledger) Prune(ctx context.Context, app string, keep time.Duration) (pruned []string, more bool, err error) {
	page, err := l.endedDomains(ctx, app, keep)
	if err == nil && ctx.Err() == nil {
		pruned, err = l.pruneDomains(ctx, app, page)
	}
	if err == nil {
		err = l.RemoveNames(ctx, app, pruned...)
	}
	if err != nil {
		return pruned, false, fmt.Errorf("prune the domains of app %s: %w", app, err)
	}
	return pruned, page.from != "", ctx.Err()
}

func (l *Ledger) endedDomains(ctx context.Context, app string, keep time.Duration) (page endedDomains, err error) {
	keys := []string{key(app, "index"), key(app, "seqs"), key(app, "domains"), key(app, "sync")}
	reply, err := l.ended.Run(ctx, l.rdb, keys, keep.Milliseconds(), endedPage, prunedAtOnce).StringSlice()
	if err != nil {
		return page, err
	}
	before := parseTime(reply[0]).Add(-keep)
	page = endedDomains{domains: []endedDomain{}, from: reply[1]}
	for i := 2; i+2 < len(reply); i += 3 {
		r, err := decodeRecord(reply[i+2])
		if err != nil {
			continue // a later release wrote it, and prunes it
		}
		// A domain can be rejected long after its last request.
		if (r.State == tasks.Removed || r.State == tasks.Rejected) && r.UpdatedAt.Before(before) {
			page.domains = append(page.domains, endedDomain{reply[i], reply[i+1], reply[i+2]})
		}
	}
	return page, nil
}

// pruneDomains removes the domains of a page that haven't changed since, and records where the next
// page begins.
func (l *Ledger) pruneDomains(ctx context.Context, app string, page endedDomains) ([]string, error) {
	keys := []string{key(app, "domains"), key(app, "pending"), key(app, "seqs"), key(app, "since"), key(app, "ours"),
		key(app, "gone"), key(app, "sync"), key(app, "shown"), key(app, "index"), key(app, "latest"),
		key(app, "waiting"), key(app, "due"), key(app, "watch"), key(app, "expiry"), key(app, "renew_by"), key(app, "superseded")}
	for _, d := range page.domains {
		keys = append(keys, logKey(app, d.Domain))
	}
	if len(page.domains) > 0 {
		if err := l.agenda.touch(ctx, app); err != nil {
			return nil, err
		}
	}
	return l.prune.Run(ctx, l.rdb, keys, page.from, pruneInterval.Milliseconds(), listsync.TombstoneTTL.Milliseconds(), encode(page.domains)).StringSlice()
}
