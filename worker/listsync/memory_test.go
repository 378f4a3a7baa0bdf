package listsync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"pilotsync/tasks"
)

const app = "app1"

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// clock is a clock that moves only when advanced.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// memory is a fake [Ledger] of one app that keeps the whole contract. Its lease has a token and
// a time limit, a write in flight delays the next Acquire, and a commit compares before it
// replaces.
type memory struct {
	*clock
	mu              sync.Mutex
	records         map[string]Record
	pending         map[string]Pending
	seqs            map[string]int64 // last recorded order number of each domain
	since           map[string]int64
	owned           map[string]bool
	tombstones      map[string]time.Time
	claim           []string
	landing         time.Time
	awake           bool
	token           string
	until           time.Time
	tokens          int           // number of leases so far
	sinceLastCommit time.Duration // for the next lease
	versions        int
	failure         *Failure
	history         map[string][]string
	// before is called, unlocked, when the named method is entered.
	before func(method string)
}

func newMemory(c *clock) *memory {
	return &memory{
		clock: c, records: map[string]Record{}, pending: map[string]Pending{}, seqs: map[string]int64{},
		since: map[string]int64{}, owned: map[string]bool{}, tombstones: map[string]time.Time{}, history: map[string][]string{},
	}
}

// clone returns an independent copy.
func (m *memory) clone() *memory {
	c := newMemory(&clock{t: m.now()})
	c.records, c.pending, c.seqs = maps.Clone(m.records), maps.Clone(m.pending), maps.Clone(m.seqs)
	c.since, c.owned, c.claim = maps.Clone(m.since), maps.Clone(m.owned), slices.Clone(m.claim)
	c.versions, c.awake, c.tombstones = m.versions, m.awake, maps.Clone(m.tombstones)
	return c
}

// record records a change as its task does. It reports whether a later change superseded
// it.
func (m *memory) record(change Pending) (superseded bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	d := change.Domain
	last := m.seqs[d]
	if change.Seq <= last {
		return change.Seq < last
	}
	m.seqs[d], m.pending[d], m.awake = change.Seq, change, true
	if change.Remove {
		delete(m.since, d)
	} else if m.since[d] == 0 {
		m.since[d] = change.Seq
	}
	return false
}

// verified replaces a record as a verification does.
func (m *memory) verified(domain string, change func(*Record)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, known := m.records[domain]
	if !known {
		return
	}
	change(&r)
	m.put(r)
}

func (m *memory) put(r Record) {
	m.versions++
	r.Version = strconv.Itoa(m.versions)
	m.records[r.Domain] = r
}

func (m *memory) enter(ctx context.Context, method string) error {
	if m.before != nil {
		m.before(method)
	}
	return ctx.Err()
}

func (m *memory) checkLease(l Lease) error {
	if m.token == "" || l.Token != m.token || l.App != app {
		return ErrLeaseLost
	}
	return nil
}

