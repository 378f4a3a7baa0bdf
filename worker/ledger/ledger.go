package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// HistoryKept is the number of entries in a domain's history. With ten, 100,000 domains with
// full histories take less than 3 KiB each (bench measures it).
const HistoryKept = 10

// Ledger is the record of every domain of every app. It is safe for concurrent use by
// goroutines and processes.
type Ledger struct {
	rdb redis.UniversalClient
	scripts
	agenda  *marker
	changes latestChanges

	handovers handovers
}

var _ listsync.Ledger = (*Ledger)(nil)

// New returns the ledger in rdb, which the caller must close.
func New(rdb redis.UniversalClient) *Ledger {
	l := &Ledger{rdb: rdb, scripts: allScripts()}
	l.agenda = &marker{rdb: rdb, script: l.mark, touchScript: l.scripts.touch, marks: map[string]ownMark{}, touches: map[string]time.Time{}}
	return l
}

const (
	appsKey         = "pilotsync:apps"
	lockKey         = "pilotsync:recoverer"
	oldRecovererKey = "pilotsync:sweep"
)

func key(app, name string) string { return "pilotsync:{" + app + "}:" + name }

func logKey(app, domain string) string { return key(app, "log:"+domain) }

// Now returns the time by Redis's clock.
func (l *Ledger) Now(ctx context.Context) (time.Time, error) {
	now, err := l.rdb.Time(ctx).Result()
	if err != nil {
		return time.Time{}, fmt.Errorf("ask Redis for the time: %w", err)
	}
	return now.UTC(), nil
}

// MaxDomains is how many domains the ledger has of an app, those included that were removed in the
// last 30 days. A list takes 300 names. Any producer can invent domains, and a sync reads its app's.
const MaxDomains = 100_000

// Recorded is the result of recording a change.
type Recorded struct {
	// Superseded: a later change of the domain was recorded before.
	Superseded bool
	// Unissued is the greatest order number that may have been issued, if the change has a
	// greater one; otherwise 0. Then nothing was recorded.
	Unissued int64
	// Full: the ledger has [MaxDomains] other domains of the app. Then nothing was recorded.
	Full bool
	// Repeated: the same change was recorded before.
	Repeated bool
	// Start: the caller must enqueue the sync task for Wake, the number of the app's wake.
	Start bool
	Wake  int64
}

// Record records a change, adds entry to its domain's history, and wakes the app, in one step.
// A change that isn't later than the last recorded one of its domain isn't recorded, and neither
// is one with an order number that no producer can have been given, or of a new domain where the
// ledger has [MaxDomains] of the app.
func (l *Ledger) Record(ctx context.Context, change listsync.Pending, entry listsync.HistoryEntry) (Recorded, error) {
	app, kind := change.AppID, "add"
	if change.Remove {
		kind = "remove"
	}
	keys := []string{key(app, "seqs"), key(app, "pending"), key(app, "since"), key(app, "sync"), logKey(app, change.Domain),
		key(app, "index"), key(app, "latest"), key(app, "waiting"), key(app, "shown"), key(app, "newest"), key(app, "superseded"), key(app, "seq")}
	if err := l.agenda.mark(ctx, app, time.Time{}); err != nil {
		return Recorded{}, fmt.Errorf("record %s of %s on app %s: %w", kind, change.Domain, app, err)
	}
	recorded, err := l.recordNamed(ctx, auditOf(change), keys, change.Domain, kind, change.Seq, encode(change), newLineCodec(app, change.Domain).encode(entry), HistoryKept, MaxDomains)
	if err != nil {
		return Recorded{}, fmt.Errorf("record %s of %s on app %s: %w", kind, change.Domain, app, err)
	}
	reply, err := recorded.StringSlice()
	if err != nil {
		return Recorded{}, fmt.Errorf("record %s of %s on app %s: %w", kind, change.Domain, app, err)
	}
	wake, err := strconv.ParseInt(reply[1], 10, 64)
	if err != nil {
		return Recorded{}, fmt.Errorf("record %s of %s on app %s: wake: %w", kind, change.Domain, app, err)
	}
	if reply[0] == "unissued" {
		return Recorded{Unissued: wake}, l.restoreSite(ctx, change)
	}
	if reply[0] == "full" {
		return Recorded{Full: true}, nil
	}
	r := Recorded{Superseded: reply[0] == "superseded", Repeated: reply[0] == "again", Start: reply[2] == "start", Wake: wake}
	// The task of a change that was recorded before may have ended here.
	if r.Superseded || r.Repeated || reply[3] == "site" {
		if err := l.restoreSite(ctx, change); err != nil {
			return Recorded{}, err
		}
	}
	if r.Start {
		// Other changes don't need this: if the app is already awake, an earlier change did
		// it, or will do it when its task runs again.
		if err := l.rdb.SAdd(ctx, appsKey, app).Err(); err != nil {
			return Recorded{}, fmt.Errorf("add app %s to the list of apps: %w", app, err)
		}
	}
	return r, nil
}

