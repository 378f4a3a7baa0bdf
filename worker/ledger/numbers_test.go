package ledger

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"pilotsync/enqueue/functions"
	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

// set gives app1 its last and its newest order number; empty for none.
func setNumbers(t *testing.T, rdb *redis.Client, last, newest string) {
	t.Helper()
	for name, value := range map[string]string{"seq": last, "newest": newest} {
		err := rdb.Del(t.Context(), key(testApp, name)).Err()
		if err == nil && value != "" {
			err = rdb.Set(t.Context(), key(testApp, name), value, 0).Err()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

const (
	dayMicros  = 24 * 60 * 60 * 1_000_000
	yearMicros = 365 * dayMicros
)

func TestAChangeWhoseNumberWasNeverIssuedIsRefused(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, _ *Ledger, rdb *redis.Client) {
		now := rdb.Time(t.Context()).Val().UnixMicro()
		for _, c := range []struct {
			name         string
			last, newest string
			seq          int64
			refused      bool
		}{
			{"the first number of an app", fmt.Sprint(now), "", now, false},
			{"a number that Redis lost in a failover", fmt.Sprint(now - 9*dayMicros), fmt.Sprint(now - 9*dayMicros), now, false},
			{"one that a server issued whose clock was an hour ahead", "", "", now + dayMicros/24, false},
			{"the greatest number", fmt.Sprint(now), "", 1 << 53, true},
			{"the greatest number, with a last one to match", fmt.Sprint(1 << 53), "", 1 << 53, true},
			{"the same where nothing was recorded or issued", "", "", 1 << 53, true},
			{"two days ahead, never issued", fmt.Sprint(now), fmt.Sprint(now), now + 2*dayMicros, true},
			{"two days ahead, issued before the clock was set back", fmt.Sprint(now + 2*dayMicros), "", now + 2*dayMicros, false},
			{"a year ahead, issued", fmt.Sprint(now + yearMicros), "", now + yearMicros, false},
			{"ten years ahead, by a last number that was set", fmt.Sprint(now + 10*yearMicros), "", now + 10*yearMicros, true},
			{"ten years ahead, after others that were recorded", fmt.Sprint(now + 10*yearMicros + 9), fmt.Sprint(now + 10*yearMicros), now + 10*yearMicros + 9, false},
			{"the same, and Redis lost the last number", "", fmt.Sprint(now + 10*yearMicros), now + 10*yearMicros + 9, false},
			{"a last number that is no number", "nan", "", 1 << 53, true},
		} {
			if err := rdb.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			setNumbers(t, rdb, c.last, c.newest)
			r, err := New(rdb).Record(t.Context(), change("a.example.com", c.seq), event("asked"))
			if err != nil || (r.Unissued != 0) != c.refused {
				t.Errorf("%s: %+v, %v", c.name, r, err)
			}
			if known := rdb.HExists(t.Context(), key(testApp, "seqs"), "a.example.com").Val(); known == c.refused {
				t.Errorf("%s: it is recorded: %t", c.name, known)
			}
		}
	})
}

// Workers of earlier releases recorded numbers without keeping the newest one.
func TestTheNewestNumberIsFoundOnceAndKept(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		ctx := t.Context()
		ahead := rdb.Time(ctx).Val().UnixMicro() + 3*yearMicros
		if err := rdb.HSet(ctx, key(testApp, "seqs"), "a.example.com", ahead-7, "b.example.com", ahead, "c.example.com", 5).Err(); err != nil {
			t.Fatal(err)
		}
		setNumbers(t, rdb, fmt.Sprint(ahead+2), "")
		works, err := l.Work(ctx, testApp)
		if err != nil || !works[0].Numbers {
			t.Fatalf("%+v, %v", works, err)
		}
		if raised, err := l.CheckNumbers(ctx, testApp); raised != "" || err != nil {
			t.Fatalf("raised %q, %v", raised, err)
		}
		check := func(want int64) {
			t.Helper()
			if got := rdb.Get(ctx, key(testApp, "newest")).Val(); got != strconv.FormatInt(want, 10) {
				t.Errorf("the newest number is %s, want %d", got, want)
			}
			if works, err = l.Work(ctx, testApp); err != nil || works[0].Numbers {
				t.Errorf("%+v, %v", works, err)
			}
		}
		check(ahead)
		for _, seq := range []int64{ahead + 2, ahead + 1} { // in any order
			if r, err := l.Record(ctx, change(fmt.Sprint("d", seq, ".example.com"), seq), event("asked")); err != nil || r.Unissued != 0 {
				t.Fatalf("%+v, %v", r, err)
			}
			check(ahead + 2)
		}
	})
}

