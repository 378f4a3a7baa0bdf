package dashboard

import (
	"context"
	"testing"
	"time"

	"pilotsync/worker/ledger"
)

// countedLedger counts the reads of all apps.
type countedLedger struct {
	fakeLedger
	reads int
}

func (c *countedLedger) AppStates(ctx context.Context, ids ...string) ([]ledger.App, error) {
	c.reads++
	return c.fakeLedger.AppStates(ctx, ids...)
}

func TestPagesShareReadsUntilSomethingChanges(t *testing.T) {
	t.Parallel()
	fresh, l := &freshness{}, &countedLedger{}
	shared := newSharedLedger(t.Context(), l, fresh)
	page := func(want int, when string) {
		t.Helper()
		if _, err := shared.AppStates(t.Context()); err != nil || l.reads != want {
			t.Errorf("%s: the apps were read %d times, want %d (%v)", when, l.reads, want, err)
		}
	}
	page(1, "without a stream")
	page(2, "without a stream, again")
	fresh.stream(1)
	shared.apps.since = func() time.Time { // a busy machine may take more than a second
		if since := fresh.sinceOf(&fresh.ledger); since.Before(fresh.ledger) {
			t.Errorf("reads since %s are used, before the change at %s", since, fresh.ledger)
		}
		return fresh.ledger
	}
	page(2, "with a stream")
	now := time.Now()
	fresh.change(now, now)
	page(3, "after a change")
	page(3, "after a change, again")
}
