package serverpilot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
)

// Limiter limits the rate of one account's calls over all workers. Its token buckets are in
// Redis. A full bucket holds the calls of one second, at least 2. So in t seconds there are at
// most that many calls plus t times the rate.
//
// Within a process callers that wait queue, and only the first asks Redis. Tasks don't wait: they
// try, and learn when the turn of their app comes.
type Limiter struct {
	tokens *redis_rate.Limiter // nil: no limit

	account, verify      bucket
	verifySlot           chan struct{} // one slot, for the first caller that waits
	syncs, verifications line
	// begun is how many verifications wait for a further call.
	begun atomic.Int64
}

type bucket struct {
	key   string
	limit redis_rate.Limit
}

// NewLimiter makes the limiter of one account: perSecond calls a second, 0 or less for no
// limit. Keys (redis_rate puts "rate:" before each) carry a hash of the client id, not the id.
// A hash tag puts both buckets in one slot of a cluster.
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
		verifySlot: make(chan struct{}, 1),
		// A sync makes two calls; verifications get half the rate.
		syncs:         line{step: 2 * time.Second / time.Duration(perSecond)},
		verifications: line{step: 2 * time.Second / time.Duration(perSecond)},
	}
}

// SyncDelay returns how long an app has to wait for its turn to sync; 0 if it may try. It doesn't
// ask Redis. What users wait for is urgent, and comes before the rest.
func (l *Limiter) SyncDelay(app string, urgent bool) time.Duration {
	if l.tokens == nil {
		return 0
	}
	return l.syncs.wait(app, urgent, time.Now())
}

// TrySync takes the tokens for a sync's read and write together, since a sync must not wait
// between them. If it isn't the app's turn, or the rate doesn't allow them now, it returns how
// long to wait before the next try. Its error is Redis's.
func (l *Limiter) TrySync(ctx context.Context, app string, urgent bool) (wait time.Duration, err error) {
	return l.try(ctx, &l.syncs, app, urgent, 2, l.account)
}

// TrySyncAgain is [Limiter.TrySync] for a further read and write of a sync that has begun. Of the
// turns it has every second one, so the sync ends although many apps wait, and they don't wait for
// its end.
func (l *Limiter) TrySyncAgain(ctx context.Context, app string) (wait time.Duration, err error) {
	wait, err = l.TrySync(ctx, app, true)
	if most := 2 * l.syncs.step; wait > most {
		wait = most
		l.syncs.waitAgain(app, true, wait, time.Now())
	}
	return wait, err
}

// VerifyDelay returns how long an app has to wait for its turn to verify, as [Limiter.SyncDelay]
// does for syncs.
func (l *Limiter) VerifyDelay(app string, urgent bool) time.Duration {
	if l.tokens == nil {
		return 0
	}
	return l.verifications.wait(app, urgent, time.Now())
}

// TryVerify is [Limiter.TrySync] for the first call of a verification; all of them get at most half
// the rate. It comes after the further calls of those that have begun, see [Limiter.WaitBegun].
func (l *Limiter) TryVerify(ctx context.Context, app string, urgent bool) (wait time.Duration, err error) {
	if begun := l.begun.Load(); begun > 0 {
		wait := l.verifications.wait(app, urgent, time.Now())
		if wait == 0 { // their calls are before this one, and have delayed the others' turns
			wait = time.Duration(begun) * l.verifications.step
			l.verifications.waitAgain(app, urgent, wait, time.Now())
		}
		return wait, nil
	}
	return l.try(ctx, &l.verifications, app, urgent, 1, l.verify, l.account)
}

// SyncsLimited reports whether syncs in this process wait for the rate limit.
func (l *Limiter) SyncsLimited() bool { return l.syncs.limited(time.Now()) }

// VerificationsLimited reports whether verifications in this process wait for the rate limit.
func (l *Limiter) VerificationsLimited() bool { return l.verifications.limited(time.Now()) }

func (l *Limiter) try(ctx context.Context, line *line, app string, urgent bool, n int, buckets ...bucket) (time.Duration, error) {
	if l.tokens == nil {
		return 0, nil
	}
	if wait := line.wait(app, urgent, time.Now()); wait > 0 {
		return wait, nil
	}
	for _, b := range buckets {
		res, err := l.allow(ctx, b, n)
		if err != nil {
			return 0, err
		}
		if res.Allowed < n {
			wait := max(res.RetryAfter, time.Millisecond)
			line.refused(app, urgent, wait, time.Now())
			return wait, nil
		}
	}
	return 0, nil
}

// WaitBegun waits for a further call of a verification that has begun. If that gave its slot back
// instead, what it has read would be too old when its turn came, and with many apps none would end.
// It returns ctx's error, or Redis's.
func (l *Limiter) WaitBegun(ctx context.Context) error {
	l.begun.Add(1)
	defer l.begun.Add(-1)
	l.verifications.delay(l.verifications.step, time.Now())
	return l.WaitVerify(ctx, 1)
}

// WaitVerify waits for n calls that are no more urgent than verifications, such as those of a
// command: they get at most half the rate.
// It returns ctx's error, or Redis's.
func (l *Limiter) WaitVerify(ctx context.Context, n int) error {
	if l.tokens == nil || n <= 0 {
		return nil
	}
	return withSlot(ctx, l.verifySlot, func() error {
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

func withSlot(ctx context.Context, slot chan struct{}, f func() error) error {
	select {
	case slot <- struct{}{}:
		defer func() { <-slot }()
		return f()
	case <-ctx.Done():
		return fmt.Errorf("serverpilot: wait for the rate limit: %w", ctx.Err())
	}
}

// longestWait is more than any bucket takes for its tokens.
const longestWait = time.Minute

// allow takes n tokens of a bucket, if it has them. A bucket that takes longer than it can was filled
// before Redis's clock was set back, and would stop the account until the clock is there again.
func (l *Limiter) allow(ctx context.Context, b bucket, n int) (*redis_rate.Result, error) {
	res, err := l.tokens.AllowN(ctx, b.key, b.limit, n)
	if err == nil && res.RetryAfter > longestWait {
		if err = l.tokens.Reset(ctx, b.key); err == nil {
			res, err = l.tokens.AllowN(ctx, b.key, b.limit, n)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("serverpilot: ask Redis for the rate limit: %w", err)
	}
	return res, nil
}

// take waits until the bucket has n tokens, and takes them.
func (l *Limiter) take(ctx context.Context, b bucket, n int) error {
	for {
		res, err := l.allow(ctx, b, n)
		if err != nil {
			return err
		}
		if res.Allowed >= n {
			return nil
		}
		// With jitter, workers don't all ask at the same time.
		wait := max(res.RetryAfter, time.Millisecond)
		wait += rand.N(wait/10 + 1)
		l.verifications.waits(wait, time.Now())
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return fmt.Errorf("serverpilot: wait for the rate limit: %w", ctx.Err())
		}
	}
}
