package ledger

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/listsync"
)

// clusterClient is a client whose pipelines may not run in their order, as those of a Cluster.
type clusterClient struct{ redis.UniversalClient }

// namesModel is a ledger whose recoverer maintains the index of names between any two commands of
// other workers.
type namesModel struct {
	*agendaModel
	meanwhile []func() // what happens before the next commands
}

// appNames are the names that the apps have.
func (m *namesModel) appNames() (names []string) {
	for _, app := range m.apps {
		for _, member := range m.rdb.ZRangeArgs(m.ctx, redis.ZRangeArgs{Key: key(app, "index"), ByLex: true, Start: "[ ", Stop: "(!"}).Val() {
			names = append(names, member[1:]+" "+app)
		}
	}
	slices.Sort(names)
	return names
}

// check checks that the index, where readers rely on it, has each name.
func (m *namesModel) check() {
	with, ok, err := m.other.appsWith(m.ctx, []string{"a.example.com", "b.example.com"})
	m.must(err)
	if !ok {
		return
	}
	for _, name := range m.appNames() {
		var domain, app string
		_, err := fmt.Sscan(name, &domain, &app)
		m.must(err)
		if !slices.Contains(with[app], domain) {
			m.Fatalf("the index lacks %s of %s; it has %v", domain, app, with)
		}
	}
}

// runRecoverer is the part of a recoverer's pass that maintains the index.
func (m *namesModel) runRecoverer() {
	oldRecoverer, err := m.ledger.OldRecovererAt(m.ctx)
	m.must(err)
	agenda, err := m.ledger.DueVisits(m.ctx)
	m.must(err)
	before := m.advanced
	works, err := m.ledger.WorkWithNames(m.ctx, m.apps...)
	m.must(err)
	switch {
	case agenda.Now.Sub(oldRecoverer) < UnmarkedFor:
	case agenda.NamesIncomplete(oldRecoverer):
		m.must(m.ledger.CompleteNames(m.ctx, works, agenda.Now.Add(before-m.advanced)))
	default:
		m.must(m.ledger.AddMissingNames(m.ctx, Agenda{}, works))
	}
}

// removeDomain removes all that an app has of a domain without a pending change.
func (m *namesModel) removeDomain(app, domain string) {
	if m.rdb.HExists(m.ctx, key(app, "pending"), domain).Val() {
		return
	}
	_, err := m.rdb.TxPipelined(m.ctx, func(p redis.Pipeliner) error {
		p.HDel(m.ctx, key(app, "domains"), domain)
		p.HDel(m.ctx, key(app, "seqs"), domain)
		for _, member := range m.rdb.ZRange(m.ctx, key(app, "index"), 0, -1).Val() {
			if _, of, _ := cutState(member); of == domain {
				p.ZRem(m.ctx, key(app, "index"), member)
			}
		}
		return nil
	})
	m.must(err)
}

func cutState(member string) (state, domain string, ok bool) {
	i := slices.Index([]byte(member), ' ')
	return member[:max(i, 0)], member[i+1:], i >= 0
}

// recordUnnamed records a change as a worker of an earlier release does.
func (m *namesModel) recordUnnamed(c listsync.Pending) {
	now, err := m.other.Now(m.ctx)
	m.must(err)
	m.must(m.rdb.Set(m.ctx, oldRecovererKey, now.UnixMilli(), 0).Err())
	app := c.AppID
	keys := []string{key(app, "seqs"), key(app, "pending"), key(app, "since"), key(app, "sync"), logKey(app, c.Domain),
		key(app, "index"), key(app, "latest"), key(app, "waiting"), key(app, "shown"), key(app, "newest"), key(app, "superseded"), key(app, "seq")}
	m.must(m.other.record.Run(m.ctx, m.rdb, keys, c.Domain, "add", c.Seq, encode(c), "", HistoryKept, MaxDomains).Err())
}

