package ledger

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// pruneModel has two apps for which the same happens. The domains of the first one are pruned.
type pruneModel struct {
	*rapid.T
	*Ledger
	redis *miniredis.Miniredis
	now   time.Time
	last  int64
	late  []listsync.Pending // requested, not delivered yet
	past  []listsync.Pending
	lists map[string][]string
}

const twinApp = "app2"

func (m *pruneModel) must(err error) {
	m.Helper()
	if err != nil {
		m.T.Fatal(err)
	}
}

// request is one that a producer makes.
func (m *pruneModel) request(domain string, remove, imports bool, www tasks.WWW) listsync.Pending {
	m.last = max(m.last+1, m.now.UnixMicro())
	return listsync.Pending{Change: tasks.Change{Domain: domain, Seq: m.last, WWW: www, Import: imports && !remove}, Remove: remove, RecordedAt: m.now}
}

// deliver records a change on both apps. A pruned app may not record one that waited so long that
// the ledger can't know whether it is the domain's last.
func (m *pruneModel) deliver(c listsync.Pending) {
	ctx := m.Context()
	record := func(app string) Recorded {
		c.AppID = app
		r, err := m.Record(ctx, c, event("asked"))
		m.must(err)
		r.Start, r.Wake = false, 0
		return r
	}
	floor, _ := m.rdb.HGet(ctx, key(testApp, "sync"), "floor").Int64()
	recorded, _ := m.rdb.HGet(ctx, key(twinApp, "seqs"), c.Domain).Int64()
	got := record(testApp)
	if !m.rdb.HExists(ctx, key(testApp, "seqs"), c.Domain).Val() && recorded < c.Seq {
		if !got.Superseded || c.Seq > floor || m.now.Sub(time.UnixMicro(c.Seq)) < keepRemoved {
			m.T.Fatalf("%+v wasn't recorded, its request is %s old, the floor is %d: %+v", c, m.now.Sub(time.UnixMicro(c.Seq)), floor, got)
		}
		return // the twin would record it
	}
	want := record(twinApp)
	if want.Repeated && got.Superseded {
		want = got // it was pruned
	}
	if got != want {
		m.T.Fatalf("%+v: %+v, without pruning %+v", c, got, want)
	}
	m.past = append(m.past, c)
}

// sync carries out a plan for both apps, or begins to.
func (m *pruneModel) sync(only []string, refuse, crashes, landed bool) {
	ctx := m.Context()
	for _, app := range []string{testApp, twinApp} {
		_, err := m.Wake(ctx, app)
		m.must(err)
		m.must(m.rdb.HDel(ctx, key(app, "sync"), "landing").Err()) // of a crash before, a minute ago
		lease, err := m.Acquire(ctx, app)
		m.must(err)
		in := listsync.Input{Remote: slices.Clone(m.lists[app]), Rules: listsync.Rules{WWW: tasks.WWWAlways}}
		if only != nil {
			in.Only = map[string]bool{}
			for _, domain := range only {
				in.Only[domain] = true
			}
			if refuse {
				in.Refusals = map[string]string{only[0]: "not this one"}
			}
		}
		in.Ledger, err = m.Snapshot(ctx, app, slices.Concat(m.lists[app], only)...)
		m.must(err)
		in.Now = in.Ledger.At
		p := listsync.Plan(in)
		m.must(m.BeginWrite(ctx, lease, listsync.WriteIntent{Claim: p.Claim}))
		if !crashes || landed {
			m.lists[app] = p.List
		}
		if !crashes {
			_, err = m.Commit(ctx, lease, listsync.Commit{Outcomes: p.Outcomes, Own: p.Own, Disown: p.Disown, Tombstones: p.Tombstones, ClearTombstones: p.ClearTombstones})
			m.must(err)
		}
		m.must(m.Ledger.Fail(ctx, lease, nil))
	}
	m.compare()
}

// compare compares what counts for lists: all but domains that have ended.
func (m *pruneModel) compare() {
	type ledgerState struct {
		List     []string
		Wanted   map[string]listsync.Record
		Snapshot listsync.Snapshot
	}
	states := map[string]ledgerState{}
	for _, app := range []string{testApp, twinApp} {
		s, err := m.Snapshot(m.Context(), app)
		m.must(err)
		state := ledgerState{List: m.lists[app], Wanted: map[string]listsync.Record{}, Snapshot: s}
		for domain, r := range s.Records {
			if r.Version = ""; r.Wanted {
				state.Wanted[domain] = r
			}
		}
		for domain, c := range s.Pending {
			c.AppID, c.Version = "", ""
			s.Pending[domain] = c
		}
		state.Snapshot.Records = nil
		states[app] = state
	}
	if diff := cmp.Diff(states[twinApp], states[testApp]); diff != "" {
		m.T.Fatalf("(-not pruned +pruned):\n%s", diff)
	}
}

