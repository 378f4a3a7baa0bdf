package ledger

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"pilotsync/tasks"
	"pilotsync/test/redistest"
	"pilotsync/worker/listsync"
)

// agendaModel is a ledger in a real Redis, whose recoverer makes its visits between any two
// commands of other workers.
type agendaModel struct {
	*rapid.T
	ctx        context.Context
	ledger     *Ledger // of the workers; its client runs passes
	other      *Ledger // of the recoverer and the test
	rdb        *redis.Client
	apps       []string
	leases     map[string]listsync.Lease
	seq        int64
	advanced   time.Duration
	gaps       []int  // seconds that pass before the next commands; below zero without a pass
	beforePass func() // called before each pass that comes between commands; nil for nothing
}

// DialHook, ProcessHook and ProcessPipelineHook implement [redis.Hook].
func (m *agendaModel) DialHook(next redis.DialHook) redis.DialHook { return next }

func (m *agendaModel) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		m.between(ctx)
		return next(ctx, cmd)
	}
}

func (m *agendaModel) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		m.between(ctx)
		return next(ctx, cmds)
	}
}

func (m *agendaModel) between(ctx context.Context) {
	if len(m.gaps) == 0 {
		return
	}
	seconds := m.gaps[0]
	if m.gaps = m.gaps[1:]; seconds >= 0 {
		m.advance(ctx, time.Duration(seconds)*time.Second)
		if m.beforePass != nil {
			m.beforePass()
		}
		m.recoverDue(ctx, nil)
	}
}

// advance lets time pass: all times in Redis become earlier.
func (m *agendaModel) advance(ctx context.Context, d time.Duration) {
	m.advanced += d
	move := -d.Milliseconds()
	zsets, fields := []string{visitsKey, changedKey}, map[string][]string{marksKey: m.apps}
	for _, app := range m.apps {
		zsets = append(zsets, key(app, "due"), key(app, "watch"))
		fields[key(app, "sync")] = []string{"until", "look_at"}
	}
	for _, zset := range zsets {
		for _, member := range m.rdb.ZRange(ctx, zset, 0, -1).Val() {
			m.rdb.ZIncrBy(ctx, zset, float64(move), member)
		}
	}
	for hash, names := range fields {
		for _, name := range names {
			if m.rdb.HExists(ctx, hash, name).Val() {
				m.rdb.HIncrBy(ctx, hash, name, move)
			}
		}
	}
	for _, at := range []string{oldRecovererKey, completeKey, sitedKey} {
		if m.rdb.Exists(ctx, at).Val() == 1 {
			m.rdb.IncrBy(ctx, at, move)
		}
	}
	for app, mark := range m.ledger.agenda.marks {
		mark.sent = mark.sent.Add(-d)
		m.ledger.agenda.marks[app] = mark
	}
	for app, sent := range m.ledger.agenda.touches {
		m.ledger.agenda.touches[app] = sent.Add(-d)
	}
	for app, kept := range m.rdb.HGetAll(ctx, summariesKey).Val() {
		m.rdb.HSet(ctx, summariesKey, app, m.earlier(kept, d))
	}
}

// recoverDue is a pass of the recoverer, which finds the work and leaves it. meanwhile is
// called between its read and its plan.
func (m *agendaModel) recoverDue(ctx context.Context, meanwhile func()) {
	before := m.advanced
	agenda, err := m.other.DueVisits(ctx)
	m.must(err)
	var apps []string
	for _, visit := range agenda.Due {
		apps = append(apps, visit.App)
	}
	works, err := m.other.Work(ctx, apps...)
	m.must(err)
	if meanwhile != nil {
		meanwhile()
	}
	ago := before - m.advanced
	var planned []PlannedVisit
	for i, w := range works {
		p := PlannedVisit{Visit: Visit{App: w.App, At: w.DueAt(agenda.Now)}, Seen: agenda.Due[i].At.Add(ago)}
		if !p.At.IsZero() {
			p.At = p.At.Add(ago)
		}
		planned = append(planned, p)
	}
	m.must(m.other.PlanVisits(ctx, agenda.Now.Add(ago), planned))
}