// A reader, a recoverer or another worker may come between any two commands of a worker.
func TestTheIndexOfNamesHasWhatTheAppsHave(t *testing.T) {
	t.Parallel()
	server := redistest.New(t)
	rdb := client(t, server.Addr)
	rapid.Check(t, func(rt *rapid.T) {
		ctx := t.Context()
		if err := rdb.FlushAll(ctx).Err(); err != nil {
			rt.Fatal(err)
		}
		hooked := redis.NewClient(&redis.Options{Addr: server.Addr})
		defer hooked.Close()
		var through redis.UniversalClient = hooked
		if rapid.Bool().Draw(rt, "cluster") {
			through = clusterClient{hooked}
		}
		m := &namesModel{agendaModel: &agendaModel{T: rt, ctx: ctx, ledger: New(through), other: New(rdb), rdb: rdb, apps: []string{"app1", "app2"}, leases: map[string]listsync.Lease{}, seq: first}}
		for _, app := range m.apps {
			m.leases[app] = listsync.Lease{App: app, Token: "none"}
		}
		m.beforePass = func() {
			m.check()
			if len(m.meanwhile) > 0 {
				next := m.meanwhile[0]
				m.meanwhile = m.meanwhile[1:]
				next()
			}
		}
		hooked.AddHook(m.agendaModel)
		domain := func(t *rapid.T) string {
			return rapid.SampledFrom([]string{"a.example.com", "b.example.com"}).Draw(t, "domain")
		}
		change := func(t *rapid.T) listsync.Pending {
			m.seq++
			c := change(domain(t), m.seq)
			c.AppID, c.SiteID = m.app(t), 7
			return c
		}
		other := func(t *rapid.T) func() {
			switch rapid.SampledFrom([]string{"record", "prune", "nothing"}).Draw(t, "meanwhile") {
			case "record":
				c := change(t)
				return func() {
					_, err := New(rdb).Record(ctx, c, event("asked"))
					m.must(err)
				}
			case "prune":
				app, domain := m.app(t), domain(t)
				return func() {
					m.removeDomain(app, domain)
					m.must(m.other.RemoveNames(ctx, app, domain))
				}
			}
			return func() {}
		}
		all := m.actions()
		actions := map[string]func(*rapid.T){"": func(*rapid.T) { m.check() }}
		for _, name := range []string{"record", "sync", "verified", "time passes"} {
			actions[name] = all[name]
		}
		crossed := func(act func(*rapid.T)) func(*rapid.T) {
			return func(t *rapid.T) {
				m.gaps = rapid.SliceOfN(rapid.SampledFrom([]int{-1, 0, 1, 6}), 3, 3).Draw(t, "gaps")
				m.meanwhile = []func(){other(t), other(t)}
				act(t)
				m.gaps, m.meanwhile = nil, nil
			}
		}
		actions["record, crossed"] = crossed(func(t *rapid.T) {
			_, err := m.ledger.Record(ctx, change(t), event("asked"))
			m.must(err)
		})
		actions["recoverer"] = crossed(func(*rapid.T) { m.runRecoverer() })
		actions["prune"] = crossed(func(t *rapid.T) {
			app, domain := m.app(t), domain(t)
			m.removeDomain(app, domain)
			m.must(m.ledger.RemoveNames(ctx, app, domain))
		})
		actions["prune and crash"] = func(t *rapid.T) { m.removeDomain(m.app(t), domain(t)) }
		actions["record and crash"] = func(t *rapid.T) {
			app := m.app(t)
			m.must(m.ledger.agenda.mark(ctx, app, time.Time{}))
			m.must(m.other.addNames.Run(ctx, rdb, indexKeys(), "", domain(t), app, "7").Err())
		}
		actions["record by an earlier release"] = func(t *rapid.T) { m.recordUnnamed(change(t)) }
		actions["forget"] = func(t *rapid.T) { m.must(m.ledger.Forget(ctx, m.app(t))) }
		actions["forget and crash"] = func(t *rapid.T) { rdb.Del(ctx, appKeys(m.app(t))...) }
		lose := func(key string) func(*rapid.T) {
			return func(*rapid.T) {
				rdb.Del(ctx, key)
				_, err := m.other.DueVisits(ctx) // until the next one readers miss names
				m.must(err)
			}
		}
		for name, key := range map[string]string{"names": namesKey, "the numbers of names": namedKey, "the sites": sitesKey,
			"when the names were complete": completeKey, "when the sites were complete": sitedKey} {
			actions["lose "+name] = lose(key)
		}
		actions["lose the agenda's node"] = func(*rapid.T) { rdb.Del(ctx, namesKey, namedKey, completeKey, sitesKey, sitedKey, marksKey, visitsKey) }
		rt.Repeat(actions)

		// Whatever happened, a recoverer later makes the index what the apps have.
		m.advance(ctx, UnmarkedFor+time.Second)
		m.runRecoverer() // it may be the first since then
		m.runRecoverer()
		if diff := cmp.Diff(m.appNames(), rdb.ZRange(ctx, namesKey, 0, -1).Val()); len(m.appNames()) > 0 && diff != "" {
			rt.Fatalf("the index of names differs from the apps (-apps +index):\n%s", diff)
		}
		for _, name := range m.appNames() {
			if site := m.siteOf(name); site != 0 && site != rdb.ZScore(ctx, sitesKey, name).Val() {
				rt.Fatalf("the site of %s is %v in the index, want %v", name, rdb.ZScore(ctx, sitesKey, name), site)
			}
		}
		if sited, named := rdb.ZCard(ctx, sitesKey).Val()-1, int64(len(m.appNames())); sited > named { // one is no domain
			rt.Fatalf("the index has the sites of %d domains, and there are %d", sited, named)
		}
		counts := map[string]string{}
		for _, name := range m.appNames() {
			_, app, _ := cutState(name)
			counts[app] = number(parseNumber(counts[app]) + 1)
		}
		if diff := cmp.Diff(counts, rdb.HGetAll(ctx, namedKey).Val()); diff != "" {
			rt.Fatalf("the numbers of names differ (-apps +counts):\n%s", diff)
		}
		if _, ok, err := m.other.appsWith(ctx, []string{"a.example.com"}); err != nil || !ok {
			rt.Fatalf("readers can't rely on it: %v, %v", ok, err)
		}
	})
}