// Whatever happens before, after and amid a prune, the lists are as without it.
func TestPruningChangesNoList(t *testing.T) {
	t.Parallel()
	names := []string{"a.com", "www.a.com", "b.com", "www.b.com"}
	server := miniredis.RunT(t)
	rdb := client(t, server.Addr())
	pruned := 0
	rapid.Check(t, func(t *rapid.T) {
		server.FlushAll()
		m := &pruneModel{T: t, Ledger: New(rdb), redis: server, now: start, lists: map[string][]string{}}
		server.SetTime(start)
		name := func(t *rapid.T) string { return rapid.SampledFrom(names).Draw(t, "name") }
		request := func(t *rapid.T) listsync.Pending {
			return m.request(name(t), rapid.Bool().Draw(t, "remove"), rapid.IntRange(0, 3).Draw(t, "import if 0") == 0,
				rapid.SampledFrom([]tasks.WWW{"", tasks.WWWNever}).Draw(t, "www"))
		}
		steps := map[string]func(*rapid.T){
			"request":    func(t *rapid.T) { m.deliver(request(t)) },
			"a late one": func(t *rapid.T) { m.late = append(m.late, request(t)) },
			"deliver": func(t *rapid.T) {
				if len(m.late) > 0 {
					i := rapid.IntRange(0, len(m.late)-1).Draw(t, "which")
					c := m.late[i]
					m.late = slices.Delete(m.late, i, i+1)
					m.deliver(c)
				}
			},
			"deliver again": func(t *rapid.T) {
				if len(m.past) > 0 {
					m.deliver(rapid.SampledFrom(m.past).Draw(t, "change"))
				}
			},
			"sync": func(*rapid.T) { m.sync(nil, false, false, true) },
			"batch": func(t *rapid.T) {
				m.sync(rapid.SliceOfN(rapid.SampledFrom(names), 1, 2).Draw(t, "only"), rapid.Bool().Draw(t, "refused"), false, true)
			},
			"crash": func(t *rapid.T) { m.sync(nil, false, true, rapid.Bool().Draw(t, "landed")) },
			"put back": func(t *rapid.T) {
				n := name(t)
				for app := range maps.Clone(m.lists) {
					m.lists[app] = append(slices.Clone(m.lists[app]), n)
				}
			},
			"take off": func(t *rapid.T) {
				n := name(t)
				for app, list := range m.lists {
					m.lists[app] = slices.DeleteFunc(slices.Clone(list), func(other string) bool { return other == n })
				}
			},
			"pass": func(t *rapid.T) {
				m.now = m.now.Add(time.Duration(rapid.SampledFrom([]int{1, 23, 25, 24 * 20, 24 * 29, 24 * 31}).Draw(t, "hours")) * time.Hour)
				server.SetTime(m.now)
			},
		}
		amid := slices.Sorted(maps.Keys(steps))
		prune := func(t *rapid.T) {
			defer m.compare()
			page, err := m.endedDomains(t.Context(), testApp, keepRemoved)
			m.must(err)
			if rapid.Bool().Draw(t, "amid") {
				steps[rapid.SampledFrom(amid).Draw(t, "step")](t)
			}
			if rapid.IntRange(0, 9).Draw(t, "crash if 0") > 0 {
				domains, err := m.pruneDomains(t.Context(), testApp, page)
				m.must(err)
				pruned += len(domains)
			}
		}
		all := maps.Clone(steps)
		all["prune"] = prune
		all["a quiet month"] = func(t *rapid.T) {
			m.sync(nil, false, false, true)
			m.now = m.now.Add(keepRemoved + time.Hour)
			server.SetTime(m.now)
			m.sync(nil, false, false, true)
			prune(t)
		}
		t.Repeat(all)
	})
	if pruned == 0 {
		t.Error("nothing was pruned, so this test shows nothing")
	}
	t.Logf("%d domains were pruned", pruned)
}
