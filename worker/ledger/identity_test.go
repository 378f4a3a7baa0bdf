package ledger

import (
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
)

func TestALedgerGetsOneIdentityHoweverManyWorkersStartAtOnce(t *testing.T) {
	t.Parallel()
	l, _ := newLedger(t)
	ids := make([]string, 8)
	var all sync.WaitGroup
	for i := range ids {
		all.Go(func() {
			is, err := l.Identify(t.Context(), "")
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

func TestALossIsNotedOnceAndEndsForEveryWorker(t *testing.T) {
	t.Parallel()
	l, rdb := newLedger(t)
	identify := func(known string) Identity {
		t.Helper()
		is, err := l.Identify(t.Context(), known)
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
		if is := identify(known); is != second {
			t.Errorf("who knew %q sees %+v, want %+v", known, is, second)
		}
	}
	// A backup of the first ledger takes the place of the second. It isn't what anybody
	// knows, although it has the identity of before.
	rdb.FlushAll(t.Context())
	rdb.HSet(t.Context(), ledgerKey, backup)
	third := identify(second.ID)
	if third.ID == first.ID || third.ID == second.ID || third.Lost.IsZero() {
		t.Errorf("after a restore it is %+v", third)
	}
	// Workers that slept through one or both of the losses learn the last ledger.
	for _, known := range []string{first.ID, second.ID, third.ID} {
		if is := identify(known); is != third {
			t.Errorf("who knew %q sees %+v, want %+v", known, is, third)
		}
	}
	// One that knew another ledger yet makes one more, and then all agree.
	fourth := identify("unheard-of")
	for _, known := range []string{"unheard-of", first.ID, second.ID, third.ID} {
		if is := identify(known); is.ID != fourth.ID {
			t.Errorf("who knew %q sees %+v, want %+v", known, is, fourth)
		}
	}
}

func TestALossIsToldToEachAppOnceAndWaitsForItsHandover(t *testing.T) {
	t.Parallel()
	l, rdb := newLedger(t)
	ctx := t.Context()
	if loss, err := l.Loss(ctx); err != nil || !loss.At.IsZero() {
		t.Fatalf("before any loss: %+v, %v", loss, err)
	}
	if _, err := l.Identify(ctx, "before"); err != nil {
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
		if err := l.TellLoss(ctx, "app1", is); err != nil {
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
	if err := l.HandedOver(ctx, "app1", is.ID); err != nil {
		t.Fatal(err)
	}
	if err := l.HandedOver(ctx, "app2", "of before"); err != nil {
		t.Fatal(err)
	}
	if loss, err := l.Loss(ctx); err != nil || len(loss.Waiting) != 1 || loss.Waiting[0] != "app2" {
		t.Errorf("the loss is %+v, %v", loss, err)
	}
	rdb.HSet(ctx, ledgerKey, "lost", is.Lost.Add(-LossKept).UnixMilli()-1)
	if loss, err := l.Loss(ctx); err != nil || !loss.At.IsZero() {
		t.Errorf("a week later: %+v, %v", loss, err)
	}
}

func newLedger(t *testing.T) (*Ledger, *redis.Client) {
	t.Helper()
	rdb := backends()["miniredis"](t)
	return New(rdb), rdb
}