func TestALastNumberThatWasRaisedIsLowered(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		ctx := t.Context()
		now := rdb.Time(ctx).Val().UnixMicro()
		for _, raised := range []string{fmt.Sprint(1 << 53), fmt.Sprint(now + 3*yearMicros)} {
			setNumbers(t, rdb, raised, fmt.Sprint(now+9))
			works, err := l.Work(ctx, testApp)
			if err != nil || !works[0].Numbers {
				t.Fatalf("%s: %+v, %v", raised, works, err)
			}
			if got, err := l.CheckNumbers(ctx, testApp); got != raised || err != nil {
				t.Errorf("it reports %q, %v; want %q", got, err, raised)
			}
			last, err := rdb.Get(ctx, key(testApp, "seq")).Int64()
			if after := rdb.Time(ctx).Val().UnixMicro(); err != nil || last < now+9 || last > max(now+9, after) {
				t.Errorf("%s: the last number is %d now, %v", raised, last, err)
			}
		}
	})
}

// numbersModel has producers and workers of one app, under a clock that moves.
type numbersModel struct {
	t      *rapid.T
	ctx    context.Context
	mini   *miniredis.Miniredis
	rdb    *redis.Client
	ledger *Ledger
	runner *functions.Runner
	now    time.Time
	issued []listsync.Pending // that wait, in their order
	all    []listsync.Pending // in their order
	lost   bool               // Redis lost the last number, while requests wait
}

func newNumbersModel(t *rapid.T, outer *testing.T, mini *miniredis.Miniredis, rdb *redis.Client) *numbersModel {
	mini.FlushAll()
	mini.SetTime(start)
	return &numbersModel{t: t, ctx: outer.Context(), mini: mini, rdb: rdb, ledger: New(rdb), runner: functions.NewRunner(rdb), now: start}
}

// issue makes a request of a genuine producer.
func (m *numbersModel) issue() listsync.Pending {
	n := rapid.IntRange(1, 3).Draw(m.t, "numbers") // others are used elsewhere, or never
	reply, err := m.runner.Run(m.ctx, functions.Seq(), []string{key(testApp, "seq")}, n).Int64Slice()
	if err != nil {
		m.t.Fatal(err)
	}
	domain := rapid.SampledFrom([]string{"a.example.com", "b.example.com", "c.example.com"}).Draw(m.t, "domain")
	c := change(domain, reply[0]+int64(n)-1)
	m.issued, m.all = append(m.issued, c), append(m.all, c)
	return c
}

// record records one of the requests that wait.
func (m *numbersModel) record() Recorded {
	i := rapid.IntRange(0, len(m.issued)-1).Draw(m.t, "which")
	c := m.issued[i]
	m.issued = slices.Delete(m.issued, i, i+1)
	m.lost = m.lost && len(m.issued) > 0
	r, err := m.ledger.Record(m.ctx, c, event("asked"))
	if err != nil || r.Unissued != 0 {
		m.t.Fatalf("a request with number %d at %d: %+v, %v", c.Seq, m.now.UnixMicro(), r, err)
	}
	return r
}

// moveClock moves Redis's clock by at most half a year from the start, so by less than a year. It
// isn't set back where only the clock says which numbers were issued.
func (m *numbersModel) moveClock() {
	least := int64(-180 * dayMicros)
	if m.lost && len(m.issued) > 0 {
		least = max(least, m.all[len(m.all)-1].Seq+1-start.UnixMicro())
	}
	m.now = start.Add(time.Duration(rapid.Int64Range(least, max(least, 180*dayMicros)).Draw(m.t, "clock")) * time.Microsecond)
	m.mini.SetTime(m.now)
}