// siteOf returns the site of a name that an app has; 0 for none.
func (m *namesModel) siteOf(name string) float64 {
	var domain, app string
	_, err := fmt.Sscan(name, &domain, &app)
	m.must(err)
	v, _, err := m.other.Domain(m.ctx, app, domain)
	m.must(err)
	return float64(v.SiteID())
}

// Domains may be added after the loss, so the key may be there again.
func TestALostKeyOfTheIndexesIsMadeAgain(t *testing.T) {
	t.Parallel()
	for _, lost := range []string{namesKey, namedKey, sitesKey, completeKey, sitedKey} {
		t.Run(lost, func(t *testing.T) {
			t.Parallel()
			onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
				ctx := t.Context()
				record := func(domain string, seq int64) {
					t.Helper()
					c := change(domain, seq)
					c.SiteID = 7
					if _, err := l.Record(ctx, c, event("asked")); err != nil {
						t.Fatal(err)
					}
				}
				incomplete := func() bool {
					t.Helper()
					agenda, err := l.DueVisits(ctx)
					if err != nil {
						t.Fatal(err)
					}
					if !agenda.NamesIncomplete(time.Time{}) {
						return false
					}
					works, err := l.WorkWithNames(ctx, testApp)
					if err != nil {
						t.Fatal(err)
					}
					if err := l.CompleteNames(ctx, works, agenda.Now); err != nil {
						t.Fatal(err)
					}
					return true
				}
				record("a.example.com", first)
				if !incomplete() || incomplete() {
					t.Fatal("the first pass doesn't complete the indexes, or the second one does so again")
				}
				rdb.Del(ctx, lost)
				record("b.example.com", first+1)
				if !incomplete() || incomplete() {
					t.Error("the loss isn't noticed, or again and again")
				}
				if _, ok, err := l.appsWith(ctx, []string{"a.example.com"}); err != nil || !ok {
					t.Errorf("readers can't rely on the index of names: %v, %v", ok, err)
				}
				states, err := l.AppStates(ctx)
				if err != nil {
					t.Fatal(err)
				}
				for _, site := range []int64{0, 7} {
					found, err := l.Sites(ctx, states, site)
					if want := map[int64]int{7: 2}[site]; err != nil || len(found) != want {
						t.Errorf("found %v of site %d (%v), want %d domains", found, site, err, want)
					}
				}
			})
		})
	}
}

