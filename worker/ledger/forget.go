package ledger

import (
	"context"
	"fmt"
)

// appKeys are the keys of one app but for those of its domains' histories; see the
// package's documentation.
func appKeys(app string) []string {
	names := []string{"seq", "seqs", "pending", "since", "strangers", "domains", "ours", "gone", "due", "watch", "autossl", "retried",
		"sync", "outbox", "told", "writes", "shown", "index", "latest", "waiting", "expiry", "dry"}
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = key(app, name)
	}
	return keys
}

// Forget removes all that the ledger keeps of an app. Doing it again after an error
// goes on where it ended. Nobody may work for the app meanwhile.
func (l *Ledger) Forget(ctx context.Context, app string) error {
	var domains []string
	for _, from := range []string{"domains", "seqs", "pending"} {
		found, err := l.rdb.HKeys(ctx, key(app, from)).Result()
		if err != nil {
			return fmt.Errorf("find the domains of app %s: %w", app, err)
		}
		domains = append(domains, found...)
	}
	const batch = 1000
	for len(domains) > 0 {
		n := min(batch, len(domains))
		keys := make([]string, n)
		for i, domain := range domains[:n] {
			keys[i] = logKey(app, domain)
		}
		if err := l.rdb.Del(ctx, keys...).Err(); err != nil {
			return fmt.Errorf("remove histories of app %s: %w", app, err)
		}
		domains = domains[n:]
	}
	if err := l.rdb.Del(ctx, appKeys(app)...).Err(); err != nil {
		return fmt.Errorf("remove app %s: %w", app, err)
	}
	if err := l.rdb.SRem(ctx, appsKey, app).Err(); err != nil {
		return fmt.Errorf("take app %s off the list of apps: %w", app, err)
	}
	return nil
}