// check checks that the agenda has each app with work no later than its due time, or the end of
// the grace.
func (m *agendaModel) check(t *rapid.T) {
	now, err := m.other.Now(m.ctx)
	m.must(err)
	works, err := m.other.Work(m.ctx, m.apps...)
	m.must(err)
	for _, w := range works {
		due := w.DueAt(now)
		if due.IsZero() {
			continue
		}
		visit, err := m.rdb.ZScore(m.ctx, visitsKey, w.App).Result()
		if limit := float64(max(due.UnixMilli(), now.Add(markGrace).UnixMilli())); err != nil || visit > limit {
			t.Fatalf("app %s has work that is due at %s, now is %s, its visit is in %.1f s (%v): %+v", w.App,
				due, now, (visit-float64(now.UnixMilli()))/1000, err, w)
		}
	}
}

func (m *agendaModel) must(err error) {
	if err != nil && !errors.Is(err, listsync.ErrLeaseLost) {
		m.Fatal(err)
	}
}

// at draws a time from an hour ago to a day from now.
func (m *agendaModel) at(t *rapid.T) *time.Time {
	now, err := m.other.Now(m.ctx)
	m.must(err)
	at := now.Add(time.Duration(rapid.SampledFrom([]int{-3600, -61, -1, 0, 5, 40, 300, 3600, 86400}).Draw(t, "due in s")) * time.Second)
	return &at
}

// ended makes a record that of a domain that is verified, or is rechecked, at some time.
func (m *agendaModel) ended(t *rapid.T, r listsync.Record) listsync.Record {
	r.NextAttemptAt, r.RecheckAt = nil, nil
	switch rapid.SampledFrom([]string{"verification", "recheck", "neither"}).Draw(t, "follows") {
	case "verification":
		r.NextAttemptAt = m.at(t)
	case "recheck":
		r.RecheckAt = m.at(t)
	}
	return r
}

// commit commits all pending changes of an app.
func (m *agendaModel) commit(t *rapid.T, app string) {
	snapshot, err := m.other.Snapshot(m.ctx, app)
	m.must(err)
	var c listsync.Commit
	for _, name := range slices.Sorted(maps.Keys(snapshot.Pending)) {
		r := m.ended(t, record(name, snapshot.Pending[name].Seq))
		r.Version = snapshot.Records[name].Version
		c.Outcomes = append(c.Outcomes, listsync.Outcome{Record: r, Notify: rapid.Bool().Draw(t, "notify")})
	}
	_, err = m.ledger.Commit(m.ctx, m.leases[app], c)
	m.must(err)
}

func (m *agendaModel) app(t *rapid.T) string { return rapid.SampledFrom(m.apps).Draw(t, "app") }

