package ledger

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/worker/listsync"
)

// mostAhead is how far ahead an app's time limits can be, see [Ledger.CorrectTimes].
const mostAhead = max(listsync.LeaseTTL, listsync.LandingLimit)

// Work is what of an app waits for a worker.
type Work struct {
	App                   string
	Wake                  int64 // 0: no change of the app was ever recorded
	Awake, Leased, Paused bool
	Held                  bool      // a sync has the lease, or it ran out without a release
	DryRun                bool      // the last plan was a dry run
	OldDryRun             bool      // see [Ledger.EndOldDryRun]
	Failing               bool      // the last sync failed
	WakeAt                time.Time // when the recoverer wakes it; zero for never
	FirstDue              time.Time // the earliest time at which a verification is due; zero for none
	FirstRecheck          time.Time // the same of rechecks
	Pending, Outbox       int       // changes, and events
	Domains               int       // of any state
	Prune                 bool      // it may have domains that ended long ago, see [Ledger.Prune]
	Numbers               bool      // its order numbers are to be seen to, see [Ledger.CheckNumbers]
	Unindexed             bool      // its indexes lack domains, see [Ledger.Reindex]
	TimesAhead            bool      // time limits are too far ahead, see [Ledger.CorrectTimes]

	names, sites []string // each domain behind a space, and its site or ""; see [Ledger.WorkWithNames]
}

// Work reads the work of apps, by one command an app and a round trip for some hundred.
func (l *Ledger) Work(ctx context.Context, apps ...string) ([]Work, error) {
	return l.readWork(ctx, apps)
}

// WorkWithNames reads the work of apps with their domains, for [Ledger.CompleteNames].
func (l *Ledger) WorkWithNames(ctx context.Context, apps ...string) ([]Work, error) {
	return l.readWork(ctx, apps, "1")
}

func (l *Ledger) readWork(ctx context.Context, apps []string, args ...any) ([]Work, error) {
	all := make([]Work, 0, len(apps))
	// The first page is short: a Redis that doesn't know the script gets each command again.
	for page := 10; len(all) < len(apps); page = planPage {
		works, err := l.workOf(ctx, apps[len(all):min(len(all)+page, len(apps))], args)
		if err != nil {
			return nil, err
		}
		all = append(all, works...)
	}
	return all, nil
}

func (l *Ledger) workOf(ctx context.Context, apps []string, args []any) ([]Work, error) {
	args = append([]any{mostAhead.Milliseconds()}, args...)
	replies, err := l.runEach(ctx, l.work, apps, func(app string) []string {
		return []string{key(app, "sync"), key(app, "pending"), key(app, "due"), key(app, "watch"), key(app, "outbox"), key(app, "dry"), key(app, "index"),
			key(app, "newest"), key(app, "seq"), key(app, "domains")}
	}, args...)
	if err != nil {
		return nil, fmt.Errorf("read the work of %d apps: %w", len(apps), err)
	}
	works := make([]Work, len(apps))
	for i, reply := range replies {
		values, err := reply.Slice()
		if err == nil {
			works[i], err = decodeWork(apps[i], values)
		}
		if err != nil {
			return nil, fmt.Errorf("read the work of app %s: %w", apps[i], err)
		}
	}
	return works, nil
}

// decodeWork decodes what work.lua returns.
func decodeWork(app string, reply []any) (w Work, err error) {
	f := texts(reply)
	w = Work{App: app, Awake: f[1] != "", Leased: f[2] != "", Held: f[3] != "", Paused: f[4] != "", DryRun: f[5] != "", OldDryRun: f[6] != "",
		Failing: f[7] != "", WakeAt: parseTime(f[8]), FirstDue: parseTime(f[9]), FirstRecheck: parseTime(f[10]), Prune: f[14] != "", Numbers: f[15] != "", TimesAhead: f[18] != "", Unindexed: f[19] != ""}
	if w.Wake, err = strconv.ParseInt(f[0], 10, 64); err != nil {
		return w, err
	}
	if w.Pending, err = strconv.Atoi(f[11]); err != nil {
		return w, err
	}
	if w.Outbox, err = strconv.Atoi(f[12]); err != nil {
		return w, err
	}
	names, _ := reply[16].([]any)
	sites, _ := reply[17].([]any)
	w.names, w.sites = texts(names), texts(sites)
	w.Domains, err = strconv.Atoi(f[13])
	return w, err
}

// texts returns the values of a reply; empty for what isn't a text.
func texts(reply []any) []string {
	all := make([]string, len(reply))
	for i, value := range reply {
		all[i], _ = value.(string)
	}
	return all
}

// Known reports whether a change of the app was ever recorded. The wake alone may be lost.
func (w Work) Known() bool { return w.Wake != 0 || w.Domains > 0 }

// DueAt returns when the first of the work is due, zero if there is none. Work that is due now
// is due at the given time at the latest. A paused app's changes are no work: resuming it wakes
// it. But a sync that still has the lease may commit, which makes more work.
func (w Work) DueAt(now time.Time) (at time.Time) {
	first := func(due time.Time) {
		if !due.IsZero() && (at.IsZero() || due.Before(at)) {
			at = due
		}
	}
	if w.Outbox > 0 || w.Held || !w.Paused && (w.Awake || w.Pending > 0 || w.DryRun) {
		first(now)
	}
	if !w.Paused {
		first(w.WakeAt)
	}
	if !w.FirstDue.IsZero() {
		first(w.FirstDue.Add(OverdueAfter))
	}
	first(w.FirstRecheck)
	return at
}

// runEach runs a script that changes nothing for each app, in one round trip. If Redis doesn't
// know the script yet, it takes a second one.
func (l *Ledger) runEach(ctx context.Context, script *redis.Script, apps []string, keys func(app string) []string, args ...any) ([]*redis.Cmd, error) {
	replies := make([]*redis.Cmd, len(apps))
	_, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, app := range apps {
			replies[i] = script.EvalSha(ctx, p, keys(app), args...)
		}
		return nil
	})
	if !redis.HasErrorPrefix(err, "NOSCRIPT") {
		return replies, err
	}
	_, err = l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, app := range apps {
			if replies[i].Err() != nil {
				replies[i] = script.Eval(ctx, p, keys(app), args...)
			}
		}
		return nil
	})
	return replies, err
}

// Rechecks are the rechecks of an app that its caller has to enqueue.
type Rechecks struct {
	Records []listsync.Record
	Next    time.Time // when the app's next recheck is due; zero for never
}

// TakeRechecks takes the rechecks of an app that are due, at most n, the longest overdue first.
// A taken recheck is due again after the given time, in case its task is lost.
func (l *Ledger) TakeRechecks(ctx context.Context, app string, n int, again time.Duration) (Rechecks, error) {
	reply, err := l.takeRechecks.Run(ctx, l.rdb, []string{key(app, "watch"), key(app, "domains")}, n, again.Milliseconds()).StringSlice()
	if err != nil {
		return Rechecks{}, fmt.Errorf("take the rechecks of app %s: %w", app, err)
	}
	r := Rechecks{Next: parseTime(reply[0])}
	for i := 1; i+1 < len(reply); i += 2 {
		if reply[i+1] == "" {
			continue // a workers' earlier release left it there
		}
		record, err := decodeRecord(reply[i+1])
		if err != nil {
			return Rechecks{}, fmt.Errorf("the record of %s on app %s in the ledger: %w", reply[i], app, err)
		}
		if record.RecheckAt != nil {
			r.Records = append(r.Records, record)
		}
	}
	return r, nil
}