// CommitVerification replaces the record of a domain after a verification, if the ledger still has
// before.Version; otherwise it returns false and does nothing. An entry without a state isn't
// added to the history. A state that changed gets an event, and so does a certificate that
// ends soon.
func (l *Ledger) CommitVerification(ctx context.Context, app string, before, after listsync.Record, entry listsync.HistoryEntry) (bool, error) {
	var line string
	if entry.State != "" {
		line = newLineCodec(app, before.Domain).encode(entry)
	}
	notified := before.State
	if stored, err := decodeRecord(before.Version); err == nil {
		notified = stored.State // the worker may have restarted the verification in before
	}
	expiring := after.ExpiryNotified != nil && (before.ExpiryNotified == nil || !before.ExpiryNotified.Equal(*after.ExpiryNotified))
	var event string
	if after.State != notified {
		event = encode(stateEvent(app, after))
	} else if expiring {
		event = encode(expiringEvent(app, after))
	}
	keys := []string{key(app, "domains"), key(app, "due"), logKey(app, before.Domain), key(app, "told"), key(app, "outbox"),
		key(app, "pending"), key(app, "index"), key(app, "latest"), key(app, "expiry"), key(app, "shown"), key(app, "watch"), key(app, "renew_by")}
	if at, found := nextWork(after, event); found {
		if err := l.agenda.mark(ctx, app, at); err != nil {
			return false, fmt.Errorf("record the verification of %s on app %s: %w", before.Domain, app, err)
		}
	} else if err := l.agenda.touch(ctx, app); err != nil {
		return false, fmt.Errorf("record the verification of %s on app %s: %w", before.Domain, app, err)
	}
	n, err := l.verified.Run(ctx, l.rdb, keys, before.Domain, before.Version, encode(after), string(after.State),
		due(after), recheckAt(after), expiry(after), renewBy(after), line, HistoryKept, event).Int()
	if err != nil {
		return false, fmt.Errorf("record the verification of %s on app %s: %w", before.Domain, app, err)
	}
	return n == 1, nil
}

// nextWork returns when the recoverer next has work with a verified domain, zero for now; found is
// false if it has none.
func nextWork(r listsync.Record, event string) (at time.Time, found bool) {
	if r.NextAttemptAt != nil {
		at = r.NextAttemptAt.Add(OverdueAfter)
	}
	if r.RecheckAt != nil && (at.IsZero() || r.RecheckAt.Before(at)) {
		at = *r.RecheckAt
	}
	found = event != "" || !at.IsZero()
	if event != "" {
		at = time.Time{}
	}
	return at, found
}

// due returns when the record's next verification is due, in ms; empty for never.
func due(r listsync.Record) string {
	if r.NextAttemptAt == nil {
		return ""
	}
	return strconv.FormatInt(r.NextAttemptAt.UnixMilli(), 10)
}

// recheckAt returns when the record's next recheck is due, in ms; empty for never.
func recheckAt(r listsync.Record) string {
	if r.RecheckAt == nil {
		return ""
	}
	return strconv.FormatInt(r.RecheckAt.UnixMilli(), 10)
}

// expiry returns when the certificate of a domain that is done ends, in s; empty for others.
func expiry(r listsync.Record) string {
	if r.State != tasks.Done || r.Certificate == nil {
		return ""
	}
	return strconv.FormatInt(r.Certificate.NotAfter.Unix(), 10)
}

// renewBy is when the certificate of a domain that is done should have been renewed, in s.
func renewBy(r listsync.Record) string {
	if r.State != tasks.Done || r.Certificate == nil {
		return ""
	}
	return strconv.FormatInt(r.Certificate.AlarmAt().Unix(), 10)
}

// encode encodes the ledger's types as JSON, which can't fail.
func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(fmt.Sprintf("ledger: %T always encodes: %v", v, err))
	}
	return string(b)
}

func decodeRecord(raw string) (listsync.Record, error) {
	r := listsync.Record{Version: raw}
	err := json.Unmarshal([]byte(raw), &r)
	return r, err
}

// decodeAll decodes the values of a hash; an undecodable one is named.
func decodeAll[T any](app, kind string, hash map[string]string, decode func(string) (T, error)) (map[string]T, error) {
	all := make(map[string]T, len(hash))
	for field, raw := range hash {
		v, err := decode(raw)
		if err != nil {
			return nil, fmt.Errorf("%s of %s on app %s in the ledger: %w", kind, field, app, err)
		}
		all[field] = v
	}
	return all, nil
}

func decodeJSON[T any](raw string) (T, error) {
	var v T
	err := json.Unmarshal([]byte(raw), &v)
	return v, err
}

func decodeNumber(raw string) (int64, error) { return strconv.ParseInt(raw, 10, 64) }

// leaseHeld turns a script's 0 into listsync.ErrLeaseLost.
func leaseHeld(n int, err error) error {
	switch {
	case err != nil:
		return err
	case n == 0:
		return listsync.ErrLeaseLost
	}
	return nil
}

// pipelined sends the commands that fill adds, in one round trip, and returns the first error. An
// absent key or field is none, and doesn't hide another command's error.
func (l *Ledger) pipelined(ctx context.Context, fill func(redis.Pipeliner)) error {
	cmds, err := l.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		fill(p)
		return nil
	})
	if !missing(err) {
		return err
	}
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil && !missing(err) {
			return err
		}
	}
	return nil
}

// missing reports whether err is redis.Nil, which means an absent key or field.
func missing(err error) bool { return errors.Is(err, redis.Nil) }
