package ledger

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

func TestConcurrentWorkersGiveALedgerOneIdentity(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	ids := make([]string, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			is, err := l.Identify(t.Context(), Identity{})
			if err != nil || !is.Lost.IsZero() {
				t.Errorf("%+v, %v", is, err)
			}
			ids[i] = is.ID
		})
	}
	all.Wait()
	for _, id := range ids {
		if id == "" || id != ids[0] {
			t.Fatalf("the workers got %q", ids)
		}
	}
	if is, err := l.Identity(t.Context()); err != nil || is.ID != ids[0] || is.Created.IsZero() {
		t.Errorf("it is %+v, %v", is, err)
	}
}

func TestALossIsRecordedOnceForAllWorkers(t *testing.T) {
	t.Parallel()
	l, rdb := newLedger(t)
	identify := func(known string) Identity {
		t.Helper()
		is, err := l.Identify(t.Context(), Identity{ID: known})
		if err != nil {
			t.Fatal(err)
		}
		return is
	}
	first := identify("")
	if again := identify(first.ID); again.ID != first.ID || !again.Lost.IsZero() {
		t.Fatalf("without a loss it is %+v after %+v", again, first)
	}
	backup := rdb.HGetAll(t.Context(), ledgerKey).Val()
	rdb.FlushAll(t.Context())
	second := identify(first.ID)
	if second.ID == first.ID || second.Lost.IsZero() {
		t.Fatalf("after a loss it is %+v", second)
	}
	for _, known := range []string{first.ID, second.ID, ""} {
		if is := identify(known); is.ID != second.ID || is.Lost != second.Lost {
			t.Errorf("a worker that knew %q sees %+v, want %+v", known, is, second)
		}
	}
	// A backup of the first ledger replaces the second. No worker knows it, although it has
	// the first identity.
	rdb.FlushAll(t.Context())
	rdb.HSet(t.Context(), ledgerKey, backup)
	third := identify(second.ID)
	if third.ID == first.ID || third.ID == second.ID || third.Lost.IsZero() {
		t.Errorf("after a restore it is %+v", third)
	}
	// Workers that missed one or both losses get the last identity.
	for _, known := range []string{first.ID, second.ID, third.ID} {
		if is := identify(known); is.ID != third.ID || is.Lost != third.Lost {
			t.Errorf("a worker that knew %q sees %+v, want %+v", known, is, third)
		}
	}
	// A worker that knew yet another ledger makes one more identity, and then all agree.
	fourth := identify("unheard-of")
	for _, known := range []string{"unheard-of", first.ID, second.ID, third.ID} {
		if is := identify(known); is.ID != fourth.ID {
			t.Errorf("a worker that knew %q sees %+v, want %+v", known, is, fourth)
		}
	}
}