func parseNumber(s string) int64 {
	n, _ := decodeNumber(s)
	return n
}

func TestNamesInTheIndexAreNotAddedAgain(t *testing.T) {
	t.Parallel()
	rdb := client(t, redistest.New(t).Addr)
	ctx, l := t.Context(), New(rdb)
	var apps []string
	for i := range 30 {
		app := fmt.Sprintf("app%d", i)
		apps = append(apps, app)
		for _, domain := range []string{"a.example.com", "b.example.com"} {
			rdb.ZAdd(ctx, key(app, "index"), redis.Z{Member: " " + domain}, redis.Z{Member: "done " + domain})
		}
	}
	counted := func() int {
		calls := 0
		hooked := redis.NewClient(rdb.Options())
		defer hooked.Close()
		hooked.AddHook(counter{&calls})
		works, err := l.Work(ctx, apps...)
		if err != nil {
			t.Fatal(err)
		}
		if err := New(hooked).AddMissingNames(ctx, Agenda{}, works); err != nil {
			t.Fatal(err)
		}
		return calls
	}
	if n := counted(); n > 30+6 || rdb.ZCard(ctx, namesKey).Val() != 60 {
		t.Errorf("adding 60 names of 30 apps takes %d commands", n)
	}
	if n := counted(); n != 1 {
		t.Errorf("names in the index take %d commands", n)
	}
	rdb.ZAdd(ctx, key("app7", "index"), redis.Z{Member: " c.example.com"}, redis.Z{Member: "done c.example.com"})
	if n := counted(); n > 6 || rdb.ZScore(ctx, namesKey, "c.example.com app7").Err() != nil {
		t.Errorf("one more name takes %d commands", n)
	}
}

func TestAReplacedChangeLeavesItsSiteToNoDomain(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		record := func(seq int64, site int64) {
			t.Helper()
			c := change("a.example.com", seq)
			c.SiteID = site
			if _, err := l.Record(t.Context(), c, event("asked")); err != nil {
				t.Fatal(err)
			}
		}
		ofSite := func(site int64) int {
			t.Helper()
			states, err := l.AppStates(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			found, err := l.Sites(t.Context(), states, site)
			if err != nil {
				t.Fatal(err)
			}
			return len(found)
		}
		record(first, 7)
		settled := listsync.Record{Domain: "a.example.com", State: tasks.Done, Names: []string{"a.example.com"}, Seq: first, SiteID: 7}
		lease, err := l.Acquire(t.Context(), testApp)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Commit(t.Context(), lease, listsync.Commit{Outcomes: []listsync.Outcome{{Record: settled}}}); err != nil {
			t.Fatal(err)
		}
		record(first+1, 9)
		if ofSite(7) != 0 || ofSite(9) != 1 {
			t.Errorf("with a change of site 9: %d of site 7, %d of site 9", ofSite(7), ofSite(9))
		}
		record(first+2, 0) // WordPress's is replaced before its sync
		if ofSite(7) != 1 || ofSite(9) != 0 {
			t.Errorf("with a change without a site: %d of site 7, %d of site 9", ofSite(7), ofSite(9))
		}
		rdb.ZAdd(t.Context(), sitesKey, redis.Z{Score: 9, Member: "a.example.com " + testApp}) // the worker died before it corrected that
		record(first+2, 0)
		if ofSite(7) != 1 {
			t.Errorf("with the same change again: %d of site 7", ofSite(7))
		}
	})
}
