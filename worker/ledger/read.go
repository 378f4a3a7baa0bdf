package ledger

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// View is one domain for readers: a pending change takes precedence over its record.
type View struct {
	AppID     string
	Domain    string
	State     tasks.State
	Names     []string
	Cause     tasks.Cause // of State; zero where an earlier release recorded it
	Reason    string      // the cause in words
	Seq       int64
	UpdatedAt time.Time
	// Record is the last record of a sync or a verification; its Domain is empty if there
	// is none yet.
	Record listsync.Record
	// Pending is the pending change, nil if there is none.
	Pending *listsync.Pending
	// Snooze holds for the domain; nil for none. Only [Ledger.Find] sets it, if its query asks for it.
	Snooze *Snooze
}

// Remedy says what to do, in full sentences; empty if there is nothing to do.
func (v View) Remedy() string {
	if v.Pending != nil {
		return v.Cause.Remedy()
	}
	return v.Record.Remedy()
}

// Advice is the reason. If a request or a verification ended and one of the domain's names
// doesn't work, the remedy follows.
func (v View) Advice() string {
	if remedy := v.Remedy(); v.State.Final() && remedy != "" {
		return strings.TrimSuffix(v.Reason, ".") + ". Next: " + remedy
	}
	return v.Reason
}

// NextCheck is when the domain is next verified or rechecked; nil if that isn't planned.
func (v View) NextCheck() *time.Time {
	switch {
	case v.Pending != nil:
		return nil
	case v.Record.NextAttemptAt != nil:
		return v.Record.NextAttemptAt
	}
	return v.Record.RecheckAt
}

// syncFields are the fields of an app's sync hash that the reason of a pending domain needs.
// A producer's user may read these, but not the whole hash.
func syncFields() []string { return []string{"trouble", "blocked", "trouble_since", "paused"} }

func failureOf(f map[string]string) *listsync.Failure {
	if f["trouble"] == "" {
		return nil
	}
	return &listsync.Failure{Reason: f["trouble"], Blocked: f["blocked"] == "1", Since: parseTime(f["trouble_since"])}
}

// Domain returns one domain; ok is false if the ledger doesn't know it.
func (l *Ledger) Domain(ctx context.Context, app, domain string) (v View, ok bool, err error) {
	views, err := l.read(ctx, app, []string{domain})
	if err != nil || len(views) == 0 {
		return View{}, false, err
	}
	return views[0], true, nil
}

// DomainAt is [Ledger.Domain] in one command, with the time by Redis's clock.
func (l *Ledger) DomainAt(ctx context.Context, app, domain string) (v View, ok bool, now time.Time, err error) {
	keys, args := []string{key(app, "domains"), key(app, "pending"), key(app, "sync")}, []any{domain}
	for _, field := range syncFields() {
		args = append(args, field)
	}
	reply, err := l.domain.Run(ctx, l.rdb, keys, args...).StringSlice()
	if err != nil {
		return View{}, false, now, fmt.Errorf("read %s of app %s: %w", domain, app, err)
	}
	named := func(fields []string, values []string) map[string]string {
		m := map[string]string{}
		for i, value := range values {
			if value != "" {
				m[fields[i]] = value
			}
		}
		return m
	}
	views, err := decodeViews(app, named([]string{domain}, reply[1:2]), named([]string{domain}, reply[2:3]), named(syncFields(), reply[3:]))
	if err != nil || len(views) == 0 {
		return View{}, false, parseTime(reply[0]), err
	}
	return views[0], true, parseTime(reply[0]), nil
}

// Domains returns the named domains, or all of the app if none is named, sorted by name.
// Unknown ones are left out.
func (l *Ledger) Domains(ctx context.Context, app string, names ...string) ([]View, error) {
	return l.read(ctx, app, names)
}

func (l *Ledger) read(ctx context.Context, app string, names []string) ([]View, error) {
	var domains, pending map[string]string
	var sync *redis.SliceCmd
	if len(names) == 0 {
		var d, p *redis.MapStringStringCmd
		if err := l.readTogether(ctx, func(pipe redis.Pipeliner) {
			p, d = pipe.HGetAll(ctx, key(app, "pending")), pipe.HGetAll(ctx, key(app, "domains"))
			sync = pipe.HMGet(ctx, key(app, "sync"), syncFields()...)
		}); err != nil {
			return nil, fmt.Errorf("read the domains of app %s: %w", app, err)
		}
		domains, pending = d.Val(), p.Val()
	} else {
		var d, p *redis.SliceCmd
		if err := l.readTogether(ctx, func(pipe redis.Pipeliner) {
			p, d = pipe.HMGet(ctx, key(app, "pending"), names...), pipe.HMGet(ctx, key(app, "domains"), names...)
			sync = pipe.HMGet(ctx, key(app, "sync"), syncFields()...)
		}); err != nil {
			return nil, fmt.Errorf("read %d domains of app %s: %w", len(names), app, err)
		}
		domains, pending = foundFields(names, d.Val()), foundFields(names, p.Val())
	}
	return decodeViews(app, domains, pending, foundFields(syncFields(), sync.Val()))
}

