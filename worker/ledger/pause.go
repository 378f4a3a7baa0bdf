package ledger

import (
	"context"
	"fmt"
)

// Pause stops the app's syncs before their next step: its changes stay pending, and its list
// is neither read nor written. by is the operator's name. Pausing a paused app changes nothing.
func (l *Ledger) Pause(ctx context.Context, app, by string) error {
	if err := l.agenda.touch(ctx, app); err != nil {
		return err
	}
	if err := l.rdb.SAdd(ctx, appsKey, app).Err(); err != nil {
		return fmt.Errorf("add app %s to the list of apps: %w", app, err)
	}
	if err := l.rdb.HSetNX(ctx, key(app, "sync"), "paused", by).Err(); err != nil {
		return fmt.Errorf("pause app %s: %w", app, err)
	}
	return l.revised(ctx, app)
}

// Resume ends an app's pause; paused is false if it wasn't paused. The caller must enqueue
// a sync task for wake. If that fails, the recoverer does it.
func (l *Ledger) Resume(ctx context.Context, app string) (wake int64, paused bool, err error) {
	if err := l.agenda.touch(ctx, app); err != nil {
		return 0, false, err
	}
	n, err := l.rdb.HDel(ctx, key(app, "sync"), "paused").Result()
	if err != nil {
		return 0, false, fmt.Errorf("resume app %s: %w", app, err)
	}
	if n == 0 {
		return 0, false, nil
	}
	if err := l.revised(ctx, app); err != nil {
		return 0, true, err
	}
	wake, err = l.Wake(ctx, app)
	return wake, true, err
}

// revised makes readers read the app again.
func (l *Ledger) revised(ctx context.Context, app string) error {
	if err := l.rdb.HIncrBy(ctx, key(app, "shown"), "revision", 1).Err(); err != nil {
		return fmt.Errorf("record a change of app %s: %w", app, err)
	}
	return nil
}