func TestALossHasOneEventForEachAppAndEndsWithTheHandover(t *testing.T) {
	t.Parallel()
	l, rdb := newLedger(t)
	ctx := t.Context()
	if loss, err := l.Loss(ctx); err != nil || !loss.At.IsZero() {
		t.Fatalf("before any loss: %+v, %v", loss, err)
	}
	if _, err := l.Identify(ctx, Identity{ID: "before"}); err != nil {
		t.Fatal(err)
	}
	is, err := l.Identity(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Announce(ctx, Worker{ID: "w", Name: "host/1", Apps: []string{"app1", "app2"}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.NotifyLoss(ctx, "app1", is); err != nil {
			t.Fatal(err)
		}
	}
	events, err := l.Outbox(ctx, "app1", 10)
	if err != nil || len(events) != 1 || events[0].Type != tasks.LedgerLost || events[0].Ledger != is.ID {
		t.Errorf("the outbox has %+v, %v", events, err)
	}
	if _, err := tasks.Decode[tasks.Event](tasks.Encode(events[0].Event)); err != nil {
		t.Error(err)
	}
	if loss, err := l.Loss(ctx); err != nil || loss.At != is.Lost || len(loss.Waiting) != 2 {
		t.Errorf("the loss is %+v, %v", loss, err)
	}
	if err := l.RecordHandover(ctx, "app1", is.ID); err != nil {
		t.Fatal(err)
	}
	if err := l.RecordHandover(ctx, "app2", "of before"); err != nil {
		t.Fatal(err)
	}
	if loss, err := l.Loss(ctx); err != nil || len(loss.Waiting) != 1 || loss.Waiting[0] != "app2" {
		t.Errorf("the loss is %+v, %v", loss, err)
	}
	rdb.HSet(ctx, ledgerKey, "lost", is.Lost.Add(-LossKept).UnixMilli()-1)
	if loss, err := l.Loss(ctx); err != nil || !loss.At.IsZero() || loss.Detected.IsZero() {
		t.Errorf("a week later: %+v, %v", loss, err)
	}
}

// An app that this process marked just before the loss isn't on the new ledger's agenda.
func TestTheEventOfALossIsFoundByAVisit(t *testing.T) {
	t.Parallel()
	l, rdb := newLedger(t)
	ctx := t.Context()
	known, err := l.Identify(ctx, Identity{})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.agenda.mark(ctx, testApp, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if err := rdb.FlushAll(ctx).Err(); err != nil {
		t.Fatal(err)
	}
	current, err := l.Identify(ctx, known)
	if err != nil || current.Lost.IsZero() {
		t.Fatalf("the ledger is %+v, %v; want it lost", current, err)
	}
	if err := l.NotifyLoss(ctx, testApp, current); err != nil {
		t.Fatal(err)
	}
	if visits, err := rdb.ZRange(ctx, visitsKey, 0, -1).Result(); err != nil || !slices.Equal(visits, []string{testApp}) {
		t.Errorf("the agenda has %q, %v; want %s", visits, err, testApp)
	}
}

// The copy has summaries, and not the mark of an app that this process marked just before.
func TestReadersSeeWhatWasRecordedInAnOlderCopy(t *testing.T) {
	t.Parallel()
	l, server := frozen(t)
	ctx := t.Context()
	pending := func() int {
		t.Helper()
		apps, err := l.AppStates(ctx)
		if err != nil || len(apps) != 1 {
			t.Fatalf("%d apps: %v", len(apps), err)
		}
		return apps[0].Pending
	}
	record := func(domain string, seq int64) {
		t.Helper()
		if _, err := l.Record(ctx, change(domain, seq), event("asked")); err != nil {
			t.Fatal(err)
		}
	}
	known, err := l.Identify(ctx, Identity{})
	if err != nil {
		t.Fatal(err)
	}
	record("a.example.com", first)
	server.SetTime(start.Add(time.Hour))
	if pending() != 1 || server.HGet(summariesKey, testApp) == "" {
		t.Fatal("no summary is kept")
	}
	known.Seen = start.Add(time.Hour) // and the ledger has that of an hour before
	record("b.example.com", first+1)
	if _, err := l.Identify(ctx, known); err != nil {
		t.Fatal(err)
	}
	if got := pending(); got != 2 {
		t.Errorf("readers see %d pending changes, want 2", got)
	}
}

func TestAnOlderCopyOfTheLedgerCountsAsLost(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		// passed is the time from the copy until a worker identified the ledger.
		passed time.Duration
		lost   bool
	}{
		{"what a crash may cost", setbackAllowed, false},
		{"a copy", setbackAllowed + time.Millisecond, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l, server := frozen(t)
			identify := func(known Identity, at time.Time) Identity {
				t.Helper()
				server.SetTime(at)
				is, err := l.Identify(t.Context(), known)
				if err != nil {
					t.Fatal(err)
				}
				return is
			}
			first := identify(Identity{}, start)
			backup := l.rdb.HGetAll(t.Context(), ledgerKey).Val()
			later := start.Add(c.passed)
			first = identify(first, later)
			another := identify(Identity{ID: first.ID}, later.Add(-time.Second)) // a Redis clock that is behind
			if !first.Lost.IsZero() || !first.Seen.Equal(later) || another != first {
				t.Fatalf("before a loss: %+v, then %+v", first, another)
			}

			l.rdb.Del(t.Context(), ledgerKey)
			l.rdb.HSet(t.Context(), ledgerKey, backup)
			at := later.Add(time.Hour)
			// A worker that started meanwhile doesn't hide the loss from the others.
			if fresh := identify(Identity{}, at); fresh.ID != first.ID {
				t.Errorf("a worker that knew no ledger sees %+v", fresh)
			}
			is := identify(first, at)
			if lost := is.ID != first.ID && is.Lost.Equal(at); lost != c.lost {
				t.Fatalf("the identity is %+v after %+v; lost: %t", is, first, lost)
			}
			if again := identify(another, at.Add(time.Second)); again.ID != is.ID || again.Lost != is.Lost {
				t.Errorf("the next worker sees %+v after %+v", again, is)
			}
		})
	}
}

func newLedger(t *testing.T) (*Ledger, *redis.Client) {
	t.Helper()
	rdb := backends()["miniredis"](t)
	return New(rdb), rdb
}
