package listsync

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"pilotsync/tasks"
)

func TestTheLedgerPredictsWhichNamesLeave(t *testing.T) {
	t.Parallel()
	add := func(domain string, www tasks.WWW) Pending {
		return Pending{Change: tasks.Change{Domain: domain, WWW: www}}
	}
	remove := func(domain string) Pending { return Pending{Change: tasks.Change{Domain: domain}, Remove: true} }
	for _, c := range []struct {
		name    string
		on      *fixture
		events  func(f *fixture)
		changes []Pending
		want    []string
	}{
		{"no change", newFixture(), func(f *fixture) { f.add("a.com", ""); f.sync() }, nil, nil},
		{"a domain takes its www form along", newFixture(), func(f *fixture) { f.add("a.com", ""); f.sync() },
			[]Pending{remove("a.com")}, []string{"a.com", "www.a.com"}},
		{"but for one that was set by hand", newFixture("www.a.com"), func(f *fixture) { f.add("a.com", ""); f.sync() },
			[]Pending{remove("a.com")}, []string{"a.com"}},
		{"a www form alone", newFixture(), func(f *fixture) { f.add("a.com", ""); f.sync() },
			[]Pending{remove("www.a.com")}, []string{"www.a.com"}},
		{"an unknown domain may be listed", newFixture(), func(*fixture) {}, []Pending{remove("a.com")}, []string{"a.com"}},
		{"the last of two changes counts", newFixture(), func(f *fixture) { f.add("a.com", ""); f.sync() },
			[]Pending{remove("a.com"), add("a.com", "")}, nil},
		{"an addition without a www form", newFixture(), func(f *fixture) { f.add("a.com", ""); f.add("b.com", ""); f.sync() },
			[]Pending{add("a.com", tasks.WWWNever)}, []string{"www.a.com"}},
		{"an addition without a rule", newFixture(), func(f *fixture) { f.add("a.com", ""); f.sync() }, []Pending{add("a.com", "")}, nil},
		{"a www form whose domain may find no room", newFixture(), func(f *fixture) { f.add("www.a.com", ""); f.sync() },
			[]Pending{remove("www.a.com"), add("a.com", tasks.WWWAlways)}, []string{"www.a.com"}},
		{"names that leave anyway don't count", newFixture(), func(f *fixture) { f.add("a.com", ""); f.sync(); f.remove("a.com"); f.owned["left.com"] = true },
			[]Pending{remove("b.com")}, []string{"b.com"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.events(c.on)
			if diff := cmp.Diff(c.want, WouldRemove(c.on.snapshot(), c.changes), equateEmpty); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Every name that changes remove was predicted.
func TestEachRemovedNameWasPredicted(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := drawFixture(t)
		f.rules.Protected = nil // the prediction doesn't know this setting
		f.sync()
		f.tombstones, f.claim = nil, nil
		snapshot := f.snapshot()
		var changes []Pending
		for range rapid.IntRange(1, 5).Draw(t, "changes") {
			s := anyChange.Draw(t, "change")
			if s.Import = false; !s.Remove && s.WWW == "" {
				s.WWW = tasks.WWWAlways // the prediction doesn't know this setting
			}
			changes = append(changes, f.change(s))
		}
		var domains []string
		for _, c := range changes {
			domains = append(domains, c.Domain)
		}
		predicted := keys(WouldRemove(snapshot.needed(domains), changes))
		before := f.input()
		for _, c := range changes {
			f.record(c)
		}
		in := f.input()
		p, without := Plan(in), keys(Plan(before).Removed)
		for _, name := range p.Removed {
			if !predicted[name] && !without[name] {
				explain(t, in, p, "%s leaves, and only %v were predicted", name, predicted)
			}
		}
	})
}

// After a loss the ledger knows nothing about an app's list. Until its domains are enqueued
// again, a www form counts as set by hand.
func TestAfterALossARemovalIncludesTheWWWFormOnceReenqueued(t *testing.T) {
	t.Parallel()
	const domain, form = "shop.example.com", "www.shop.example.com"
	pending := func(seq int64, remove bool) map[string]Pending {
		return map[string]Pending{domain: {Change: tasks.Change{AppID: "app1", Domain: domain, Seq: seq, Import: !remove}, Remove: remove}}
	}
	in := Input{Remote: []string{domain, form}, Rules: Rules{WWW: tasks.WWWAlways}}
	in.Ledger.Pending = pending(1, true)
	if got := Plan(in).List; !slices.Equal(got, []string{form}) {
		t.Errorf("before they are enqueued again a removal leaves %q", got)
	}
	in.Ledger.Pending = pending(1, false)
	handed := Plan(in)
	if handed.Write || len(handed.Outcomes) != 1 {
		t.Fatalf("the outcome is %+v", handed)
	}
	in.Ledger = Snapshot{Records: map[string]Record{domain: handed.Outcomes[0].Record}, Owned: map[string]bool{}, Pending: pending(2, true)}
	for _, name := range handed.Own {
		in.Ledger.Owned[name] = true
	}
	if got := Plan(in); len(got.List) != 0 {
		t.Errorf("after they are enqueued again a removal leaves %q", got.List)
	}
}
