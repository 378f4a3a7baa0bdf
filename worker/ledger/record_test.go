package ledger

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/worker/listsync"
)

func recording(c listsync.Pending, reason string) func(context.Context, *Ledger) string {
	return func(ctx context.Context, l *Ledger) string {
		r, err := l.Record(ctx, c, event(reason))
		return outcome(fmt.Sprintf("superseded %t, again %t, start %t, wake %d", r.Superseded, r.Repeated, r.Start, r.Wake), err)
	}
}

func TestRecordPutsAChangeIntoTheLedgerOnce(t *testing.T) {
	t.Parallel()
	const d = "a.example.com"
	full := lines{}
	for i := range HistoryKept {
		full = append(full, encode(event(strconv.Itoa(i))))
	}
	held := func(c listsync.Pending, since int64, sync hash) state {
		s := state{"seqs": hash{d: number(c.Seq)}, "pending": hash{d: encode(c)}, "sync": sync,
			"log:" + d: lines{encode(event("before"))}}
		if since != 0 {
			s["since"] = hash{d: number(since)}
		}
		return s
	}
	with := func(s state, more state) state {
		all := state{}
		for k, v := range s {
			all[k] = v
		}
		for k, v := range more {
			all[k] = v
		}
		return all
	}
	awake := hash{"awake": "1", "wake": "4"}
	apps := state{appsKey: set{testApp}}
	runScripts(t, []script{
		{
			name:   "a first addition wakes its app and needs a sync",
			before: state{},
			do:     recording(change(d, first), "asked"),
			want:   "superseded false, again false, start true, wake 1",
			after: state{"seqs": hash{d: number(first)}, "pending": hash{d: encode(change(d, first))}, "since": hash{d: number(first)},
				"sync": hash{"awake": "1", "wake": "1"}, "log:" + d: lines{encode(event("asked"))}, appsKey: set{testApp}},
		},
		{
			name:   "a first removal has no since",
			before: state{},
			do:     recording(removal(d, first), "asked"),
			want:   "superseded false, again false, start true, wake 1",
			after: state{"seqs": hash{d: number(first)}, "pending": hash{d: encode(removal(d, first))},
				"sync": hash{"awake": "1", "wake": "1"}, "log:" + d: lines{encode(event("asked"))}, appsKey: set{testApp}},
		},
		{
			name:   "an awake app needs no other sync",
			before: state{"sync": awake},
			do:     recording(change(d, first), "asked"),
			want:   "superseded false, again false, start false, wake 4",
			after: state{"seqs": hash{d: number(first)}, "pending": hash{d: encode(change(d, first))}, "since": hash{d: number(first)},
				"sync": awake, "log:" + d: lines{encode(event("asked"))}},
		},
		{
			name:   "a sleeping app gets a new wake",
			before: state{"sync": hash{"wake": "4"}},
			do:     recording(removal(d, first), "asked"),
			want:   "superseded false, again false, start true, wake 5",
			after: with(state{"seqs": hash{d: number(first)}, "pending": hash{d: encode(removal(d, first))},
				"sync": hash{"awake": "1", "wake": "5"}, "log:" + d: lines{encode(event("asked"))}}, apps),
		},
		{
			name:   "a repeated task changes nothing but needs its sync again",
			before: held(change(d, first), first, awake),
			do:     recording(change(d, first), "asked"),
			want:   "superseded false, again true, start true, wake 4",
			after:  with(held(change(d, first), first, awake), apps),
		},
		{
			name:   "a repeated task wakes an app whose wake was lost",
			before: held(change(d, first), first, hash{"wake": "4"}),
			do:     recording(change(d, first), "asked"),
			want:   "superseded false, again true, start true, wake 5",
			after:  with(held(change(d, first), first, hash{"awake": "1", "wake": "5"}), apps),
		},
		{
			name:   "a repeated task, already processed by a sync, does nothing",
			before: state{"seqs": hash{d: number(first)}, "sync": hash{"wake": "4"}},
			do:     recording(change(d, first), "asked"),
			want:   "superseded false, again true, start false, wake 0",
		},
		{
			name:   "an older change is superseded, but starts a sync that may be missing",
			before: held(change(d, first), first, awake),
			do:     recording(removal(d, first-1), "late"),
			want:   "superseded true, again false, start true, wake 4",
			after:  with(held(change(d, first), first, awake), apps),
		},
		{
			name:   "an older change wakes an app whose wake was lost",
			before: held(change(d, first), first, hash{"wake": "4"}),
			do:     recording(removal(d, first-1), "late"),
			want:   "superseded true, again false, start true, wake 5",
			after:  with(held(change(d, first), first, hash{"awake": "1", "wake": "5"}), apps),
		},
		{
			name:   "an older change is superseded by a processed one, too",
			before: state{"seqs": hash{d: number(first)}, "sync": hash{"wake": "4"}},
			do:     recording(change(d, first-1), "late"),
			want:   "superseded true, again false, start false, wake 0",
		},
		{
			name:   "a repeated addition keeps since",
			before: held(change(d, first), first, awake),
			do:     recording(change(d, first+1), "again"),
			want:   "superseded false, again false, start false, wake 4",
			after: with(held(change(d, first+1), first, awake),
				state{"log:" + d: lines{encode(event("again")), encode(event("before"))}}),
		},
		{
			name:   "a removal clears since",
			before: held(change(d, first), first, awake),
			do:     recording(removal(d, first+1), "gone"),
			want:   "superseded false, again false, start false, wake 4",
			after: with(held(removal(d, first+1), 0, awake),
				state{"log:" + d: lines{encode(event("gone")), encode(event("before"))}}),
		},
		{
			name:   "an addition after a removal has a new since",
			before: held(removal(d, first), 0, awake),
			do:     recording(change(d, first+1), "back"),
			want:   "superseded false, again false, start false, wake 4",
			after: with(held(change(d, first+1), first+1, awake),
				state{"log:" + d: lines{encode(event("back")), encode(event("before"))}}),
		},
		{
			name:   "the history keeps its last entries",
			before: state{"sync": awake, "log:" + d: full},
			do:     recording(removal(d, first), "the newest"),
			want:   "superseded false, again false, start false, wake 4",
			after: state{"seqs": hash{d: number(first)}, "pending": hash{d: encode(removal(d, first))}, "sync": awake,
				"log:" + d: append(lines{encode(event("the newest"))}, full[:HistoryKept-1]...)},
		},
		{
			name:   "the largest possible order number is kept",
			before: state{"sync": awake, "seqs": hash{d: number(1<<53 - 1)}},
			do:     recording(removal(d, 1<<53), "asked"),
			want:   "superseded false, again false, start false, wake 4",
			after: state{"seqs": hash{d: number(1 << 53)}, "pending": hash{d: encode(removal(d, 1<<53))}, "sync": awake,
				"log:" + d: lines{encode(event("asked"))}},
		},
	})
}

