package ledger

import (
	"context"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"pilotsync/tasks"
	"pilotsync/worker/listsync"
)

const keepRemoved = 30 * 24 * time.Hour

// commitAt has a domain's last change committed in a state, both at a time.
func commitAt(t *testing.T, l *Ledger, domain string, state tasks.State, at time.Time) {
	t.Helper()
	ctx := t.Context()
	c := change(domain, at.UnixMicro())
	c.Remove = state == tasks.Removed
	if _, err := l.Record(ctx, c, event("asked")); err != nil {
		t.Fatal(err)
	}
	lease, err := l.Acquire(ctx, testApp)
	if err != nil {
		t.Fatal(err)
	}
	r := record(domain, c.Seq)
	r.State, r.UpdatedAt, r.Wanted = state, at, state.Listed()
	if _, err := l.Commit(ctx, lease, listsync.Commit{Outcomes: []listsync.Outcome{{Record: r}}}); err != nil {
		t.Fatal(err)
	}
	if released, err := l.Release(ctx, lease); err != nil || !released {
		t.Fatal(released, err)
	}
}

// pruneAll prunes all pages, and returns the pruned domains.
func pruneAll(t *testing.T, l *Ledger) (all []string) {
	t.Helper()
	for {
		pruned, more, err := l.Prune(t.Context(), testApp, keepRemoved)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, pruned...)
		if !more {
			return slices.Sorted(slices.Values(all))
		}
	}
}

func TestWhatEndedLongAgoIsPruned(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, l *Ledger, rdb *redis.Client) {
		ctx := t.Context()
		now, err := l.Now(ctx)
		if err != nil {
			t.Fatal(err)
		}
		old, young := now.Add(-keepRemoved-time.Second), now.Add(-keepRemoved+time.Hour)
		for domain, c := range map[string]struct {
			state tasks.State
			at    time.Time
		}{
			"removed.com": {tasks.Removed, old}, "rejected.com": {tasks.Rejected, old.Add(-time.Minute)}, "listed.com": {tasks.Done, old},
			"young.com": {tasks.Removed, young}, "again.com": {tasks.Removed, old}, "owned.com": {tasks.Removed, old}, "flying.com": {tasks.Removed, old},
			"late.com": {tasks.Removed, old}, "www.listed.com": {tasks.Removed, old}, "www.again.com": {tasks.Removed, old}, "www.removed.com": {tasks.Removed, old.Add(-time.Second)},
		} {
			commitAt(t, l, domain, c.state, c.at)
		}
		// Rejected lately, long after its request: the list has no room for it any more.
		commitAt(t, l, "full.com", tasks.Rejected, old)
		record := strings.Replace(rdb.HGet(ctx, key(testApp, "domains"), "full.com").Val(), encode(old), encode(young), 1)
		if !strings.Contains(record, encode(young)) {
			t.Fatalf("the record is %s", record)
		}
		rdb.HSet(ctx, key(testApp, "domains"), "full.com", record)
		if _, err := l.Record(ctx, change("again.com", now.UnixMicro()), event("asked")); err != nil {
			t.Fatal(err)
		}
		rdb.SAdd(ctx, key(testApp, "ours"), "www.owned.com")
		rdb.HSet(ctx, key(testApp, "sync"), "claim", `["flying.com"]`)
		rdb.ZAdd(ctx, key(testApp, "gone"), redis.Z{Member: "late.com", Score: float64(now.Add(-time.Hour).UnixMilli())},
			redis.Z{Member: "removed.com", Score: float64(old.UnixMilli())})

		all, err := l.Domains(ctx, testApp)
		if err != nil {
			t.Fatal(err)
		}
		kept := map[string]bool{}
		for _, v := range all {
			kept[v.Domain] = true
		}
		want := []string{"rejected.com", "removed.com", "www.removed.com"}
		rdb.Del(ctx, marksKey) // they are older than the grace
		if diff := cmp.Diff(want, pruneAll(t, l)); diff != "" {
			t.Fatalf("pruned (-want +got):\n%s", diff)
		}
		for _, domain := range want {
			delete(kept, domain)
			for _, k := range rdb.Keys(ctx, "*").Val() {
				if k == auditKey { // the last ten thousand requests, however old
					continue
				}
				if text := dumped(t, rdb, k); strings.Contains(text, `"`+domain) || strings.Contains(text, " "+domain) || strings.HasSuffix(k, ":"+domain) {
					t.Errorf("%s has %s after it was pruned: %s", k, domain, text)
				}
			}
		}
		apps, err := l.AppStates(ctx)
		if err != nil {
			t.Fatal(err)
		}
		page, err := l.Find(ctx, apps, Query{Apps: []string{testApp}, Limit: 50})
		if err != nil || page.Total != len(kept) {
			t.Errorf("%d domains are found of %v, %v", page.Total, slices.Sorted(maps.Keys(kept)), err)
		}
		if works, err := l.Work(ctx, testApp); err != nil || works[0].Prune {
			t.Errorf("the next prune is due already: %+v, %v", works, err)
		}

		// The last request still wins.
		for _, c := range []struct {
			what   string
			change listsync.Pending
			want   Recorded
		}{
			{"the pruned removal once more", removal("removed.com", old.UnixMicro()), Recorded{Repeated: true}},
			{"an addition before it", change("removed.com", old.UnixMicro()-1), Recorded{Superseded: true}},
			{"an addition before a rejected one, which was pruned", change("rejected.com", old.UnixMicro()-1), Recorded{Superseded: true}},
			{"a later one", change("removed.com", old.UnixMicro()+1), Recorded{Wake: 13}},
			{"one of a domain that is known, before the floor", change("late.com", old.UnixMicro()-1), Recorded{Superseded: true}},
		} {
			got, err := l.Record(ctx, c.change, event("asked"))
			if c.want.Wake != 0 {
				got.Wake = c.want.Wake
			}
			if got.Start = false; err != nil || got != c.want {
				t.Errorf("%s: %+v, %v", c.what, got, err)
			}
		}
	})
}

