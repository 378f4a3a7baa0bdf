package ledger

import (
	"context"
	"crypto/rand"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/worker/listsync"
)

// Acquire implements [listsync.Ledger].
func (l *Ledger) Acquire(ctx context.Context, app string) (listsync.Lease, error) {
	lease := listsync.Lease{App: app, Token: rand.Text()}
	reply, err := l.acquire.Run(ctx, l.rdb, []string{key(app, "sync"), key(app, "shown")}, lease.Token, listsync.LeaseTTL.Milliseconds()).StringSlice()
	if err != nil {
		return listsync.Lease{}, fmt.Errorf("acquire the lease of app %s: %w", app, err)
	}
	ms, err := strconv.ParseInt(reply[1], 10, 64)
	if err != nil {
		return listsync.Lease{}, fmt.Errorf("acquire the lease of app %s: %w", app, err)
	}
	span := time.Duration(ms) * time.Millisecond
	switch reply[0] {
	case "acquired":
		lease.SinceLastCommit = span
		return lease, nil
	case "idle":
		return listsync.Lease{}, &listsync.NotAcquired{Idle: true}
	case "busy":
		return listsync.Lease{}, &listsync.NotAcquired{Busy: true}
	case "paused":
		return listsync.Lease{}, &listsync.NotAcquired{Paused: true}
	}
	return listsync.Lease{}, &listsync.NotAcquired{Wait: span}
}

// Renew implements [listsync.Ledger].
func (l *Ledger) Renew(ctx context.Context, lease listsync.Lease) error {
	n, err := l.renew.Run(ctx, l.rdb, []string{key(lease.App, "sync")}, lease.Token, listsync.LeaseTTL.Milliseconds()).Int()
	if n == 2 {
		return &listsync.NotAcquired{Paused: true}
	}
	return leaseHeld(n, err)
}

// BeginWrite implements [listsync.Ledger].
func (l *Ledger) BeginWrite(ctx context.Context, lease listsync.Lease, w listsync.WriteIntent) error {
	changes := ""
	if len(w.Added)+len(w.Removed) > 0 {
		changes = encode(writeChanges{Added: w.Added, Removed: w.Removed, Size: w.Size, WorkerID: w.WorkerID})
	}
	keys := []string{key(lease.App, "sync"), key(lease.App, "writes"), key(lease.App, "shown")}
	return leaseHeld(l.beginWrite.Run(ctx, l.rdb, keys, lease.Token,
		listsync.LeaseTTL.Milliseconds(), listsync.LandingLimit.Milliseconds(), list(w.Claim), changes).Int())
}

// EndWrite implements [listsync.Ledger].
func (l *Ledger) EndWrite(ctx context.Context, lease listsync.Lease) error {
	return leaseHeld(l.endWrite.Run(ctx, l.rdb, []string{key(lease.App, "sync"), key(lease.App, "writes"), key(lease.App, "shown")}, lease.Token).Int())
}

// Release implements [listsync.Ledger].
func (l *Ledger) Release(ctx context.Context, lease listsync.Lease) (bool, error) {
	keys := []string{key(lease.App, "sync"), key(lease.App, "pending")}
	switch reply, err := l.release.Run(ctx, l.rdb, keys, lease.Token).Text(); {
	case err != nil:
		return false, err
	case reply == "lost":
		return false, listsync.ErrLeaseLost
	default:
		return reply == "released", nil
	}
}

// Fail implements [listsync.Ledger]. The first failure that blocks the app gets an event.
// Those that follow don't, until the next commit, whose event says that it is over.
func (l *Ledger) Fail(ctx context.Context, lease listsync.Lease, failure *listsync.Failure) error {
	var event string
	if failure != nil && failure.Blocked {
		event = blockedEvent(lease.App, *failure)
	}
	return leaseHeld(runFail(ctx, l, lease.App, lease.Token, failure, event))
}

// RecordFailure counts a failure of an app whose sync couldn't begin, since the caller
// doesn't serve the app. It emits no event: only a worker that serves the app knows its
// webhook.
func (l *Ledger) RecordFailure(ctx context.Context, app string, failure listsync.Failure) error {
	if _, err := runFail(ctx, l, app, "", &failure, ""); err != nil {
		return fmt.Errorf("record the failure of app %s: %w", app, err)
	}
	return nil
}

func runFail(ctx context.Context, l *Ledger, app, token string, failure *listsync.Failure, event string) (int, error) {
	var f listsync.Failure
	blocked := ""
	if failure != nil {
		f = *failure
		if f.Blocked {
			blocked = "1"
		}
	}
	keys := []string{key(app, "sync"), key(app, "told"), key(app, "outbox"), key(app, "shown")}
	return l.fail.Run(ctx, l.rdb, keys, token, f.Reason, blocked, f.Since.UnixMilli(), event).Int()
}

