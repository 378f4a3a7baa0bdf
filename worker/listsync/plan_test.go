package listsync

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
)

// newFixture returns a fixture whose setting gives every domain a www form.
func newFixture(list ...string) *fixture {
	return &fixture{memory: newMemory(&clock{t: start}), list: list, rules: Rules{WWW: tasks.WWWAlways}}
}

// full returns a fixture with a list of n names, filled up with names set by hand.
func full(n int, list ...string) *fixture {
	f := newFixture(list...)
	f.fill(n)
	return f
}

// planCase is a sequence of events and the list that a sync makes of it.
type planCase struct {
	name   string
	from   *fixture // nil: an empty list
	events func(f *fixture)
	list   string // names, separated by spaces, without those of fill
	// states by domain; other domains aren't compared
	states map[string]tasks.State
}

func TestEachChangeLeadsToTheRightList(t *testing.T) {
	t.Parallel()
	for _, c := range []planCase{
		{name: "an added domain brings its www form",
			events: func(f *fixture) { f.add("a.com", "") }, list: "a.com www.a.com"},
		{name: "a request's own rule beats the setting",
			events: func(f *fixture) { f.add("a.com", tasks.WWWNever) }, list: "a.com"},
		{name: "a www domain gets no second www",
			events: func(f *fixture) { f.add("www.a.com", "") }, list: "www.a.com"},
		{name: "a wildcard gets no www form and no certificate",
			events: func(f *fixture) { f.add("*.a.com", "") }, list: "*.a.com",
			states: map[string]tasks.State{"*.a.com": tasks.DoneWithoutSSL}},
		{name: "main_only gives example.co.uk a www form and shop.example.co.uk none",
			events: func(f *fixture) {
				f.add("example.co.uk", tasks.WWWMainOnly)
				f.add("shop.example.co.uk", tasks.WWWMainOnly)
			}, list: "example.co.uk www.example.co.uk shop.example.co.uk"},
		{name: "new names are appended in the order of their requests", from: newFixture("hand.net", "www.b.com"),
			events: func(f *fixture) { f.add("z.com", ""); f.add("b.com", "") }, list: "hand.net www.b.com z.com www.z.com b.com"},
		{name: "duplicates stay without a write", from: newFixture("B.com", "hand.net", "b.com", "HAND.net"),
			events: func(*fixture) {}, list: "B.com hand.net b.com HAND.net"},
		{name: "a write keeps the first of duplicates", from: newFixture("B.com", "hand.net", "b.com.", "HAND.net"),
			events: func(f *fixture) { f.add("a.com", tasks.WWWNever) }, list: "B.com hand.net a.com"},
		{name: "a name on the list in another spelling is not added again", from: newFixture("A.com.", "www.MÜNCHEN.example", "münchen.example."),
			events: func(f *fixture) { f.add("a.com", tasks.WWWNever); f.add("xn--mnchen-3ya.example", "") },
			list:   "A.com. www.MÜNCHEN.example münchen.example."},
		{name: "a removal takes off the name in another spelling", from: newFixture("A.com.", "münchen.example", "hand.net"),
			events: func(f *fixture) { f.remove("a.com"); f.remove("xn--mnchen-3ya.example") }, list: "hand.net"},
		{name: "a protected name stays in another spelling", from: newFixture("münchen.example"),
			events: func(f *fixture) {
				f.rules.Protected = []string{"MÜNCHEN.example."}
				f.remove("xn--mnchen-3ya.example")
			}, list: "münchen.example",
			states: map[string]tasks.State{"xn--mnchen-3ya.example": tasks.Rejected}},
		{name: "a name on the list in other letters is not added again", from: newFixture("A.COM"),
			events: func(f *fixture) { f.add("a.com", "") }, list: "A.COM www.a.com"},
		{name: "a removal removes all duplicates in any letter case", from: newFixture("A.com", "x.net", "a.COM"),
			events: func(f *fixture) { f.add("a.com", tasks.WWWNever); f.sync(); f.remove("a.com") }, list: "x.net"},

		{name: "removing a domain removes its owned www form",
			events: func(f *fixture) { f.add("a.com", ""); f.sync(); f.remove("a.com") }, list: ""},
		{name: "removing a domain leaves a www form set by hand", from: newFixture("www.a.com"),
			events: func(f *fixture) { f.add("a.com", ""); f.sync(); f.remove("a.com") }, list: "www.a.com"},
		{name: "removing a domain leaves a www form that is mapped by itself",
			events: func(f *fixture) { f.add("a.com", ""); f.add("www.a.com", ""); f.sync(); f.remove("a.com") }, list: "www.a.com",
			states: map[string]tasks.State{"a.com": tasks.Removed, "www.a.com": tasks.CheckingDNS}},
		{name: "removing a domain that the ledger doesn't know leaves its www form", from: newFixture("a.com", "www.a.com", "hand.net"),
			events: func(f *fixture) { f.remove("a.com") }, list: "www.a.com hand.net"},
		{name: "removing both by name removes both", from: newFixture("a.com", "www.a.com", "hand.net"),
			events: func(f *fixture) { f.remove("a.com"); f.remove("www.a.com") }, list: "hand.net"},
		{name: "removing a domain that the ledger doesn't know leaves a www form that is mapped by itself", from: newFixture("a.com", "www.a.com"),
			events: func(f *fixture) { f.add("www.a.com", ""); f.remove("a.com") }, list: "www.a.com"},
		{name: "a domain added and removed before any sync leaves a www form that was set by hand", from: newFixture("www.a.com"),
			events: func(f *fixture) { f.add("a.com", ""); f.remove("a.com") }, list: "www.a.com"},
		{name: "removing an unlisted domain succeeds",
			events: func(f *fixture) { f.remove("a.com") }, list: "", states: map[string]tasks.State{"a.com": tasks.Removed}},
		{name: "removing one domain leaves another's name alone", from: newFixture("hand.net"),
			events: func(f *fixture) { f.add("a.com", ""); f.add("b.com", ""); f.sync(); f.remove("a.com") }, list: "hand.net b.com www.b.com"},

		{name: "a www form removed by name stays away until its domain is added again",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.sync()
				f.remove("www.a.com")
				f.sync()
				f.list = nil
				f.add("b.com", tasks.WWWNever)
			}, list: "a.com b.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS, "www.a.com": tasks.Removed}},
		{name: "a www form removed by name comes back when its domain is added again",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.sync()
				f.remove("www.a.com")
				f.sync()
				f.add("a.com", tasks.WWWAlways)
			}, list: "a.com www.a.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS, "www.a.com": tasks.Removed}},
		{name: "a www form removed by name comes back by the setting, too",
			events: func(f *fixture) { f.add("a.com", ""); f.remove("www.a.com"); f.sync(); f.add("a.com", "") }, list: "a.com www.a.com"},
		{name: "a www form removed by name stays away when its domain is added without one",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.remove("www.a.com")
				f.sync()
				f.add("a.com", tasks.WWWNever)
			}, list: "a.com"},
		{name: "a www form removed by name leaves again when it is removed again",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.remove("www.a.com")
				f.add("a.com", "")
				f.sync()
				f.remove("www.a.com")
			}, list: "a.com"},
		{name: "a removal of a www form that comes late changes nothing",
			events: func(f *fixture) {
				f.add("a.com", "")
				late := f.next()
				f.add("a.com", tasks.WWWAlways)
				f.sync()
				f.record(Pending{Change: tasks.Change{AppID: app, Domain: "www.a.com", Seq: late, RequestedAt: start}, Remove: true})
			}, list: "a.com www.a.com"},
		{name: "importing a domain doesn't bring back its www form that was removed by name",
			events: func(f *fixture) { f.add("a.com", ""); f.remove("www.a.com"); f.sync(); f.addImported("a.com") }, list: "a.com"},
		{name: "a refused removal of a protected domain doesn't bring back its www form that was removed by name",
			events: func(f *fixture) {
				f.rules.Protected = []string{"a.com"}
				f.add("a.com", "")
				f.remove("www.a.com")
				f.sync()
				f.remove("a.com")
			}, list: "a.com"},
		{name: "a www form removed by name stays away in the same plan, too",
			events: func(f *fixture) { f.add("a.com", ""); f.remove("www.a.com") }, list: "a.com"},
		{name: "a www form removed by name comes back once its domain is removed and added",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.remove("www.a.com")
				f.sync()
				f.remove("a.com")
				f.sync()
				f.add("a.com", "")
			}, list: "a.com www.a.com"},
		{name: "a www form removed by name comes back though removal and addition are planned together",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.remove("www.a.com")
				f.sync()
				f.remove("a.com")
				f.add("a.com", "")
			}, list: "a.com www.a.com"},
		{name: "a www form removed before its domain was wanted is claimed", from: newFixture("www.a.com"),
			events: func(f *fixture) { f.remove("www.a.com"); f.sync(); f.add("a.com", "") }, list: "a.com www.a.com"},
		{name: "a www form that is claimed again in the same plan never leaves", from: newFixture("www.a.com", "hand.net"),
			events: func(f *fixture) { f.remove("www.a.com"); f.add("a.com", "") }, list: "www.a.com hand.net a.com"},
		{name: "a www form mapped by itself leaves by its own removal",
			events: func(f *fixture) { f.add("a.com", ""); f.add("www.a.com", ""); f.sync(); f.remove("www.a.com") }, list: "a.com"},

		{name: "adding again with never removes the owned www form",
			events: func(f *fixture) { f.add("a.com", ""); f.sync(); f.add("a.com", tasks.WWWNever) }, list: "a.com"},
		{name: "adding again with never leaves a www form that isn't owned", from: newFixture("www.a.com"),
			events: func(f *fixture) { f.add("a.com", ""); f.sync(); f.add("a.com", tasks.WWWNever) }, list: "www.a.com a.com"},
		{name: "adding again with always adds the www form",
			events: func(f *fixture) { f.add("a.com", tasks.WWWNever); f.sync(); f.add("a.com", tasks.WWWAlways) }, list: "a.com www.a.com"},
		{name: "a changed setting moves no names by itself",
			events: func(f *fixture) { f.add("a.com", ""); f.sync(); f.rules.WWW = tasks.WWWNever }, list: "a.com www.a.com"},

		{name: "names removed by hand are put back with the next change",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.sync()
				f.list = []string{"www.a.com", "hand.net"}
				f.add("b.com", tasks.WWWNever)
			},
			list: "www.a.com hand.net a.com b.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS}},
		{name: "names removed by hand are put back without a change",
			events: func(f *fixture) { f.add("a.com", ""); f.sync(); f.list = nil }, list: "a.com www.a.com"},
		{name: "a name put back is owned again",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.sync()
				f.list = []string{"a.com"}
				f.sync()
				f.remove("a.com")
			}, list: ""},
		{name: "a removed name that reappears within a day leaves again",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.sync()
				f.remove("a.com")
				f.sync()
				f.list = []string{"hand.net", "www.a.com", "a.com"} // another program's late write
			}, list: "hand.net"},
		{name: "a name that reappears twice stays",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.sync()
				f.remove("a.com")
				f.sync()
				f.list = []string{"hand.net", "a.com"}
				f.sync()
				f.list = []string{"hand.net", "a.com"}
			}, list: "hand.net a.com"},
		{name: "a name that reappears after a day stays",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.sync()
				f.remove("a.com")
				f.sync()
				f.advance(TombstoneTTL)
				f.list = []string{"a.com"}
			}, list: "a.com"},
		{name: "a reappeared name that was added again stays",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.sync()
				f.remove("a.com")
				f.sync()
				f.list = []string{"a.com"}
				f.add("a.com", tasks.WWWNever)
			}, list: "a.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS}},

		{name: "an imported domain keeps its www form only if that is listed", from: newFixture("b.com", "www.a.com", "a.com", "hand.net"),
			events: func(f *fixture) { f.addImported("a.com"); f.addImported("b.com") }, list: "b.com www.a.com a.com hand.net",
			states: map[string]tasks.State{"a.com": tasks.CheckingDNS, "b.com": tasks.CheckingDNS}},
		{name: "an imported domain that isn't listed is added by the rule", from: newFixture("hand.net"),
			events: func(f *fixture) { f.addImported("a.com") }, list: "hand.net a.com www.a.com"},
		{name: "an imported domain that left the list meanwhile is not added", from: newFixture("hand.net"),
			events: func(f *fixture) { f.importIfListed("a.com") }, list: "hand.net", states: map[string]tasks.State{"a.com": tasks.Rejected}},
		{name: "an imported domain that left the list meanwhile comes back if it is wanted already", from: newFixture("hand.net"),
			events: func(f *fixture) {
				f.add("a.com", "")
				f.sync()
				f.list = []string{"hand.net"}
				f.importIfListed("a.com")
			}, list: "hand.net a.com www.a.com"},
		{name: "an imported domain that is listed in another spelling is imported", from: newFixture("A.com.", "WWW.a.com"),
			events: func(f *fixture) { f.importIfListed("a.com") }, list: "A.com. WWW.a.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS}},
		{name: "an imported domain that is removed takes its www form with it", from: newFixture("www.a.com", "a.com", "hand.net"),
			events: func(f *fixture) { f.addImported("a.com"); f.sync(); f.remove("a.com") }, list: "hand.net"},
		{name: "importing a wanted domain changes nothing",
			events: func(f *fixture) { f.add("a.com", ""); f.sync(); f.list = []string{"a.com"}; f.addImported("a.com") }, list: "a.com www.a.com"},
		{name: "a name removed and added again by hand is not owned",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.sync()
				f.list = []string{"a.com"}
				f.remove("www.a.com")
				f.sync()
				f.list = append(f.list, "www.a.com")
				f.remove("a.com")
			}, list: "www.a.com"},

		{name: "listed names of a write whose answer was lost are owned",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.list, f.claim = []string{"a.com", "www.a.com"}, []string{"a.com", "www.a.com"}
				f.sync()
				f.remove("a.com")
			}, list: ""},
		{name: "names of a write that was lost are put on the list",
			events: func(f *fixture) { f.add("a.com", ""); f.claim = []string{"a.com", "www.a.com"} }, list: "a.com www.a.com"},
		{name: "names of a lost write leave with a domain removed meanwhile",
			events: func(f *fixture) {
				f.add("a.com", tasks.WWWNever)
				f.sync()
				f.add("a.com", tasks.WWWAlways)
				f.list, f.claim = []string{"a.com", "www.a.com"}, []string{"www.a.com"}
				f.remove("a.com")
			}, list: ""},

		{name: "a protected name is never removed", from: newFixture("network.com", "www.network.com"),
			events: func(f *fixture) { f.rules.Protected = []string{"Network.com"}; f.remove("network.com") }, list: "network.com www.network.com",
			states: map[string]tasks.State{"network.com": tasks.Rejected}},
		{name: "a wanted protected domain keeps its state",
			events: func(f *fixture) {
				f.rules.Protected = []string{"network.com"}
				f.add("network.com", "")
				f.sync()
				f.remove("network.com")
			}, list: "network.com www.network.com", states: map[string]tasks.State{"network.com": tasks.CheckingDNS}},
		{name: "a protected domain can lose its www form in the plan that keeps it",
			events: func(f *fixture) {
				f.rules.Protected = []string{"a.com"}
				f.add("a.com", "")
				f.sync()
				f.remove("a.com")
				f.remove("www.a.com")
			}, list: "a.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS}},
		{name: "a protected www form stays when its domain leaves",
			events: func(f *fixture) {
				f.rules.Protected = []string{"www.a.com"}
				f.add("a.com", "")
				f.sync()
				f.remove("a.com")
			}, list: "www.a.com"},
		{name: "a protected www form can't be removed by name",
			events: func(f *fixture) {
				f.rules.Protected = []string{"www.a.com"}
				f.add("a.com", "")
				f.remove("www.a.com")
			}, list: "a.com www.a.com", states: map[string]tasks.State{"www.a.com": tasks.Rejected}},

		{name: "domains beyond 300 names are rejected", from: full(299),
			events: func(f *fixture) { f.add("a.com", ""); f.add("b.com", tasks.WWWNever); f.add("c.com", tasks.WWWNever) }, list: "b.com",
			states: map[string]tasks.State{"a.com": tasks.Rejected, "b.com": tasks.CheckingDNS, "c.com": tasks.Rejected}},
		{name: "exactly 300 fit", from: full(298), events: func(f *fixture) { f.add("a.com", "") }, list: "a.com www.a.com"},
		{name: "removals make room for additions that came before them", from: full(300, "old.com", "www.old.com"),
			events: func(f *fixture) { f.add("a.com", ""); f.remove("old.com"); f.remove("www.old.com") }, list: "a.com www.a.com"},
		{name: "duplicates make room", from: full(300, "x.net", "X.net"),
			events: func(f *fixture) { f.add("a.com", tasks.WWWNever) }, list: "x.net a.com"},
		{name: "a list that is already over 300 stays, and nothing is added", from: full(305),
			events: func(f *fixture) { f.add("a.com", ""); f.remove("full0.net") }, list: "",
			states: map[string]tasks.State{"a.com": tasks.Rejected, "full0.net": tasks.Removed}},
		{name: "a domain whose www form has no room any more keeps its place",
			events: func(f *fixture) {
				f.add("a.com", "")
				f.sync()
				f.list = []string{"a.com"}
				f.fill(300)
				f.add("a.com", "")
			},
			list: "a.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS}},
		{name: "a www form without room is added once there is room",
			events: func(f *fixture) {
				f.add("a.com", tasks.WWWNever)
				f.sync()
				f.fill(300)
				f.add("a.com", "")
				f.sync()
				f.remove("full0.net")
			}, list: "a.com www.a.com"},
		{name: "a domain that doesn't fit doesn't keep a www form that was removed by name", from: full(300, "www.a.com"),
			events: func(f *fixture) { f.remove("www.a.com"); f.add("a.com", "") }, list: "",
			states: map[string]tasks.State{"a.com": tasks.Rejected, "www.a.com": tasks.Removed}},
		{name: "a domain rejected for lack of room is not tried again", from: full(300),
			events: func(f *fixture) { f.add("a.com", ""); f.sync(); f.list = nil }, list: "", states: map[string]tasks.State{"a.com": tasks.Rejected}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			f := c.from
			if f == nil {
				f = newFixture()
			}
			c.events(f)
			f.sync()
			list := slices.DeleteFunc(slices.Clone(f.list), func(n string) bool { return strings.HasPrefix(n, "Full") })
			if diff := cmp.Diff(strings.Fields(c.list), list, equateEmpty); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
			for d, want := range c.states {
				if got := f.state(d); got != want {
					t.Errorf("%s is %s, want %s: %s", d, got, want, f.records[d].Reason())
				}
			}
			if p := Plan(f.input()); p.Write || len(p.Outcomes) > 0 {
				t.Errorf("a second plan changes something: %+v", p)
			}
		})
	}
}

