package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/worker/listsync"
)

// Expiring are the domains of an app that are done and whose certificate wasn't renewed by
// its [listsync.Cert.AlarmAt].
type Expiring struct {
	Count  int
	First  time.Time // the earliest end of these certificates; zero for none
	Domain string    // whose certificate that is
}

func (e *Expiring) add(domain string, end float64) {
	at := time.Unix(int64(end), 0).UTC()
	if e.Count++; e.Count == 1 || at.Before(e.First) {
		e.First, e.Domain = at, domain
	}
}

// renewals is what the ledger has of the certificates of an app's domains that are done.
// Workers of 0.1.0 write a certificate's end, but not by when it should have been renewed.
// So a domain may lack that time until its next recheck. A domain that such a worker removed
// may still have it.
type renewals struct {
	late         *redis.StringSliceCmd // domains whose certificate should have been renewed
	timed, ended *redis.IntCmd         // how many have that time; how many have an end
	// The first certificates that are to be renewed later, and that end later than would be late
	// if they last 90 days.
	next, nextAssumed *redis.ZSliceCmd
}

func readRenewals(ctx context.Context, p redis.Pipeliner, app string, now time.Time) renewals {
	return renewals{
		late:  p.ZRangeByScore(ctx, key(app, "renew_by"), until(now)),
		timed: p.ZCard(ctx, key(app, "renew_by")),
		ended: p.ZCard(ctx, key(app, "expiry")),
		next:  p.ZRangeByScoreWithScores(ctx, key(app, "renew_by"), firstAfter(now)), nextAssumed: p.ZRangeByScoreWithScores(ctx, key(app, "expiry"), firstAfter(now.Add(listsync.AssumedAlarm))),
	}
}

// nextLate returns when the next certificate may become late; zero for never.
func (r renewals) nextLate() (at time.Time) {
	for _, first := range r.next.Val() {
		at = time.Unix(int64(first.Score), 0).UTC()
	}
	for _, first := range r.nextAssumed.Val() {
		if end := time.Unix(int64(first.Score), 0).UTC().Add(-listsync.AssumedAlarm); r.incomplete() && (at.IsZero() || end.Before(at)) {
			at = end
		}
	}
	return at
}

// firstAfter is the first of all times after t.
func firstAfter(t time.Time) *redis.ZRangeBy {
	return &redis.ZRangeBy{Min: "(" + strconv.FormatInt(t.Unix(), 10), Max: "+inf", Count: 1}
}

// incomplete reports whether domains lack the time by which their certificate should have
// been renewed.
func (r renewals) incomplete() bool { return r.ended.Val() > r.timed.Val() }

// expiring turns what was read of each app into its certificates that weren't renewed. It
// takes a round trip only if there are some, or if some times are missing.
func (l *Ledger) expiring(ctx context.Context, apps []string, all []renewals, now time.Time) ([]Expiring, error) {
	type answer struct {
		ends  *redis.FloatSliceCmd // of the late ones, 0 for none
		soon  *redis.ZSliceCmd     // certificates that would be late if they last 90 days
		timed *redis.StringSliceCmd
	}
	answers := make([]answer, len(apps))
	if _, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, r := range all {
			if late := r.late.Val(); len(late) > 0 {
				answers[i].ends = p.ZMScore(ctx, key(apps[i], "expiry"), late...)
			}
			if r.incomplete() {
				soon := until(now.Add(listsync.AssumedAlarm))
				answers[i].soon = p.ZRangeByScoreWithScores(ctx, key(apps[i], "expiry"), soon)
				answers[i].timed = p.ZRangeByScore(ctx, key(apps[i], "renew_by"), soon)
			}
		}
		return nil
	}); err != nil {
		return nil, fmt.Errorf("look up the certificates of %d apps: %w", len(apps), err)
	}
	expiring := make([]Expiring, len(apps))
	for i, a := range answers {
		if a.ends != nil {
			for j, end := range a.ends.Val() {
				if end != 0 {
					expiring[i].add(all[i].late.Val()[j], end)
				}
			}
		}
		if a.soon == nil {
			continue
		}
		timed := slices.Sorted(slices.Values(a.timed.Val()))
		for _, z := range a.soon.Val() {
			domain := z.Member.(string)
			if _, has := slices.BinarySearch(timed, domain); !has {
				expiring[i].add(domain, z.Score)
			}
		}
	}
	return expiring, nil
}

// until is the range of all times up to t.
func until(t time.Time) *redis.ZRangeBy {
	return &redis.ZRangeBy{Min: "-inf", Max: strconv.FormatInt(t.Unix(), 10)}
}
