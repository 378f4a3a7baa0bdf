package ledger

import (
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// snapshotModel is an app's list, and its ledger on a fake Redis.
type snapshotModel struct {
	*rapid.T
	*Ledger
	list []string
	seq  int64
}

func (m *snapshotModel) must(err error) {
	m.Helper()
	if err != nil {
		m.T.Fatal(err)
	}
}

// readAll reads the whole ledger, without the index.
func (m *snapshotModel) readAll() (s listsync.Snapshot) {
	ctx := m.Context()
	var err error
	s.At, err = m.Now(ctx)
	m.must(err)
	s.Records, err = decodeAll(testApp, "the record", m.rdb.HGetAll(ctx, key(testApp, "domains")).Val(), decodeRecord)
	m.must(err)
	s.Pending, err = decodeAll(testApp, "the change", m.rdb.HGetAll(ctx, key(testApp, "pending")).Val(), decodePending)
	m.must(err)
	s.WantedSince, err = decodeAll(testApp, "the addition", m.rdb.HGetAll(ctx, key(testApp, "since")).Val(), decodeNumber)
	m.must(err)
	s.Owned, s.Tombstones = map[string]bool{}, map[string]bool{}
	for _, name := range m.rdb.SMembers(ctx, key(testApp, "ours")).Val() {
		s.Owned[name] = true
	}
	for _, name := range m.rdb.ZRange(ctx, key(testApp, "gone"), 0, -1).Val() {
		s.Tombstones[name] = true
	}
	if claim := m.rdb.HGet(ctx, key(testApp, "sync"), "claim").Val(); claim != "" {
		s.InFlight, err = decodeJSON[[]string](claim)
		m.must(err)
	}
	return s
}

// compare makes a plan from the snapshot and one from the whole ledger.
func (m *snapshotModel) compare(only []string) listsync.Result {
	in := listsync.Input{Remote: slices.Clone(m.list), Rules: listsync.Rules{WWW: tasks.WWWMainOnly}}
	if only != nil {
		in.Only = map[string]bool{}
		for _, domain := range only {
			in.Only[domain] = true
		}
	}
	in.Ledger = m.readAll()
	in.Now = in.Ledger.At
	want := listsync.Plan(in)
	var err error
	in.Ledger, err = m.Snapshot(m.Context(), testApp, slices.Concat(m.list, only)...)
	m.must(err)
	got := listsync.Plan(in)
	if diff := cmp.Diff(want, got); diff != "" {
		m.Fatalf("list %v, only %v (-whole +snapshot):\n%s", m.list, only, diff)
	}
	return got
}

// sync carries out a plan. A sync that crashes has begun its write, which may have taken effect.
func (m *snapshotModel) sync(only []string, crashes, landed bool) {
	ctx := m.Context()
	_, err := m.Wake(ctx, testApp)
	m.must(err)
	m.must(m.rdb.HDel(ctx, key(testApp, "sync"), "landing").Err()) // of a crash before, a minute ago
	lease, err := m.Acquire(ctx, testApp)
	m.must(err)
	p := m.compare(only)
	m.must(m.BeginWrite(ctx, lease, listsync.WriteIntent{Claim: p.Claim}))
	if !crashes || landed {
		m.list = p.List
	}
	if crashes {
		m.must(m.Ledger.Fail(ctx, lease, nil))
		return
	}
	_, err = m.Commit(ctx, lease, listsync.Commit{Outcomes: p.Outcomes, Own: p.Own, Disown: p.Disown, Tombstones: p.Tombstones, ClearTombstones: p.ClearTombstones})
	m.must(err)
	m.must(m.Ledger.Fail(ctx, lease, nil))
}

// Whatever happened, a plan from the snapshot is that from the whole ledger.
func TestAPlanFromTheSnapshotIsThatFromTheWhole(t *testing.T) {
	t.Parallel()
	names := []string{"a.com", "www.a.com", "b.co.uk", "www.b.co.uk", "shop.a.com", "www.www.a.com", "*.a.com"}
	rdb := backends()["miniredis"](t)
	rapid.Check(t, func(t *rapid.T) {
		if err := rdb.FlushAll(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		m := &snapshotModel{T: t, Ledger: New(rdb), seq: first}
		name := func(t *rapid.T) string { return rapid.SampledFrom(names).Draw(t, "name") }
		record := func(c listsync.Pending) {
			m.seq++
			c.Seq, c.AppID = m.seq, testApp
			_, err := m.Record(t.Context(), c, event("asked"))
			m.must(err)
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				record(listsync.Pending{Change: tasks.Change{Domain: name(t), WWW: rapid.SampledFrom([]tasks.WWW{"", tasks.WWWAlways, tasks.WWWNever}).Draw(t, "www"),
					Import: rapid.Bool().Draw(t, "import"), IfListed: rapid.Bool().Draw(t, "if listed")}})
			},
			"remove":   func(t *rapid.T) { record(listsync.Pending{Change: tasks.Change{Domain: name(t)}, Remove: true}) },
			"sync":     func(*rapid.T) { m.sync(nil, false, true) },
			"batch":    func(t *rapid.T) { m.sync(rapid.SliceOf(rapid.SampledFrom(names)).Draw(t, "only"), false, true) },
			"crash":    func(t *rapid.T) { m.sync(nil, true, rapid.Bool().Draw(t, "landed")) },
			"put back": func(t *rapid.T) { m.list = append(m.list, name(t)) },
			"take off": func(t *rapid.T) {
				n := name(t)
				m.list = slices.DeleteFunc(m.list, func(other string) bool { return other == n })
			},
			"": func(*rapid.T) { m.compare(nil) },
		})
	})
}

// What has ended isn't read: after years of additions and removals a sync reads as much as
// before.
func TestASnapshotHasNothingThatEnded(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		ctx := t.Context()
		for i, c := range []listsync.Pending{
			change("wanted.com", first), change("removed.com", first+1), removal("removed.com", first+2), removal("listed.com", first+3),
			removal("www.wanted.com", first+4), removal("base.com", first+5), change("pending.com", first+6),
		} {
			if _, err := l.Record(ctx, c, event("asked")); err != nil {
				t.Fatal(err)
			}
			if i == 5 {
				benchSync(t, l)
			}
		}
		if err := rdb.ZAdd(ctx, key(testApp, "gone"), redis.Z{Score: float64(rdb.Time(ctx).Val().UnixMilli()), Member: "removed.com"}).Err(); err != nil {
			t.Fatal(err)
		}
		read := func() (read []string) {
			s, err := l.Snapshot(ctx, testApp, "listed.com", "www.base.com")
			if err != nil {
				t.Fatal(err)
			}
			for name := range s.Tombstones {
				read = append(read, "tombstone of "+name)
			}
			return append(read, slices.Sorted(maps.Keys(s.Records))...)
		}
		want := []string{"base.com", "listed.com", "wanted.com", "www.wanted.com"}
		if diff := cmp.Diff(want, read()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		// All is read where the index lacks a domain.
		if err := rdb.ZRem(ctx, key(testApp, "index"), " wanted.com", "checking-dns wanted.com").Err(); err != nil {
			t.Fatal(err)
		}
		all := []string{"tombstone of removed.com", "base.com", "listed.com", "removed.com", "wanted.com", "www.wanted.com"}
		if diff := cmp.Diff(all, read()); diff != "" {
			t.Errorf("without an entry of the index (-want +got):\n%s", diff)
		}
	})
}