// actions are what workers do. Each meets visits between its commands.
func (m *agendaModel) actions() map[string]func(*rapid.T) {
	ctx := m.ctx
	domain := func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"a.example.com", "b.example.com"}).Draw(t, "domain")
	}
	record := func(t *rapid.T, app string) {
		m.seq++
		c := change(domain(t), m.seq)
		c.AppID = app
		_, err := m.ledger.Record(ctx, c, event("asked"))
		m.must(err)
	}
	acquire := func(app string) {
		if lease, err := m.ledger.Acquire(ctx, app); err == nil {
			m.leases[app] = lease
		}
	}
	release := func(app string) {
		_, err := m.ledger.Release(ctx, m.leases[app])
		m.must(err)
	}
	all := map[string]func(*rapid.T){
		"record":  func(t *rapid.T) { record(t, m.app(t)) },
		"acquire": func(t *rapid.T) { acquire(m.app(t)) },
		"commit":  func(t *rapid.T) { m.commit(t, m.app(t)) },
		"release": func(t *rapid.T) { release(m.app(t)) },
		"sync": func(t *rapid.T) {
			app := m.app(t)
			record(t, app)
			acquire(app)
			m.commit(t, app)
			release(app)
		},
		"preview": func(t *rapid.T) {
			_, err := m.ledger.RecordDryRun(ctx, m.leases[m.app(t)], listsync.DryRunResult{})
			m.must(err)
		},
		"fail": func(t *rapid.T) {
			m.must(m.ledger.Fail(ctx, m.leases[m.app(t)], &listsync.Failure{Reason: "broken", Blocked: true}))
		},
		"verified": func(t *rapid.T) {
			app := m.app(t)
			view, found, err := m.other.Domain(ctx, app, domain(t))
			m.must(err)
			if !found || view.Record.Domain == "" {
				t.Skip("no record")
			}
			after := m.ended(t, view.Record)
			after.State = rapid.SampledFrom([]tasks.State{tasks.CheckingDNS, tasks.Done, tasks.Failed}).Draw(t, "state")
			_, err = m.ledger.CommitVerification(ctx, app, view.Record, after, listsync.HistoryEntry{})
			m.must(err)
		},
		"wake": func(t *rapid.T) {
			_, err := m.ledger.Wake(ctx, m.app(t))
			m.must(err)
		},
		"renew wake": func(t *rapid.T) {
			app := m.app(t)
			state, err := m.other.App(ctx, app)
			m.must(err)
			_, _, err = m.ledger.RenewWake(ctx, app, state.Wake)
			m.must(err)
		},
		"set wake time": func(t *rapid.T) { m.must(m.ledger.SetWakeAt(ctx, m.app(t), *m.at(t))) },
		"pause":         func(t *rapid.T) { m.must(m.ledger.Pause(ctx, m.app(t), "ada")) },
		"resume": func(t *rapid.T) {
			_, _, err := m.ledger.Resume(ctx, m.app(t))
			m.must(err)
		},
		"notify of a loss": func(t *rapid.T) {
			m.seq++
			m.must(m.ledger.NotifyLoss(ctx, m.app(t), Identity{ID: number(m.seq)}))
		},
		"flush the outbox": func(t *rapid.T) {
			app := m.app(t)
			events, err := m.ledger.Outbox(ctx, app, 10)
			m.must(err)
			m.must(m.ledger.RemoveFromOutbox(ctx, app, events...))
		},
	}
	for name, act := range all {
		all[name] = func(t *rapid.T) {
			// Less than the grace passes between a mark and its script: 15 s of a reused mark, and these.
			m.gaps = rapid.SliceOfN(rapid.SampledFrom([]int{-1, 0, 1, 6}), 2, 2).Draw(t, "gaps")
			act(t)
			m.gaps = nil
		}
	}
	all["time passes"] = func(t *rapid.T) {
		m.advance(ctx, time.Duration(rapid.SampledFrom([]int{1, 9, 14, 29, 31, 300, 3600}).Draw(t, "s"))*time.Second)
	}
	all["pass"] = func(t *rapid.T) { m.recoverDue(ctx, nil) }
	all["pass during which work comes"] = func(t *rapid.T) {
		app := m.app(t)
		m.recoverDue(ctx, func() {
			m.must(m.ledger.SetWakeAt(ctx, app, *m.at(t)))
			if rapid.Bool().Draw(t, "the pass stalls") {
				m.advance(ctx, markGrace+time.Second)
				m.recoverDue(ctx, nil) // of another worker
			}
		})
	}
	all[""] = m.check
	return all
}

// A pass may come between any two commands of another worker.
func TestWhateverWorkExistsTheAgendaHasItsAppInTime(t *testing.T) {
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
		hooked.AddHook(m)
		rt.Repeat(m.actions())

		// Where no work is left, the agenda forgets the app.
		m.advance(ctx, 48*time.Hour)
		m.recoverDue(ctx, nil)
		m.advance(ctx, markGrace)
		m.recoverDue(ctx, nil)
		now, err := m.other.Now(ctx)
		m.must(err)
		works, err := m.other.Work(ctx, m.apps...)
		m.must(err)
		for _, w := range works {
			if err := rdb.ZScore(ctx, visitsKey, w.App).Err(); (err == nil) == w.DueAt(now).IsZero() {
				rt.Fatalf("the visit of app %s: %v, though it has the work %+v", w.App, err, w)
			}
		}
		if marks := rdb.HLen(ctx, marksKey).Val(); marks != 0 {
			rt.Fatalf("%d marks are left", marks)
		}
	})
}
