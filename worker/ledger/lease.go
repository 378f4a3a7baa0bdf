package ledger

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strconv"
	"time"

	"pilotsync/worker/listsync"
)

// Acquire implements [listsync.Ledger].
func (l *Ledger) Acquire(ctx context.Context, app string) (listsync.Lease, error) {
	if err := l.agenda.touch(ctx, app); err != nil {
		return listsync.Lease{}, err
	}
	lease := listsync.Lease{App: app, Token: rand.Text()}
	reply, err := l.acquire.Run(ctx, l.rdb, []string{key(app, "sync"), key(app, "shown")}, lease.Token, listsync.LeaseTTL.Milliseconds(), listsync.LandingLimit.Milliseconds()).StringSlice()
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
	if err := l.agenda.touch(ctx, lease.App); err != nil {
		return err
	}
	n, err := l.renew.Run(ctx, l.rdb, []string{key(lease.App, "sync")}, lease.Token, listsync.LeaseTTL.Milliseconds()).Int()
	if n == 2 {
		return &listsync.NotAcquired{Paused: true}
	}
	return leaseHeld(n, err)
}

// BeginWrite implements [listsync.Ledger].
func (l *Ledger) BeginWrite(ctx context.Context, lease listsync.Lease, w listsync.WriteIntent) error {
	if err := l.agenda.touch(ctx, lease.App); err != nil {
		return err
	}
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
	if err := l.agenda.touch(ctx, lease.App); err != nil {
		return false, err
	}
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
		event = encode(blockedEvent(lease.App, failure.Reason))
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
	if err := l.agenda.touch(ctx, app); err != nil {
		return 0, err
	}
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
	if err := l.agenda.touch(ctx, lease.App); err != nil {
		return nil, err
	}
	app := lease.App
	keys := []string{key(app, "sync"), key(app, "domains"), key(app, "pending"), key(app, "seqs"),
		key(app, "since"), key(app, "ours"), key(app, "due"), key(app, "strangers"), key(app, "told"), key(app, "outbox"),
		key(app, "index"), key(app, "latest"), key(app, "waiting"), key(app, "expiry"), key(app, "writes"), key(app, "shown"), key(app, "gone"), key(app, "watch"), key(app, "renew_by")}
	args := []any{lease.Token, HistoryKept, encode(recoveredEvent(app)), c.Listed, list(c.Own), list(c.Disown),
		list(c.Tombstones), list(c.ClearTombstones), listsync.TombstoneTTL.Milliseconds(), len(c.Outcomes), c.ActionID}
	for _, o := range c.Outcomes {
		keys = append(keys, logKey(app, o.Record.Domain))
		entry := listsync.HistoryEntry{At: o.Record.UpdatedAt, State: o.Record.State, Action: listsync.ActionSync, Cause: o.Cause, Actor: c.WorkerID}
		if slices.Contains(c.Changed, o.Record.Domain) {
			entry.ActionID = c.ActionID
		}
		args = append(args, encode(newCommitOutcome(app, o)), newLineCodec(app, o.Record.Domain).encode(entry))
	}
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
		c.Event = encode(stateEvent(app, r))
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

// RecordComparison records for readers that an app's list, which has so many names, was
// compared with the ledger, and that they don't differ.
func (l *Ledger) RecordComparison(ctx context.Context, app string, listed int) error {
	if err := l.agenda.touch(ctx, app); err != nil {
		return err
	}
	if err := l.compared.Run(ctx, l.rdb, []string{key(app, "shown")}, listed).Err(); err != nil {
		return fmt.Errorf("record that the list of app %s was compared with the ledger: %w", app, err)
	}
	return nil
}

// Snapshot implements [listsync.Ledger], in one script. What it reads doesn't grow with the number
// of domains that have ended.
func (l *Ledger) Snapshot(ctx context.Context, app string, names ...string) (listsync.Snapshot, error) {
	keys := []string{key(app, "domains"), key(app, "pending"), key(app, "since"), key(app, "ours"), key(app, "gone"), key(app, "sync"), key(app, "index")}
	reply, err := l.snapshot.Run(ctx, l.rdb, keys, names).Slice()
	if err != nil {
		return listsync.Snapshot{}, err
	}
	domains, pending, since, tombstones := pairs(reply[0]), pairs(reply[1]), pairs(reply[2]), pairs(reply[4])
	claim, now := fmt.Sprint(reply[5]), parseTime(fmt.Sprint(reply[6]))
	s := listsync.Snapshot{Owned: members(reply[3]), Tombstones: map[string]bool{}, At: now}
	for name, at := range tombstones {
		if now.Sub(parseTime(at)) < listsync.TombstoneTTL {
			s.Tombstones[name] = true
		}
	}
	if s.Records, err = decodeAll(app, "the record", domains, decodeRecord); err != nil {
		return listsync.Snapshot{}, err
	}
	if s.Pending, err = decodeAll(app, "the pending change", pending, decodePending); err != nil {
		return listsync.Snapshot{}, err
	}
	if s.WantedSince, err = decodeAll(app, "the first addition", since, decodeNumber); err != nil {
		return listsync.Snapshot{}, err
	}
	if claim != "" {
		if s.InFlight, err = decodeJSON[[]string](claim); err != nil {
			return listsync.Snapshot{}, fmt.Errorf("the write in flight of app %s in the ledger: %w", app, err)
		}
	}
	return s, nil
}

// pairs is a part of a script's reply in which each name is followed by its value.
func pairs(part any) map[string]string {
	all, _ := part.([]any)
	m := make(map[string]string, len(all)/2)
	for i := 0; i+1 < len(all); i += 2 {
		m[fmt.Sprint(all[i])] = fmt.Sprint(all[i+1])
	}
	return m
}

// members is a part of a script's reply that is a set.
func members(part any) map[string]bool {
	all, _ := part.([]any)
	m := make(map[string]bool, len(all))
	for _, member := range all {
		m[fmt.Sprint(member)] = true
	}
	return m
}