// Commit implements [listsync.Ledger].
func (l *Ledger) Commit(ctx context.Context, lease listsync.Lease, c listsync.Commit) ([]string, error) {
	app := lease.App
	keys := []string{key(app, "sync"), key(app, "domains"), key(app, "pending"), key(app, "seqs"),
		key(app, "since"), key(app, "ours"), key(app, "due"), key(app, "strangers"), key(app, "told"), key(app, "outbox"),
		key(app, "index"), key(app, "latest"), key(app, "waiting"), key(app, "expiry"), key(app, "writes"), key(app, "shown"), key(app, "gone"), key(app, "watch"), key(app, "renew_by")}
	outcomes, lines := []commitOutcome{}, []any{}
	for _, o := range c.Outcomes {
		outcomes = append(outcomes, newCommitOutcome(app, o))
		keys = append(keys, logKey(app, o.Record.Domain))
		entry := listsync.HistoryEntry{At: o.Record.UpdatedAt, State: o.Record.State, Action: listsync.ActionSync, Cause: o.Cause, Actor: c.WorkerID}
		lines = append(lines, newLineCodec(app, o.Record.Domain).encode(entry))
	}
	args := append([]any{lease.Token, HistoryKept, recoveredEvent(app), c.Listed, list(c.Own), list(c.Disown),
		list(c.Tombstones), list(c.ClearTombstones), listsync.TombstoneTTL.Milliseconds(), encode(outcomes)}, lines...)
	reply, err := l.commit.Run(ctx, l.rdb, keys, args...).StringSlice()
	if err != nil {
		return nil, err
	}
	if reply[0] == "lost" {
		return nil, listsync.ErrLeaseLost
	}
	return reply[1:], nil
}

// commitOutcome is an outcome for commit.lua. Numbers are strings, since Lua's are floating
// point; an empty string means none. JSON keeps a record byte for byte: package json wrote
// it, so it is valid UTF-8.
type commitOutcome struct {
	Domain  string `json:"domain"`
	Seq     string `json:"seq"`
	Old     string `json:"old"` // the record that the plan is based on
	New     string `json:"new"`
	State   string `json:"state"`
	Since   string `json:"since"`
	Due     string `json:"due"`      // ms
	Recheck string `json:"recheck"`  // ms
	Expiry  string `json:"expiry"`   // s
	RenewBy string `json:"renew_by"` // s
	Event   string `json:"event"`
}

func newCommitOutcome(app string, o listsync.Outcome) commitOutcome {
	r := o.Record
	c := commitOutcome{Domain: r.Domain, Seq: strconv.FormatInt(r.Seq, 10), Old: r.Version, New: encode(r), State: string(r.State),
		Due: due(r), Recheck: recheckAt(r), Expiry: expiry(r), RenewBy: renewBy(r)}
	if r.Since != 0 {
		c.Since = strconv.FormatInt(r.Since, 10)
	}
	if o.Notify {
		c.Event = stateEvent(app, r)
	}
	return c
}

// list encodes names for a script. It returns [] for none: Lua can't iterate over null.
func list(names []string) string {
	if names == nil {
		names = []string{}
	}
	return encode(names)
}

// Snapshot implements [listsync.Ledger], in one transaction.
func (l *Ledger) Snapshot(ctx context.Context, app string) (listsync.Snapshot, error) {
	var domains, pending, since *redis.MapStringStringCmd
	var owned *redis.StringSliceCmd
	var tombstones *redis.ZSliceCmd
	var clock *redis.TimeCmd
	var claim *redis.StringCmd
	_, err := l.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		domains = p.HGetAll(ctx, key(app, "domains"))
		pending = p.HGetAll(ctx, key(app, "pending"))
		since = p.HGetAll(ctx, key(app, "since"))
		owned = p.SMembers(ctx, key(app, "ours"))
		tombstones = p.ZRangeWithScores(ctx, key(app, "gone"), 0, -1)
		clock = p.Time(ctx)
		claim = p.HGet(ctx, key(app, "sync"), "claim")
		return nil
	})
	if err != nil && !missing(err) {
		return listsync.Snapshot{}, err
	}
	s := listsync.Snapshot{Owned: members(owned), Tombstones: map[string]bool{}, At: clock.Val().UTC()}
	for _, z := range tombstones.Val() {
		if clock.Val().UnixMilli()-int64(z.Score) < listsync.TombstoneTTL.Milliseconds() {
			s.Tombstones[z.Member.(string)] = true
		}
	}
	if s.Records, err = decodeAll(app, "the record", domains.Val(), decodeRecord); err != nil {
		return listsync.Snapshot{}, err
	}
	if s.Pending, err = decodeAll(app, "the pending change", pending.Val(), decodePending); err != nil {
		return listsync.Snapshot{}, err
	}
	if s.WantedSince, err = decodeAll(app, "the first addition", since.Val(), decodeNumber); err != nil {
		return listsync.Snapshot{}, err
	}
	if raw := claim.Val(); raw != "" {
		if s.InFlight, err = decodeJSON[[]string](raw); err != nil {
			return listsync.Snapshot{}, fmt.Errorf("the write in flight of app %s in the ledger: %w", app, err)
		}
	}
	return s, nil
}

func members(set *redis.StringSliceCmd) map[string]bool {
	m := map[string]bool{}
	for _, member := range set.Val() {
		m[member] = true
	}
	return m
}
