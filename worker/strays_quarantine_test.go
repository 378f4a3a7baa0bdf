package worker

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func tasksOf(all []Quarantined) (ids []string) {
	for _, q := range all {
		ids = append(ids, q.Task)
	}
	return ids
}

func TestTheQuarantineHoldsTheNewestAndSaysSo(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	y.watch.quarantine.limit = 3
	for i := range 3 {
		y.plant("pending", fmt.Sprint("bad-", i), "\xff")
		y.look()
	}
	if y.log.has("quarantine is full") {
		t.Error("said to be full before it was")
	}
	y.plant("pending", "bad-3", "\xff")
	y.look()
	if !y.log.has("quarantine is full") {
		t.Error("nothing was said of the one that was dropped")
	}
	if diff := cmp.Diff([]string{"bad-3", "bad-2", "bad-1"}, tasksOf(y.quarantine())); diff != "" {
		t.Errorf("in quarantine (-want +got):\n%s", diff)
	}
	if n := y.rdb.HLen(t.Context(), quarantineKept).Val(); n != 3 {
		t.Errorf("%d messages are kept", n)
	}
	some, total, err := NewStrays(y.rdb).Quarantine(t.Context(), 2)
	if diff := cmp.Diff([]string{"bad-3", "bad-2"}, tasksOf(some)); diff != "" || total != 3 || err != nil {
		t.Errorf("total %d, %v (-want +got):\n%s", total, err, diff)
	}
	if none, total, err := NewStrays(y.rdb).Quarantine(t.Context(), 0); none != nil || total != 3 || err != nil {
		t.Errorf("%v, %d, %v", none, total, err)
	}
}

func TestTheSameMessageIsQuarantinedOnce(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	// As by a worker that died between putting it there and taking it out.
	q := quarantined(yardQueue, "pending", "bad", "why", []byte("\xff"))
	for i := range 2 {
		if added, _, err := y.watch.quarantine.put(t.Context(), q); err != nil || added != (i == 0) {
			t.Errorf("added %v, %v", added, err)
		}
	}
	y.plant("pending", "bad", "\xff")
	y.plant("pending", "bad2", "\xff")
	y.look()
	if got := tasksOf(y.quarantine()); len(got) != 2 || !y.gone("bad") {
		t.Errorf("in quarantine: %q", got)
	}
}

func TestOfALongMessageTheBeginningIsKept(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	raw := append([]byte("\xff"), bytes.Repeat([]byte("x"), 1<<20)...)
	y.plant("pending", "bad", string(raw))
	y.look()
	kept := y.quarantine()
	if len(kept) != 1 || kept[0].Size != len(raw) || !bytes.Equal(kept[0].Raw, raw[:rawLimit]) {
		t.Errorf("%d are kept, or not as they should", len(kept))
	}
}

func TestDroppingOneThatIsNotThereDropsNone(t *testing.T) {
	t.Parallel()
	y := newYard(t)
	for i := range 3 {
		y.plant("pending", fmt.Sprint("bad-", i), "\xff")
	}
	y.look()
	s, all := NewStrays(y.rdb), y.quarantine()
	if len(all) != 3 {
		t.Fatalf("in quarantine: %+v", all)
	}
	if err := s.Drop(t.Context(), all[0].ID, "none"); !errors.Is(err, ErrNotQuarantined) || len(y.quarantine()) != 3 {
		t.Errorf("%v; %d are left", err, len(y.quarantine()))
	}
	if err := s.Drop(t.Context(), all[0].ID, all[2].ID); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(all[1:2], y.quarantine()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}