// dumped is the content of a key as text, each member after a quote.
func dumped(t *testing.T, rdb *redis.Client, k string) string {
	ctx := t.Context()
	switch rdb.Type(ctx, k).Val() {
	case "hash":
		return encode(rdb.HGetAll(ctx, k).Val())
	case "zset":
		return encode(rdb.ZRange(ctx, k, 0, -1).Val())
	case "set":
		return encode(rdb.SMembers(ctx, k).Val())
	case "list":
		return encode(rdb.LRange(ctx, k, 0, -1).Val())
	}
	return encode(rdb.Get(ctx, k).Val())
}

// What happens between the read of a page and the removal of its domains counts.
func TestADomainThatChangesIsNotPruned(t *testing.T) {
	t.Parallel()
	for name, meanwhile := range map[string]func(context.Context, *Ledger) error{
		"nothing": func(context.Context, *Ledger) error { return nil },
		"an addition": func(ctx context.Context, l *Ledger) error {
			_, err := l.Record(ctx, change("www.a.com", start.UnixMicro()), event("asked"))
			return err
		},
		"an addition of its domain": func(ctx context.Context, l *Ledger) error {
			_, err := l.Record(ctx, change("a.com", start.UnixMicro()), event("asked"))
			return err
		},
		"another record": func(ctx context.Context, l *Ledger) error {
			return l.rdb.HSet(ctx, key(testApp, "domains"), "www.a.com", "{}").Err()
		},
		"a tombstone": func(ctx context.Context, l *Ledger) error {
			return l.rdb.ZAdd(ctx, key(testApp, "gone"), redis.Z{Member: "www.a.com", Score: float64(start.UnixMilli())}).Err()
		},
		"a write": func(ctx context.Context, l *Ledger) error {
			return l.rdb.HSet(ctx, key(testApp, "sync"), "claim", `["www.a.com"]`).Err()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, _ := frozen(t)
			commitAt(t, l, "www.a.com", tasks.Removed, start.Add(-2*keepRemoved))
			page, err := l.endedDomains(t.Context(), testApp, keepRemoved)
			if err != nil || len(page.domains) != 1 {
				t.Fatalf("%+v, %v", page, err)
			}
			if err := meanwhile(t.Context(), l); err != nil {
				t.Fatal(err)
			}
			pruned, err := l.pruneDomains(t.Context(), testApp, page)
			if want := name == "nothing"; err != nil || (len(pruned) == 1) != want {
				t.Errorf("pruned %q, %v", pruned, err)
			}
		})
	}
}

// Many domains take several pages, and those that stay don't hold up the others.
func TestPagesOfEndedDomainsFollowEachOther(t *testing.T) {
	t.Parallel()
	l, _ := frozen(t)
	ctx := t.Context()
	const n = 2*prunedAtOnce + 50
	rdb, stays, goes := l.rdb, 0, 0
	for i := range n {
		r := ended(number(int64(1000+i))+".com", start.Add(-2*keepRemoved).UnixMicro())
		r.UpdatedAt = start.Add(-2 * keepRemoved)
		rdb.HSet(ctx, key(testApp, "domains"), r.Domain, encode(r))
		rdb.HSet(ctx, key(testApp, "seqs"), r.Domain, r.Seq)
		rdb.ZAdd(ctx, key(testApp, "index"), redis.Z{Member: " " + r.Domain}, redis.Z{Member: "removed " + r.Domain})
		if i < prunedAtOnce+10 {
			rdb.SAdd(ctx, key(testApp, "ours"), r.Domain)
			stays++
		} else {
			goes++
		}
	}
	if pruned := pruneAll(t, l); len(pruned) != goes || int(rdb.HLen(ctx, key(testApp, "domains")).Val()) != stays {
		t.Errorf("%d of %d pruned", len(pruned), goes)
	}
}