var equateEmpty = cmp.Transformer("names", func(names []string) string { return strings.Join(names, " ") })

func TestABatchPlansItsOwnDomainsOnly(t *testing.T) {
	t.Parallel()
	f := newFixture("old.com", "www.old.com", "hand.net")
	f.add("gone.com", tasks.WWWNever)
	f.sync()
	f.list = []string{"old.com", "www.old.com", "hand.net"} // gone.com was removed by hand
	f.add("a.com", "")
	f.add("b.com", "")
	f.remove("old.com")
	in := f.input()
	in.Only = keys([]string{"a.com"})
	p := Plan(in)
	if diff := cmp.Diff([]string{"old.com", "www.old.com", "hand.net", "a.com", "www.a.com"}, p.List); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a.com"}, p.Changed); diff != "" {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	f.apply(p)
	if diff := cmp.Diff([]string{"b.com", "old.com"}, slices.Sorted(maps.Keys(f.pending))); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
}

func TestABatchRemovesNoFormThatALaterAdditionClaims(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(*fixture){
		"of a listed domain": func(f *fixture) { f.add("a.com", ""); f.sync() },
		"of a new domain":    func(f *fixture) { f.list = []string{"www.a.com"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture()
			first(f)
			f.remove("www.a.com")
			f.add("a.com", tasks.WWWAlways)
			for _, only := range []string{"www.a.com", "a.com"} {
				in := f.input()
				in.Only = keys([]string{only})
				f.apply(Plan(in))
				if !slices.Contains(f.list, "www.a.com") {
					t.Fatalf("after the batch of %s: %v", only, f.list)
				}
			}
			f.sync()
			if len(f.pending) > 0 || !slices.Contains(f.list, "www.a.com") || f.records["www.a.com"].State != tasks.Removed {
				t.Errorf("list %v, pending %v, %+v", f.list, f.pending, f.records["www.a.com"])
			}
		})
	}
}