// In whatever order changes of one domain arrive, the one with the highest order number
// stays. They wake the app once, and exactly one that isn't superseded starts the sync.
func TestTheHighestOrderNumberWinsInAnyOrder(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		const changes, domain = 64, "a.example.com"
		var starts atomic.Int64
		var all sync.WaitGroup
		for _, i := range rand.Perm(changes) {
			all.Go(func() {
				c := change(domain, first+int64(i))
				c.Remove = i%2 == 0
				r, err := l.Record(t.Context(), c, event("asked"))
				if err != nil {
					t.Error(err)
				}
				if r.Start && r.Wake != 1 {
					t.Errorf("started wake %d, want 1", r.Wake)
				}
				if r.Start && !r.Superseded {
					starts.Add(1)
				}
			})
		}
		all.Wait()
		want := change(domain, first+changes-1)
		snapshot, err := l.Snapshot(t.Context(), testApp)
		if err != nil {
			t.Fatal(err)
		}
		want.Version = encode(want)
		if diff := cmp.Diff(map[string]listsync.Pending{domain: want}, snapshot.Pending); diff != "" {
			t.Errorf("pending (-want +got):\n%s", diff)
		}
		if since := snapshot.WantedSince[domain]; since <= 0 || since > want.Seq {
			t.Errorf("since is %d, the last addition's number is %d", since, want.Seq)
		}
		if got := rdb.HGet(t.Context(), key(testApp, "seqs"), domain).Val(); got != number(want.Seq) {
			t.Errorf("the last order number is %s, want %d", got, want.Seq)
		}
		if n := starts.Load(); n != 1 {
			t.Errorf("%d changes started a sync, want 1", n)
		}
	})
}

// Redis Cluster runs a script only if all of its keys are in one slot.
func TestAllKeysOfAnAppCarryItsHashTag(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	server := miniredis.RunT(t)
	server.SetTime(start)
	l := New(client(t, server.Addr()))
	for _, d := range []string{"a.example.com", "b.example.com", "xn--bcher-kva.example.com"} {
		if _, err := l.Record(ctx, change(d, first), event("asked")); err != nil {
			t.Fatal(err)
		}
	}
	lease, err := l.Acquire(ctx, testApp)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.BeginWrite(ctx, lease, listsync.WriteIntent{Claim: []string{"a.example.com"}}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Commit(ctx, lease, listsync.Commit{Own: []string{"a.example.com"},
		Outcomes: []listsync.Outcome{{Record: record("a.example.com", first)}}}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.TryLockAutoSSL(ctx, testApp); err != nil {
		t.Fatal(err)
	}
	if _, err := l.TryLockRecoverer(ctx, lockInterval); err != nil {
		t.Fatal(err)
	}
	tag, shared := "pilotsync:{"+testApp+"}:", []string{appsKey, lockKey, visitsKey, marksKey, changedKey, summariesKey, namesKey, namedKey, auditKey, sitesKey}
	keys := server.Keys()
	for _, k := range keys {
		if len(k) < len(tag) || k[:len(tag)] != tag {
			if !slices.Contains(shared, k) {
				t.Errorf("%s doesn't carry the app's hash tag", k)
			}
		}
	}
	for _, name := range []string{"seqs", "pending", "since", "domains", "ours", "due", "autossl", "sync"} {
		if !slices.Contains(keys, key(testApp, name)) {
			t.Errorf("the test left no %s, so it checks too little", name)
		}
	}
}

func TestAnAppHasABoundedNumberOfDomains(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		ctx := t.Context()
		invented := make([]any, 0, 2*MaxDomains)
		for i := range MaxDomains - 1 {
			invented = append(invented, fmt.Sprint("d", i, ".example.com"), "1")
		}
		if err := rdb.HSet(ctx, key(testApp, "seqs"), invented...).Err(); err != nil {
			t.Fatal(err)
		}
		for i, c := range []struct {
			domain string
			full   bool
		}{{"last.example.com", false}, {"beyond.example.com", true}, {"last.example.com", false}, {"d7.example.com", false}} {
			r, err := l.Record(ctx, change(c.domain, first+int64(i)), event("asked"))
			if err != nil || r.Full != c.full {
				t.Errorf("%s: %+v, %v", c.domain, r, err)
			}
		}
		if rdb.HExists(ctx, key(testApp, "pending"), "beyond.example.com").Val() {
			t.Error("a change that is refused is pending")
		}
	})
}