// readTogether reads at one moment, by a transaction. A full Redis refuses transactions, even those
// that only read. Then it reads one after the other: what moves meanwhile, from what fn reads first
// to what it reads next, is found in one of them.
func (l *Ledger) readTogether(ctx context.Context, fn func(redis.Pipeliner)) error {
	_, err := l.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error { fn(p); return nil })
	if redis.IsExecAbortError(err) {
		return l.pipelined(ctx, fn) // whose error also says what is refused
	}
	return err
}

// foundFields maps the requested fields to their values, without the missing ones.
func foundFields(fields []string, values []any) map[string]string {
	m := map[string]string{}
	for i, v := range values {
		if s, ok := v.(string); ok {
			m[fields[i]] = s
		}
	}
	return m
}

// merge combines records and pending changes, which take precedence.
func merge(app string, records map[string]listsync.Record, changes map[string]listsync.Pending, failure *listsync.Failure, paused string) []View {
	views := make([]View, 0, len(records)+len(changes))
	for domain, r := range records {
		if _, waits := changes[domain]; !waits {
			views = append(views, View{AppID: app, Domain: domain, State: r.State, Names: r.Names,
				Cause: r.Cause, Reason: r.Reason(), Seq: r.Seq, UpdatedAt: r.UpdatedAt, Record: r})
		}
	}
	for domain, change := range changes {
		v := View{AppID: app, Domain: domain, State: tasks.Pending, Names: []string{domain}, Cause: pendingCause(app, change, failure, paused),
			Seq: change.Seq, UpdatedAt: change.RecordedAt, Record: records[domain], Pending: &change}
		v.Reason = v.Cause.Sentence()
		if len(v.Record.Names) > 0 {
			v.Names = v.Record.Names
		}
		views = append(views, v)
	}
	slices.SortFunc(views, func(a, b View) int { return cmp.Compare(a.Domain, b.Domain) })
	return views
}

// pendingCause is what a pending change waits for.
func pendingCause(app string, change listsync.Pending, failure *listsync.Failure, paused string) tasks.Cause {
	switch {
	case paused != "":
		return tasks.Cause{Code: tasks.CauseAppPaused, Params: tasks.Params{App: app, By: paused}}
	case failure != nil && failure.Blocked:
		return tasks.Cause{Code: tasks.CauseAppBlocked, Params: tasks.Params{App: app, Message: failure.Reason}}
	case failure != nil:
		return tasks.Cause{Code: tasks.CauseAppFailing, Params: tasks.Params{App: app, Message: failure.Reason}}
	case change.Preview != "":
		return tasks.Cause{Code: tasks.CauseDryRun, Params: tasks.Params{Would: change.Preview}}
	case change.Remove:
		return tasks.Cause{Code: tasks.CauseWaitsToBeRemoved}
	}
	return tasks.Cause{Code: tasks.CauseWaitsToBeListed}
}

// History returns a domain's last entries, newest first, at most [HistoryKept].
func (l *Ledger) History(ctx context.Context, app, domain string) ([]listsync.HistoryEntry, error) {
	lines, err := l.rdb.LRange(ctx, logKey(app, domain), 0, -1).Result()
	if err != nil {
		return nil, fmt.Errorf("read the history of %s on app %s: %w", domain, app, err)
	}
	entries := make([]listsync.HistoryEntry, 0, len(lines))
	reader := newLineCodec(app, domain)
	for _, line := range lines {
		e, err := reader.decode(line)
		if err != nil {
			return nil, fmt.Errorf("the history of %s on app %s in the ledger: %w", domain, app, err)
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// decodeViews decodes some domains of an app.
func decodeViews(app string, domains, pending, sync map[string]string) ([]View, error) {
	records, err := decodeAll(app, "the record", domains, decodeRecord)
	if err != nil {
		return nil, err
	}
	changes, err := decodeAll(app, "the pending change", pending, decodePending)
	if err != nil {
		return nil, err
	}
	return merge(app, records, changes, failureOf(sync), sync["paused"]), nil
}

// parseSeconds decodes a time in s; the zero time if there is none.
func parseSeconds(s string) time.Time {
	seconds, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return encodable(time.Unix(seconds, 0))
}

// parseTime decodes a time in ms; the zero time if there is none.
func parseTime(s string) time.Time {
	ms, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}
	}
	return encodable(time.UnixMilli(ms))
}

// encodable returns a time, or the zero time for one that JSON can't have: only a damaged value in
// Redis is one.
func encodable(t time.Time) time.Time {
	if year := t.UTC().Year(); year < 0 || year > 9999 {
		return time.Time{}
	}
	return t.UTC()
}
