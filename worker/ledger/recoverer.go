package ledger

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// OverdueAfter is how long after its due time a verification counts as lost. It is more than
// asynq needs to hand out a task that is due, and one attempt to be made.
const OverdueAfter = time.Minute

// TryLockRecoverer lets one caller in each interval be the recoverer. It reports whether it is
// this one.
func (l *Ledger) TryLockRecoverer(ctx context.Context, interval time.Duration) (bool, error) {
	n, err := l.tryLock.Run(ctx, l.rdb, []string{lockKey}, interval.Milliseconds()).Int()
	if err != nil {
		return false, fmt.Errorf("acquire the recoverer's lock: %w", err)
	}
	return n == 1, nil
}

// OldRecovererAt returns when a recoverer of an earlier release last began; zero for never. Its
// worker records work without a mark on the agenda.
func (l *Ledger) OldRecovererAt(ctx context.Context) (time.Time, error) {
	ms, err := l.rdb.Get(ctx, oldRecovererKey).Result()
	if err != nil && !missing(err) {
		return time.Time{}, fmt.Errorf("find workers of an earlier release: %w", err)
	}
	return parseTime(ms), nil
}

// CorrectOldRecoverer makes a time of [Ledger.OldRecovererAt] that is yet to come the present one.
// Redis's clock was set back since, and that worker has ended: one that lives begins again.
func (l *Ledger) CorrectOldRecoverer(ctx context.Context) error {
	if err := l.tryLock.Run(ctx, l.rdb, []string{oldRecovererKey}, math.MaxInt64).Err(); err != nil {
		return fmt.Errorf("correct when workers of an earlier release were last there: %w", err)
	}
	return nil
}

// CorrectTimes limits the time limits of an app's lease, of its write in flight and of its wake to
// what they can be: they are further ahead since Redis's clock was set back. See [Work.TimesAhead].
func (l *Ledger) CorrectTimes(ctx context.Context, app string) error {
	if err := l.correctTimes.Run(ctx, l.rdb, []string{key(app, "sync")}, mostAhead.Milliseconds()).Err(); err != nil {
		return fmt.Errorf("correct the time limits of app %s: %w", app, err)
	}
	return nil
}

// Wake wakes an app for one more sync, whether a change is pending or not. It returns the wake
// of the sync task, which the caller must enqueue.
func (l *Ledger) Wake(ctx context.Context, app string) (wake int64, err error) {
	if err := l.rdb.SAdd(ctx, appsKey, app).Err(); err != nil {
		return 0, fmt.Errorf("add app %s to the list of apps: %w", app, err)
	}
	if err := l.agenda.mark(ctx, app, time.Time{}); err != nil {
		return 0, fmt.Errorf("wake app %s: %w", app, err)
	}
	if wake, err = l.wake.Run(ctx, l.rdb, []string{key(app, "sync")}).Int64(); err != nil {
		return 0, fmt.Errorf("wake app %s: %w", app, err)
	}
	return wake, nil
}

// SetWakeAt makes the recoverer wake an app at the given time, by Redis's clock. That is when a
// write in flight can't take effect any more.
func (l *Ledger) SetWakeAt(ctx context.Context, app string, at time.Time) error {
	if err := l.agenda.mark(ctx, app, at); err != nil {
		return fmt.Errorf("set when to wake app %s: %w", app, err)
	}
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.SAdd(ctx, appsKey, app)
		p.HSet(ctx, key(app, "sync"), "look_at", at.UnixMilli())
		return nil
	})
	if err != nil {
		return fmt.Errorf("set when to wake app %s: %w", app, err)
	}
	return nil
}

// RenewWake gives an app a new wake, so that the caller can enqueue a sync task with a new id.
// The parameter wake is the one whose task was lost. ok is false if the app needs no new one.
func (l *Ledger) RenewWake(ctx context.Context, app string, wake int64) (next int64, ok bool, err error) {
	if err := l.agenda.mark(ctx, app, time.Time{}); err != nil {
		return 0, false, fmt.Errorf("wake app %s: %w", app, err)
	}
	next, err = l.renewWake.Run(ctx, l.rdb, []string{key(app, "sync"), key(app, "pending")}, wake).Int64()
	if err != nil {
		return 0, false, fmt.Errorf("wake app %s: %w", app, err)
	}
	return next, next != 0, nil
}

// Overdue is a domain whose next verification is overdue.
type Overdue struct {
	Domain string
	// At is when the verification was due, or the time of [Ledger.Postpone].
	At time.Time
}

// Overdue returns the domains of an app whose next verification was due before
// the given time, the longest overdue first.
func (l *Ledger) Overdue(ctx context.Context, app string, before time.Time) ([]Overdue, error) {
	found, err := l.rdb.ZRangeByScoreWithScores(ctx, key(app, "due"), &redis.ZRangeBy{
		Min: "-inf", Max: "(" + strconv.FormatInt(before.UnixMilli(), 10),
	}).Result()
	if err != nil {
		return nil, fmt.Errorf("find overdue domains of app %s: %w", app, err)
	}
	overdue := make([]Overdue, len(found))
	for i, z := range found {
		overdue[i] = Overdue{Domain: fmt.Sprint(z.Member), At: time.UnixMilli(int64(z.Score))}
	}
	return overdue, nil
}

// Postpone makes [Ledger.Overdue] leave a domain out until the given time.
func (l *Ledger) Postpone(ctx context.Context, app, domain string, until time.Time) error {
	err := l.rdb.ZAddXX(ctx, key(app, "due"), redis.Z{Score: float64(until.UnixMilli()), Member: domain}).Err()
	if err != nil {
		return fmt.Errorf("postpone the recovery of %s on app %s: %w", domain, app, err)
	}
	return nil
}

// TryLockRetry lets one caller retry an app's sync; others get false within the given time.
func (l *Ledger) TryLockRetry(ctx context.Context, app string, within time.Duration) (bool, error) {
	n, err := l.tryLock.Run(ctx, l.rdb, []string{key(app, "retried")}, within.Milliseconds()).Int()
	if err != nil {
		return false, fmt.Errorf("acquire the lock to retry app %s: %w", app, err)
	}
	return n == 1, nil
}