// The ended domain may be pruned, so it decides nothing about the later one.
func TestABatchRemovesAFormThatEndedAsADomainOfItsOwn(t *testing.T) {
	t.Parallel()
	f := newFixture()
	f.add("www.a.com", "")
	f.sync()
	f.remove("www.a.com")
	f.sync()
	f.add("a.com", tasks.WWWAlways)
	f.sync()
	f.remove("a.com")
	in := f.input()
	in.Only = keys([]string{"a.com"})
	if p := Plan(in); len(p.List) > 0 {
		t.Errorf("%v stays", p.List)
	}
}

func TestABatchRejectsNothingForLackOfRoom(t *testing.T) {
	t.Parallel()
	f := full(300, "old.com")
	f.add("a.com", tasks.WWWNever)
	f.remove("old.com")
	in := f.input()
	in.Only = keys([]string{"a.com"})
	if p := Plan(in); p.Write || len(p.Outcomes) > 0 {
		t.Errorf("got %+v; a removal outside the batch may make room, so the addition has to wait", p)
	}
}

func TestOnlyARefusedDomainIsRejected(t *testing.T) {
	t.Parallel()
	f := newFixture("old.com", "www.bad.com")
	f.add("bad.com", "")
	f.add("a.com", tasks.WWWNever)
	f.remove("old.com")
	in := f.input()
	in.Refusals = map[string]string{"bad.com": "Domain is in use.", "old.com": "Not now."}
	p := Plan(in)
	f.apply(p)
	if diff := cmp.Diff([]string{"old.com", "www.bad.com", "a.com"}, f.list); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	want := map[string]string{
		"bad.com": "rejected: ServerPilot refused it: Domain is in use.",
		"old.com": "rejected: ServerPilot refused it: Not now.",
		"a.com":   "checking-dns: put on the list; DNS and the certificate are checked next",
	}
	got := map[string]string{}
	for d, r := range f.records {
		got[d] = fmt.Sprintf("%s: %s", r.State, r.Reason())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if p := Plan(f.input()); p.Write || len(p.Outcomes) > 0 {
		t.Errorf("the next plan changes it again: %+v", p)
	}
}
