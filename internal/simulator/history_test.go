package simulator

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOfConcurrentWritersTheLastWins(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{Apps: []App{{ID: "app1"}, {ID: "app2"}}, Latency: 300 * time.Millisecond})
	both := make(chan struct{})
	held := Fault{Kind: Slow, Until: both}
	s.FailNext("app1", WriteList, held, held)
	var group sync.WaitGroup
	for _, w := range []struct{ app, name string }{{"app1", "a.example.com"}, {"app1", "b.example.com"}, {"app2", "c.example.com"}} {
		r := request(t, s, "POST", "/apps/"+w.app, listBody(t, w.name))
		group.Go(func() {
			if got := send(r); got.status != 200 {
				t.Errorf("status %d, %v", got.status, got.err)
			}
		})
	}
	await(t, "both to arrive", func() bool { return s.Calls("app1", WriteList) == 2 })
	close(both)
	group.Wait()

	writes := s.History("app1")
	if len(writes) != 2 {
		t.Fatalf("history %+v", writes)
	}
	if list := s.List("app1"); len(list) != 1 || !slices.Equal(list, writes[1].After) {
		t.Errorf("the list is %v; the last write sent %v", list, writes[1].After)
	}
	for _, w := range writes {
		if took := w.AppliedAt.Sub(w.ReceivedAt); took < 300*time.Millisecond {
			t.Errorf("in effect after %s: before the end of the latency", took)
		}
	}
	if overlaps := s.Overlaps(); len(overlaps) != 1 || overlaps[0].First.App != "app1" || overlaps[0].Second.App != "app1" {
		t.Errorf("overlaps %+v; want the one of app1", overlaps)
	}
	if n := len(s.History("")); n != 3 {
		t.Errorf("all apps together have %d writes", n)
	}
}

func TestSequentialWritesDoNotOverlap(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	for range 50 {
		write(t, s, "a.example.com")
		s.EditByHand("app1", func([]string) []string { return nil })
	}
	if overlaps := s.Overlaps(); overlaps != nil {
		t.Errorf("overlaps %+v", overlaps)
	}
}

func TestAReadShowsTheListAtTheMiddleOfItsLatency(t *testing.T) {
	t.Parallel()
	const latency = 400 * time.Millisecond
	s := startSimulator(t, Options{Latency: latency})
	for i := range 20 {
		ended := make(chan result, 1)
		r := request(t, s, "GET", "/apps/app1", "")
		begin := time.Now()
		go func() { ended <- send(r) }()
		await(t, "the read to see the list", func() bool { return len(s.Reads("app1")) > i })
		if seen := time.Since(begin); seen < latency/2 {
			t.Errorf("it saw the list after %s, before the middle", seen)
		}
		later := fmt.Sprintf("shop%d.example.com", i)
		if err := s.EditByHand("app1", func([]string) []string { return []string{later} }); err != nil {
			t.Fatal(err)
		}
		inTime := s.Reads("app1")[i].AnsweredAt.IsZero() // otherwise the machine was too slow; try again
		if got := (<-ended).app(t).Domains; slices.Contains(got, later) {
			t.Errorf("the answer shows %v, which came after its middle", got)
		}
		if took := time.Since(begin); took < latency {
			t.Errorf("it took %s only", took)
		}
		if inTime {
			return
		}
	}
	t.Error("no read was answered after the list it shows had changed")
}

func TestOverlapRule(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.UnixMilli(1_700_000_000_000 + int64(ms)) }
	w := func(app string, received, applied, answered int) Write {
		return Write{App: app, ReceivedAt: at(received), AppliedAt: at(applied), AnsweredAt: at(answered)}
	}
	unanswered := w("a", 0, 5, 0)
	unanswered.AnsweredAt = time.Time{}
	byHand := w("a", 5, 5, 5)
	byHand.ByHand = true
	for _, test := range []struct {
		name    string
		history []Write
		want    int
	}{
		{"one after the other", []Write{w("a", 0, 5, 10), w("a", 10, 15, 20)}, 0},
		{"the second is received before the first is answered", []Write{w("a", 0, 5, 10), w("a", 9, 15, 20)}, 1},
		{"the order of the history doesn't matter", []Write{w("a", 9, 15, 20), w("a", 0, 5, 10)}, 1},
		{"one within the other", []Write{w("a", 0, 30, 40), w("a", 5, 10, 20)}, 1},
		{"two apps", []Write{w("a", 0, 5, 10), w("b", 5, 6, 7)}, 0},
		{"three concurrent writes are three pairs", []Write{w("a", 0, 9, 10), w("a", 1, 9, 10), w("a", 2, 9, 10)}, 3},
		{"a long write overlaps two sequential ones", []Write{w("a", 0, 90, 100), w("a", 1, 2, 3), w("a", 4, 5, 6)}, 2},
		{"a late write is in flight until it is applied", []Write{w("a", 0, 50, 0), w("a", 20, 25, 30)}, 1},
		{"a write without a response stays in flight", []Write{unanswered, w("a", 1000, 1001, 1002)}, 1},
		{"an edit by hand doesn't count", []Write{w("a", 0, 9, 10), byHand}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := overlaps(test.history); len(got) != test.want {
				t.Errorf("found %d: %+v; want %d", len(got), got, test.want)
			}
		})
	}
}

func TestHistoryAndListReturnCopies(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	write(t, s, "a.example.com")
	s.History("app1")[0].After[0] = "spoiled"
	s.List("app1")[0] = "spoiled"
	if diff := cmp.Diff([]string{"a.example.com"}, s.List("app1")); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if got := s.History("app1")[0].After[0]; got != "a.example.com" {
		t.Errorf("history says %s", got)
	}
}

func TestReadsAndWritesRecordTheirClient(t *testing.T) {
	t.Parallel()
	s := startSimulator(t, Options{})
	call(t, s, "GET", "/apps/app1", "")
	write(t, s, "a.example.com")
	s.FailNext("app1", ReadApp, Fault{Kind: Error5xx}, Fault{Kind: DropAfter})
	call(t, s, "GET", "/apps/app1", "") // fails
	call(t, s, "GET", "/apps/app1", "") // succeeds, but its response is lost
	reads := s.Reads("app1")
	if len(reads) != 2 || len(reads[0].List) != 0 || !slices.Equal(reads[1].List, []string{"a.example.com"}) {
		t.Fatalf("reads %+v", reads)
	}
	for _, r := range reads {
		if r.By != "sim" || r.App != "app1" || r.AnsweredAt.Before(r.ReceivedAt) {
			t.Errorf("read %+v", r)
		}
	}
	if writes := s.History("app1"); writes[0].By != "sim" {
		t.Errorf("write %+v", writes[0])
	}
	if s.Reads("unknown") != nil {
		t.Error("an unknown app has reads")
	}
}
