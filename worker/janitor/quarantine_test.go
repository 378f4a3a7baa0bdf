package janitor

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/worker/message"
)

func tasksOf(all []Quarantined) (ids []string) {
	for _, q := range all {
		ids = append(ids, q.Task)
	}
	return ids
}

func TestAFullQuarantineKeepsTheNewestAndLogsIt(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.janitor.quarantine.limit = 3
	for i := range 3 {
		f.plant("pending", fmt.Sprint("bad-", i), "\xff")
		f.scan()
	}
	if f.logged("quarantine is full") {
		t.Error("said to be full before it was")
	}
	f.plant("pending", "bad-3", "\xff")
	f.scan()
	if !f.logged("quarantine is full") {
		t.Error("nothing was said of the one that was dropped")
	}
	if diff := cmp.Diff([]string{"bad-3", "bad-2", "bad-1"}, tasksOf(f.quarantine())); diff != "" {
		t.Errorf("in quarantine (-want +got):\n%s", diff)
	}
	if n := f.rdb.HLen(t.Context(), keptKey).Val(); n != 3 {
		t.Errorf("%d messages are kept", n)
	}
	some, total, err := NewQuarantine(f.rdb).List(t.Context(), 2)
	if diff := cmp.Diff([]string{"bad-3", "bad-2"}, tasksOf(some)); diff != "" || total != 3 || err != nil {
		t.Errorf("total %d, %v (-want +got):\n%s", total, err, diff)
	}
	if none, total, err := NewQuarantine(f.rdb).List(t.Context(), 0); none != nil || total != 3 || err != nil {
		t.Errorf("%v, %d, %v", none, total, err)
	}
}

func TestTheSameMessageIsQuarantinedOnce(t *testing.T) {
	t.Parallel()
	f := setup(t)
	// A worker died after it put the message there, before it removed it from the queue.
	q := newQuarantined(testQueue, "pending", "bad", "why", []byte("\xff"), 1)
	for range 2 {
		if dropped, err := f.janitor.quarantine.put(t.Context(), q); err != nil || dropped != 0 {
			t.Errorf("%d are dropped, %v", dropped, err)
		}
	}
	f.plant("pending", "bad", "\xff")
	f.plant("pending", "bad2", "\xff")
	f.scan()
	if got := tasksOf(f.quarantine()); len(got) != 2 || !f.gone("bad") {
		t.Errorf("in quarantine: %q", got)
	}
}

func TestTheQuarantineKeepsTheBeginningOfALongMessage(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for size, kept := range map[int]int{message.MaxSize: message.MaxSize, message.MaxSize + 1: rawLimit, 1 << 20: rawLimit, 1<<20 + 1: 0} {
		raw := append([]byte("\xff"), bytes.Repeat([]byte("x"), size-1)...)
		f.plant("pending", "bad", string(raw))
		f.scan()
		q := f.quarantine()[0]
		if q.Size != size || !bytes.Equal(q.Raw, raw[:kept]) || !f.gone("bad") {
			t.Errorf("of %d bytes %d are kept, want %d; its size is %d", size, len(q.Raw), kept, q.Size)
		}
		if wantWhy := "its message has " + fmt.Sprint(size); size > message.MaxSize && !strings.HasPrefix(q.Why, wantWhy) {
			t.Errorf("why: %s; want %s …", q.Why, wantWhy)
		}
	}
}

func TestDropRefusesAllIfOneIsMissing(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for i := range 3 {
		f.plant("pending", fmt.Sprint("bad-", i), "\xff")
	}
	f.scan()
	s, all := NewQuarantine(f.rdb), f.quarantine()
	if len(all) != 3 {
		t.Fatalf("in quarantine: %+v", all)
	}
	if err := s.Drop(t.Context(), all[0].ID, "none"); !errors.Is(err, ErrNotQuarantined) || len(f.quarantine()) != 3 {
		t.Errorf("%v; %d are left", err, len(f.quarantine()))
	}
	if err := s.Drop(t.Context(), all[0].ID, all[2].ID); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(all[1:2], f.quarantine()); diff != "" {
		t.Errorf("left (-want +got):\n%s", diff)
	}
}

// A worker that takes a task and the janitor of another one can find the same message at once.
func TestOfTwoJanitorsAtOnceNoneDropsWhatTheOtherKept(t *testing.T) {
	t.Parallel()
	for name, plant := range map[string]func(*fixture){
		"an unreadable message": func(f *fixture) { f.plant(listActive, "bad", "{}") },
		"a large one":           func(f *fixture) { f.plant(listActive, "bad", strings.Repeat("x", message.MaxSize+1)) },
		"no task": func(f *fixture) {
			f.rdb.Set(t.Context(), asynqKey(testQueue, "t:bad"), "x", 0)
			f.put(listActive, "bad")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t)
			plant(f)
			found, err := f.janitor.load(t.Context(), testQueue, listActive, []string{"bad"})
			if err != nil {
				t.Fatal(err)
			}
			rdb := redis.NewClient(&redis.Options{Addr: f.rdb.Options().Addr})
			t.Cleanup(func() { _ = rdb.Close() })
			first, second := f.another(), f.another()
			first.Redis, first.quarantine = rdb, NewQuarantine(rdb)
			// The second one's whole repair comes after the first has kept the message.
			rdb.AddHook(&afterFirstCommand{do: func() {
				if err := second.repair(t.Context(), testQueue, listActive, found[0]); err != nil {
					t.Error(err)
				}
			}})
			if err := first.repair(t.Context(), testQueue, listActive, found[0]); err != nil {
				t.Fatal(err)
			}
			if all := f.quarantine(); len(all) != 1 || all[0].Task != "bad" || !f.gone("bad") {
				t.Errorf("the quarantine has %+v", all)
			}
		})
	}
}
