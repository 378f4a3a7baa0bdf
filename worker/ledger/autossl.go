package ledger

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	autoSSLInterval = 30 * time.Second
	// autoSSLAnswerAge is how long an answer counts. After a refusal it is the time until
	// ServerPilot is asked again.
	autoSSLAnswerAge = time.Minute
)

// TryLockAutoSSL lets one caller in half a minute turn AutoSSL on for an app.
func (l *Ledger) TryLockAutoSSL(ctx context.Context, app string) (bool, error) {
	n, err := l.tryLock.Run(ctx, l.rdb, []string{key(app, "autossl")}, autoSSLInterval.Milliseconds()).Int()
	if err != nil {
		return false, fmt.Errorf("acquire the lock to enable AutoSSL on app %s: %w", app, err)
	}
	return n == 1, nil
}

// SetAutoSSLAnswer keeps ServerPilot's answer to the call that turns AutoSSL on, for a
// minute: empty for success, or the message of the refusal.
func (l *Ledger) SetAutoSSLAnswer(ctx context.Context, app, refused string) error {
	if err := l.rdb.Set(ctx, key(app, "autossl_answer"), refused, autoSSLAnswerAge).Err(); err != nil {
		return fmt.Errorf("record ServerPilot's answer about AutoSSL on app %s: %w", app, err)
	}
	return nil
}

// AutoSSLAnswer returns what [Ledger.SetAutoSSLAnswer] keeps; ok is false if that is nothing.
func (l *Ledger) AutoSSLAnswer(ctx context.Context, app string) (refused string, ok bool, err error) {
	refused, err = l.rdb.Get(ctx, key(app, "autossl_answer")).Result()
	switch {
	case errors.Is(err, redis.Nil):
		return "", false, nil
	case err != nil:
		return "", false, fmt.Errorf("read ServerPilot's answer about AutoSSL on app %s: %w", app, err)
	}
	return refused, true, nil
}
