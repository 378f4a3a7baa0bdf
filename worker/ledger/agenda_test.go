package ledger

import (
	"errors"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Times are seconds from when the work was read.
func TestAVisitIsPlannedOnlyByWhoSawTheLast(t *testing.T) {
	t.Parallel()
	const none = 1e9
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		ctx := t.Context()
		readAt, err := l.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		at := func(seconds float64) time.Time {
			if seconds == none {
				return time.Time{}
			}
			return readAt.Add(time.Duration(seconds) * time.Second).Truncate(time.Millisecond)
		}
		for _, c := range []struct {
			name                               string
			visit, marked, seen, planned, want float64
		}{
			{"no work is left", -5, none, -5, none, none},
			{"later work", -5, none, -5, 60, 60},
			{"a mark whose grace is over", -5, -31, -5, none, none},
			{"a mark within its grace", -5, -10, -5, none, 20},
			{"a mark within its grace, and work before its end", -5, -10, -5, 10, 10},
			{"a mark after the work was read", -5, 3, -5, 60, 33},
			{"another worker planned an earlier visit", 5, none, -5, 60, 5},
			{"another worker planned a later visit", 90, none, -5, 60, 60},
			{"another worker found work, and this one none", 5, none, -5, none, 5},
			{"an app that isn't on the agenda", none, none, none, 60, 60},
			{"an app that isn't on the agenda, without work", none, none, none, none, none},
			{"an app that isn't due", 30, none, none, 60, 30},
			{"an app that isn't due, with earlier work", 30, none, none, 10, 10},
		} {
			t.Run(c.name, func(t *testing.T) {
				rdb.Del(ctx, visitsKey, marksKey)
				if c.visit != none {
					rdb.ZAdd(ctx, visitsKey, redis.Z{Score: float64(at(c.visit).UnixMilli()), Member: testApp})
				}
				if c.marked != none {
					rdb.HSet(ctx, marksKey, testApp, at(c.marked).UnixMilli())
				}
				planned := PlannedVisit{Visit: Visit{App: testApp, At: at(c.planned)}, Seen: at(c.seen)}
				if err := l.PlanVisits(ctx, readAt, []PlannedVisit{planned}); err != nil {
					t.Fatal(err)
				}
				got, err := rdb.ZScore(ctx, visitsKey, testApp).Result()
				if c.want == none {
					if !errors.Is(err, redis.Nil) {
						t.Errorf("a visit is planned (%v)", err)
					}
				} else if want := float64(at(c.want).UnixMilli()); err != nil || got != want {
					t.Errorf("the visit is %.3f s from the wanted time (%v)", (got-want)/1000, err)
				}
			})
		}
	})
}

func TestAMarkIsReusedForWorkItCovers(t *testing.T) {
	t.Parallel()
	now, later := time.Time{}, start.Add(time.Hour)
	for _, c := range []struct {
		name       string
		first, at  time.Time
		passed     time.Duration
		wantReused bool
	}{
		{"the same", now, now, 0, true},
		{"later work", now, later, 0, true},
		{"earlier work", later, now, 0, false},
		{"earlier work at a time", later, later.Add(-time.Second), 0, false},
		{"an old mark", now, now, markReused, false},
		{"another app", now, now, -1, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, app := &marker{marks: map[string]ownMark{testApp: {at: c.first, sent: start}}}, testApp
			if c.passed < 0 {
				app = "app2"
			}
			if got := m.marked(app, c.at, start.Add(c.passed)); got != c.wantReused {
				t.Errorf("reused: %v", got)
			}
		})
	}
}
