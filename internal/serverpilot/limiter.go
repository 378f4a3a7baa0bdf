package serverpilot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
)

// Limiter limits the rate of one account's calls over all workers. Its token buckets are in
// Redis. A full bucket holds the calls of one second, at least 2. So in t seconds there are at
// most that many calls plus t times the rate.
//
// Within a process callers queue, and only the first asks Redis.
type Limiter struct {
	tokens *redis_rate.Limiter // nil: no limit

	account, verify bucket
	// One slot each, for the first caller in the queue.
	syncTurn, verifyTurn chan struct{}
}

type bucket struct {
	key   string
	limit redis_rate.Limit
}

// NewLimiter makes the limiter of one account: perSecond calls a second, 0 or less for no
// limit. Keys (redis_rate puts "rate:" before each) carry a hash of the client id, not the id,
// and a hash tag, so that both buckets are in one slot of a cluster.
func NewLimiter(rdb redis.UniversalClient, clientID string, perSecond int) *Limiter {
	if perSecond <= 0 {
		return &Limiter{}
	}
	sum := sha256.Sum256([]byte(clientID))
	key := "pilotsync:rate:{" + hex.EncodeToString(sum[:8]) + "}"
	return &Limiter{
		tokens: redis_rate.NewLimiter(rdb),
		// A sync takes 2 tokens together, so a bucket must hold them.
		account: bucket{key, redis_rate.Limit{Rate: perSecond, Period: time.Second, Burst: max(perSecond, 2)}},
		// Half the rate, exact for odd rates, too.
		verify:     bucket{key + ":verify", redis_rate.Limit{Rate: perSecond, Period: 2 * time.Second, Burst: max(perSecond/2, 1)}},
		syncTurn:   make(chan struct{}, 1),
		verifyTurn: make(chan struct{}, 1),
	}
}

// WaitSync waits for a sync's read and write together, since a sync must not wait between
// them. It returns ctx's error, or Redis's.
func (l *Limiter) WaitSync(ctx context.Context) error {
	if l.tokens == nil {
		return nil
	}
	return inTurn(ctx, l.syncTurn, func() error { return l.take(ctx, l.account, 2) })
}

// WaitVerify waits for n calls of verifications, which get at most half the rate.
// It returns ctx's error, or Redis's.
func (l *Limiter) WaitVerify(ctx context.Context, n int) error {
	if l.tokens == nil || n <= 0 {
		return nil
	}
	return inTurn(ctx, l.verifyTurn, func() error {
		for range n { // one by one: n can be more than a bucket holds
			if err := l.take(ctx, l.verify, 1); err != nil {
				return err
			}
			if err := l.take(ctx, l.account, 1); err != nil {
				return err
			}
		}
		return nil
	})
}

func inTurn(ctx context.Context, turn chan struct{}, f func() error) error {
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
		return f()
	case <-ctx.Done():
		return fmt.Errorf("serverpilot: wait for the rate limit: %w", ctx.Err())
	}
}

// take waits until the bucket has n tokens, and takes them.
func (l *Limiter) take(ctx context.Context, b bucket, n int) error {
	for {
		res, err := l.tokens.AllowN(ctx, b.key, b.limit, n)
		if err != nil {
			return fmt.Errorf("serverpilot: ask Redis for the rate limit: %w", err)
		}
		if res.Allowed >= n {
			return nil
		}
		// With jitter, workers don't all ask at the same time.
		wait := max(res.RetryAfter, time.Millisecond)
		timer := time.NewTimer(wait + rand.N(wait/10+1))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("serverpilot: wait for the rate limit: %w", ctx.Err())
		}
	}
}
