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
	// autoSSLAnswerAge is how long an answer counts; a failure counts until the call may be
	// made again. After a refusal it is the time until ServerPilot is asked again.
	autoSSLAnswerAge = time.Minute
)

// AutoSSLAnswer is what came of the call that turns AutoSSL on; zero for success.
type AutoSSLAnswer struct {
	Refusal string `json:"refused,omitempty"` // ServerPilot's message
	Failure string `json:"failed,omitempty"`  // why there was no answer, or none that decides
}

// TryLockAutoSSL reports whether this caller may turn AutoSSL on for an app. Only one may in
// half a minute.
func (l *Ledger) TryLockAutoSSL(ctx context.Context, app string) (bool, error) {
	n, err := l.tryLock.Run(ctx, l.rdb, []string{key(app, "autossl")}, autoSSLInterval.Milliseconds()).Int()
	if err != nil {
		return false, fmt.Errorf("acquire the lock to enable AutoSSL on app %s: %w", app, err)
	}
	return n == 1, nil
}

// SetAutoSSLAnswer keeps ServerPilot's answer to the call that turns AutoSSL on, for a
// minute at most.
func (l *Ledger) SetAutoSSLAnswer(ctx context.Context, app string, a AutoSSLAnswer) error {
	age := autoSSLAnswerAge
	if a.Failure != "" {
		age = autoSSLInterval
	}
	if err := l.rdb.Set(ctx, key(app, "autossl_answer"), encode(a), age).Err(); err != nil {
		return fmt.Errorf("record ServerPilot's answer about AutoSSL on app %s: %w", app, err)
	}
	return nil
}

// AutoSSLAnswer returns what SetAutoSSLAnswer keeps; ok is false if there is nothing.
func (l *Ledger) AutoSSLAnswer(ctx context.Context, app string) (a AutoSSLAnswer, ok bool, err error) {
	line, err := l.rdb.Get(ctx, key(app, "autossl_answer")).Result()
	if errors.Is(err, redis.Nil) {
		return a, false, nil
	}
	if err == nil {
		a, err = decodeJSON[AutoSSLAnswer](line)
	}
	if err != nil {
		return a, false, fmt.Errorf("read ServerPilot's answer about AutoSSL on app %s: %w", app, err)
	}
	return a, true, nil
}