func TestGenuineRequestsAreNeverRefusedAndTheLastOneWins(t *testing.T) {
	t.Parallel()
	mini := miniredis.RunT(t)
	rdb := client(t, mini.Addr())
	rapid.Check(t, func(rt *rapid.T) {
		m := newNumbersModel(rt, t, mini, rdb)
		rt.Repeat(map[string]func(*rapid.T){
			"request": func(*rapid.T) { m.issue() },
			"record": func(rt *rapid.T) {
				if len(m.issued) == 0 {
					rt.Skip()
				}
				m.record()
			},
			"the clock moves": func(*rapid.T) { m.moveClock() },
			"the clock is centuries behind, while no request waits": func(rt *rapid.T) {
				if len(m.issued) > 0 {
					rt.Skip()
				}
				mini.SetTime(start.AddDate(-30, 0, 0))
			},
			"Redis loses the last number in a failover": func(rt *rapid.T) {
				if len(m.all) > 0 && m.all[len(m.all)-1].Seq >= m.now.UnixMicro() {
					rt.Skip() // the clock was set back: then it isn't known what was issued
				}
				m.lost = true
				setNumber(rt, rdb, rapid.Int64Range(0, m.now.UnixMicro()).Draw(rt, "last"))
				mini.SetTime(m.now)
			},
			"a worker checks the numbers": func(rt *rapid.T) {
				if raised, err := m.ledger.CheckNumbers(m.ctx, testApp); raised != "" && len(m.issued) > 0 || err != nil {
					rt.Fatalf("raised %q, %v", raised, err)
				}
			},
		})
		for len(m.issued) > 0 {
			m.record()
		}
		last := map[string]int64{}
		for i, c := range m.all {
			if i > 0 && c.Seq <= m.all[i-1].Seq {
				rt.Errorf("%d came after %d", c.Seq, m.all[i-1].Seq)
			}
			last[c.Domain] = c.Seq
		}
		for domain, seq := range last {
			if got := rdb.HGet(m.ctx, key(testApp, "seqs"), domain).Val(); got != strconv.FormatInt(seq, 10) {
				rt.Errorf("%s has the request %s, the last one was %d", domain, got, seq)
			}
		}
	})
}

// A limited user may set the last number, and put any change on the queue.
func TestNoForgedNumberBlocksADomain(t *testing.T) {
	t.Parallel()
	mini := miniredis.RunT(t)
	rdb := client(t, mini.Addr())
	rapid.Check(t, func(rt *rapid.T) {
		m := newNumbersModel(rt, t, mini, rdb)
		anyNumber := rapid.OneOf(rapid.Int64Range(1, 1<<53), rapid.Int64Range(start.UnixMicro()-yearMicros, start.UnixMicro()+3*yearMicros))
		rt.Repeat(map[string]func(*rapid.T){
			"the last number is set": func(rt *rapid.T) { setNumber(rt, rdb, anyNumber.Draw(rt, "last")) },
			"a change is forged": func(rt *rapid.T) {
				c := change("a.example.com", anyNumber.Draw(rt, "forged"))
				c.Remove = true
				if _, err := m.ledger.Record(m.ctx, c, event("forged")); err != nil {
					rt.Fatal(err)
				}
			},
			"the clock moves": func(*rapid.T) { m.moveClock() },
			"a worker checks the numbers": func(rt *rapid.T) {
				if _, err := m.ledger.CheckNumbers(m.ctx, testApp); err != nil {
					rt.Fatal(err)
				}
			},
			"": func(rt *rapid.T) {
				c := m.issue()
				if r := m.record(); r.Superseded || r.Repeated {
					rt.Fatalf("the request %d of %s has no effect: %+v", c.Seq, c.Domain, r)
				}
			},
		})
	})
}

func setNumber(t *rapid.T, rdb *redis.Client, last int64) {
	if err := rdb.Set(context.Background(), key(testApp, "seq"), last, 0).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestASupersededChangeIsNotedUntilALaterOneIsRecorded(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, _ *redis.Client) {
		ctx := t.Context()
		at := Position{Domain: "a.example.com", App: testApp}
		noted := func() int64 {
			t.Helper()
			all, err := l.Superseded(ctx, testApp, "app2")
			if err != nil || len(all) > 1 {
				t.Fatalf("%+v, %v", all, err)
			}
			return all[at].Seq
		}
		note := func(seq int64) {
			t.Helper()
			if err := l.NoteSuperseded(ctx, removal("a.example.com", seq), listsync.HistoryEntry{At: start, State: tasks.Pending, Action: listsync.ActionRemove, Cause: tasks.Cause{Code: tasks.CauseSuperseded}, Actor: "anna"}); err != nil {
				t.Fatal(err)
			}
		}
		note(first - 9)
		if history, err := l.History(ctx, testApp, "a.example.com"); noted() != 0 || len(history) != 0 || err != nil {
			t.Errorf("an unknown domain has %d noted and %+v, %v", noted(), history, err)
		}
		if _, err := l.Record(ctx, change("a.example.com", first), event("asked")); err != nil {
			t.Fatal(err)
		}
		for _, seq := range []int64{first - 5, first - 9, first - 5} { // the second is older, the third repeats the first
			note(seq)
		}
		history, err := l.History(ctx, testApp, "a.example.com")
		if noted() != first-5 || len(history) != 2 || history[0].Code != tasks.CauseSuperseded || history[0].Actor != "anna" || err != nil {
			t.Errorf("%d is noted, the history is %+v, %v", noted(), history, err)
		}
		if _, err := l.Record(ctx, change("a.example.com", first+1), event("asked")); err != nil || noted() != 0 {
			t.Errorf("%d is noted, %v", noted(), err)
		}
	})
}