func (m *memory) Acquire(ctx context.Context, _ string) (Lease, error) {
	if err := m.enter(ctx, "Acquire"); err != nil {
		return Lease{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	switch now := m.now(); {
	case !m.awake:
		return Lease{}, &NotAcquired{Idle: true}
	case m.token != "" && m.until.After(now):
		return Lease{}, &NotAcquired{Busy: true}
	case m.landing.After(now):
		return Lease{}, &NotAcquired{Wait: m.landing.Sub(now)}
	}
	m.tokens++
	m.token, m.until = fmt.Sprintf("token%d", m.tokens), m.now().Add(LeaseTTL)
	return Lease{App: app, Token: m.token, SinceLastCommit: m.sinceLastCommit}, nil
}

func (m *memory) Renew(ctx context.Context, l Lease) error {
	if err := m.enter(ctx, "Renew"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkLease(l); err != nil {
		return err
	}
	m.until = m.now().Add(LeaseTTL)
	return nil
}

func (m *memory) Snapshot(ctx context.Context, _ string, names ...string) (Snapshot, error) {
	if err := m.enter(ctx, "Snapshot"); err != nil {
		return Snapshot{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.snapshot().needed(names), nil
}

func (m *memory) snapshot() Snapshot {
	gone := map[string]bool{}
	for name, at := range m.tombstones {
		if m.now().Sub(at) < TombstoneTTL {
			gone[name] = true
		}
	}
	return Snapshot{Records: maps.Clone(m.records), Tombstones: gone, Pending: maps.Clone(m.pending), WantedSince: maps.Clone(m.since),
		Owned: maps.Clone(m.owned), InFlight: slices.Clone(m.claim), At: m.now()}
}

func (m *memory) BeginWrite(ctx context.Context, l Lease, w WriteIntent) error {
	if err := m.enter(ctx, "BeginWrite"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkLease(l); err != nil {
		return err
	}
	m.until, m.landing = m.now().Add(LeaseTTL), m.now().Add(LandingLimit)
	m.claim = append(m.claim, w.Claim...)
	return nil
}

func (m *memory) EndWrite(ctx context.Context, l Lease) error {
	if err := m.enter(ctx, "EndWrite"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkLease(l); err != nil {
		return err
	}
	m.landing = time.Time{}
	return nil
}

func (m *memory) Commit(ctx context.Context, l Lease, c Commit) ([]string, error) {
	if err := m.enter(ctx, "Commit"); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkLease(l); err != nil {
		return nil, err
	}
	return m.commit(c), nil
}

func (m *memory) commit(c Commit) (stale []string) {
	for _, o := range c.Outcomes {
		d := o.Record.Domain
		if m.seqs[d] != o.Record.Seq || m.records[d].Version != o.Record.Version {
			stale = append(stale, d)
			continue
		}
		m.put(o.Record)
		delete(m.pending, d)
		if o.Record.Since != 0 {
			m.since[d] = o.Record.Since
		} else {
			delete(m.since, d)
		}
		m.history[d] = append(m.history[d], o.Cause.Sentence())
	}
	for _, name := range c.Own {
		m.owned[name] = true
	}
	for _, name := range c.Disown {
		delete(m.owned, name)
	}
	for _, name := range c.Tombstones {
		m.tombstones[name] = m.now()
	}
	for _, name := range c.ClearTombstones {
		delete(m.tombstones, name)
	}
	m.claim, m.landing, m.failure = nil, time.Time{}, nil
	return stale
}

func (m *memory) Release(ctx context.Context, l Lease) (bool, error) {
	if err := m.enter(ctx, "Release"); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkLease(l); err != nil {
		return false, err
	}
	if len(m.pending) > 0 {
		return false, nil
	}
	m.awake, m.token = false, ""
	return true, nil
}

func (m *memory) RecordDryRun(ctx context.Context, l Lease, p DryRunResult) (bool, error) {
	if err := m.enter(ctx, "RecordDryRun"); err != nil {
		return false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkLease(l); err != nil {
		return false, err
	}
	planned := 0
	for _, change := range p.Changes {
		if m.pending[change.Domain].Seq == change.Seq {
			m.pending[change.Domain] = change
			planned++
		}
	}
	m.failure = nil
	if planned < len(m.pending) {
		return false, nil
	}
	m.awake, m.token = false, ""
	return true, nil
}

func (m *memory) Fail(ctx context.Context, l Lease, failure *Failure) error {
	if err := m.enter(ctx, "Fail"); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.checkLease(l); err != nil {
		return err
	}
	m.token = ""
	if failure != nil {
		m.failure = failure
	}
	return nil
}

// state returns the committed state of a domain, or pending.
func (m *memory) state(domain string) tasks.State {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, waits := m.pending[domain]; waits {
		return tasks.Pending
	}
	return m.records[domain].State
}

// The fake ledger must be as strict as the real one. Otherwise tests that use it prove
// nothing.
func TestMemoryKeepsTheLedgersContract(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	c := &clock{t: start}
	m := newMemory(c)
	var notAcquired *NotAcquired
	if _, err := m.Acquire(ctx, app); !errors.As(err, &notAcquired) || !notAcquired.Idle {
		t.Fatalf("the lease of an idle app was acquired: %v", err)
	}
	m.record(Pending{Change: tasks.Change{AppID: app, Domain: "a.com", Seq: 5}})
	if !m.record(Pending{Change: tasks.Change{AppID: app, Domain: "a.com", Seq: 4}, Remove: true}) || m.pending["a.com"].Remove {
		t.Fatal("an older change was recorded over a newer one")
	}
	first, err := m.Acquire(ctx, app)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.Acquire(ctx, app); !errors.As(err, &notAcquired) || !notAcquired.Busy {
		t.Fatalf("a lease was acquired twice: %v", err)
	}
	if err := m.BeginWrite(ctx, first, WriteIntent{Claim: []string{"a.com"}}); err != nil {
		t.Fatal(err)
	}
	c.advance(LeaseTTL)
	second, err := m.Acquire(ctx, app)
	if err != nil {
		t.Fatal(err)
	}
	stale := Outcome{Record: Record{Domain: "a.com", Seq: 5}}
	if _, err := m.Commit(ctx, first, Commit{Outcomes: []Outcome{stale}}); !errors.Is(err, ErrLeaseLost) {
		t.Fatalf("a stale holder's commit: %v", err)
	}
	for _, o := range []Outcome{{Record: Record{Domain: "a.com", Seq: 4}}, {Record: Record{Domain: "a.com", Seq: 5, Version: "7"}}} {
		if stale, err := m.Commit(ctx, second, Commit{Outcomes: []Outcome{o}}); err != nil || len(stale) != 1 {
			t.Fatalf("commit of %+v: stale %v, %v", o.Record, stale, err)
		}
	}
	if released, err := m.Release(ctx, second); err != nil || released {
		t.Fatalf("released with a change pending: %v, %v", released, err)
	}
}
