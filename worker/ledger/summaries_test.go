package ledger

import (
	"context"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/listsync"
)

// earlier makes the times of Redis's clock in a summary earlier.
func (m *agendaModel) earlier(kept string, d time.Duration) string {
	s, err := decodeJSON[summary](kept)
	m.must(err)
	for _, at := range []*time.Time{&s.WakeAt, &s.LeaseEnds, &s.ReadAt} {
		if !at.IsZero() {
			*at = at.Add(-d)
		}
	}
	return encode(s)
}

// checkReaders compares what readers of all apps see with the apps themselves.
func (m *agendaModel) checkReaders() {
	got, err := m.other.AppStates(m.ctx)
	m.must(err)
	var want []App
	known, err := m.other.Apps(m.ctx)
	m.must(err)
	if len(known) > 0 {
		want, err = m.other.AppStates(m.ctx, known...)
		m.must(err)
	}
	if diff := cmp.Diff(want, got); len(want)+len(got) > 0 && diff != "" {
		m.Fatalf("readers of all apps see something else than the apps (-app +summary):\n%s", diff)
	}
	// A search by state finds those of all apps that have it, or fail.
	some, err := m.other.AppsWithStates(m.ctx, tasks.Done, tasks.Failed)
	m.must(err)
	without := func(app App) bool {
		return app.Failure == nil && app.Counts[tasks.Done] == 0 && app.Counts[tasks.Failed] == 0
	}
	if diff := cmp.Diff(slices.DeleteFunc(want, without), slices.DeleteFunc(some, without), cmpopts.EquateEmpty()); diff != "" {
		m.Fatalf("a search by state finds other apps (-app +found):\n%s", diff)
	}
	revisions, err := m.other.Revisions(m.ctx)
	m.must(err)
	for _, app := range known {
		if want := m.rdb.HGet(m.ctx, key(app, "shown"), "revision").Val(); revisions[app] != want {
			m.Fatalf("the revision of app %s is %q, want %q", app, revisions[app], want)
		}
	}
}

// keepLate keeps summaries that were read before act.
func (m *agendaModel) keepLate(act func()) {
	before := m.advanced
	s, err := m.other.readSummaries(m.ctx)
	m.must(err)
	fresh, err := m.other.summarize(m.ctx, s.apps)
	m.must(err)
	act()
	ago := m.advanced - before
	for app, mark := range s.marks {
		ms, err := strconv.ParseInt(mark, 10, 64)
		m.must(err)
		s.marks[app] = strconv.FormatInt(ms-ago.Milliseconds(), 10)
	}
	for app, kept := range s.kept {
		s.kept[app] = m.earlier(kept, ago)
	}
	s.now = s.now.Add(-ago)
	for i, f := range fresh {
		f.ReadAt = s.now.Add(ago)
		fresh[i], err = decodeJSON[summary](m.earlier(encode(f), ago))
		m.must(err)
		fresh[i].ID = f.ID
	}
	m.other.keep(m.ctx, s, fresh)
}

// A reader may come between any two commands of a worker.
func TestAReadersSummariesAreTheAppsThemselves(t *testing.T) {
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
		m := &agendaModel{T: rt, ctx: ctx, ledger: New(hooked), other: New(rdb), rdb: rdb, apps: []string{"app1", "app2"}, leases: map[string]listsync.Lease{}, seq: first}
		for _, app := range m.apps {
			m.leases[app] = listsync.Lease{App: app, Token: "none"}
		}
		m.beforePass = m.checkReaders
		hooked.AddHook(m)
		actions := m.actions()
		actions["compared"] = func(t *rapid.T) {
			m.must(m.ledger.RecordComparison(ctx, m.app(t), rapid.IntRange(1, 9).Draw(t, "listed")))
		}
		actions["server"] = func(t *rapid.T) {
			m.must(m.ledger.RecordAppDetails(ctx, m.app(t), rapid.SampledFrom([]string{"one", "two"}).Draw(t, "server"), nil))
		}
		actions["connection"] = func(t *rapid.T) {
			m.must(m.ledger.SetConnection(ctx, m.app(t), start, time.Unix(rapid.Int64Range(0, 1).Draw(t, "since"), 0)))
		}
		actions["renew"] = func(t *rapid.T) {
			if err := m.ledger.Renew(ctx, m.leases[m.app(t)]); err != nil {
				t.Skip(err)
			}
		}
		actions["write"] = func(t *rapid.T) {
			lease := m.leases[m.app(t)]
			m.must(m.ledger.BeginWrite(ctx, lease, listsync.WriteIntent{Added: []string{"a.example.com"}, Size: 1, WorkerID: "w/1"}))
			if rapid.Bool().Draw(t, "without effect") {
				m.must(m.ledger.EndWrite(ctx, lease))
			}
		}
		actions["forget"] = func(t *rapid.T) { m.must(m.ledger.Forget(ctx, m.app(t))) }
		actions["slow reader"] = func(t *rapid.T) {
			m.keepLate(func() {
				for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"record", "sync", "pause", "compared", "time passes", "fail"}), 0, 3).Draw(t, "meanwhile") {
					actions[name](t)
				}
				if rapid.Bool().Draw(t, "another reader") {
					m.checkReaders()
				}
			})
		}
		actions["keep a lot"] = func(*rapid.T) { m.advance(ctx, markGrace+time.Second); m.checkReaders() }
		actions[""] = func(*rapid.T) { m.checkReaders() }
		rt.Repeat(actions)

		// Apps that no longer change cost a few commands.
		m.advance(ctx, markGrace+time.Second)
		m.checkReaders()
		calls := 0
		counted := redis.NewClient(&redis.Options{Addr: server.Addr})
		defer counted.Close()
		counted.AddHook(counter{&calls})
		if _, err := New(counted).AppStates(ctx); err != nil {
			rt.Fatal(err)
		}
		if marks := rdb.ZCard(ctx, changedKey).Val(); calls != 3 || marks != 0 {
			rt.Fatalf("reading unchanged apps takes %d commands, and leaves %d marks", calls, marks)
		}
	})
}

// counter counts commands.
type counter struct{ n *int }

func (c counter) DialHook(next redis.DialHook) redis.DialHook { return next }

func (c counter) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if cmd.Name() != "hello" && cmd.Name() != "client" {
			*c.n++
		}
		return next(ctx, cmd)
	}
}

func (c counter) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		for _, cmd := range cmds {
			if cmd.Name() != "hello" && cmd.Name() != "client" {
				*c.n++
			}
		}
		return next(ctx, cmds)
	}
}
