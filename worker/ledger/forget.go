package ledger

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// appKeys returns an app's keys except its domains' histories. The package's documentation
// lists them; releases up to 0.1.0 also wrote strangers and dry.
func appKeys(app string) []string {
	names := []string{"seq", "newest", "seqs", "pending", "since", "domains", "ours", "gone", "due", "watch", "autossl", "autossl_answer", "retried", "sync",
		"outbox", "events", "told", "writes", "shown", "index", "latest", "waiting", "expiry", "renew_by", "handover", "snoozed", "superseded", "strangers", "dry"}
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = key(app, name)
	}
	return keys
}

// Known reports whether Redis has anything of an app besides tasks.
func (l *Ledger) Known(ctx context.Context, app string) (bool, error) {
	var listed *redis.BoolCmd
	var keys *redis.IntCmd
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		listed, keys = p.SIsMember(ctx, appsKey, app), p.Exists(ctx, appKeys(app)...)
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("look up app %s: %w", app, err)
	}
	return listed.Val() || keys.Val() > 0, nil
}

// Forget removes everything that the ledger keeps of an app, except its entries in the audit. If it
// fails, it can be called again. No worker may work for the app meanwhile.
func (l *Ledger) Forget(ctx context.Context, app string) error {
	if err := l.agenda.touch(ctx, app); err != nil {
		return err
	}
	var logs, names []string
	for _, hash := range []string{"domains", "seqs", "pending"} {
		domains, err := l.rdb.HKeys(ctx, key(app, hash)).Result()
		if err != nil {
			return fmt.Errorf("find the domains of app %s: %w", app, err)
		}
		names = append(names, domains...)
		for _, domain := range domains {
			logs = append(logs, logKey(app, domain))
		}
	}
	// The histories are deleted first, since the other keys are needed to find them.
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, log := range logs {
			p.Del(ctx, log)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove the histories of app %s: %w", app, err)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := l.rdb.Del(ctx, appKeys(app)...).Err(); err != nil {
		return fmt.Errorf("remove app %s: %w", app, err)
	}
	if err := l.forgetSnoozes(ctx, app); err != nil {
		return err
	}
	// A name that is left there does no harm, either: readers ask the app.
	if err := l.dropNames(ctx, app, "", names); err != nil {
		return err
	}
	// A mark on the agenda does no harm: the next visit finds no work, and removes it.
	if err := l.rdb.SRem(ctx, appsKey, app).Err(); err != nil {
		return fmt.Errorf("remove app %s from the list of apps: %w", app, err)
	}
	return nil
}
