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

// newWorld is a world whose setting gives every domain a www form.
func newWorld(list ...string) *world {
	return &world{memory: newMemory(&clock{t: start}), list: list, rules: Rules{WWW: tasks.WWWAlways}}
}

// full returns a world with n names of others.
func full(n int, list ...string) *world {
	w := newWorld(list...)
	w.crowd(n)
	return w
}

// story is what happens to a world before its list is looked at.
type story struct {
	name string
	on   *world // nil: an empty list
	tell func(w *world)
	list string // names, space between them; without those of crowd
	// states by domain; those not named are not compared
	states map[string]tasks.State
}

func TestEachChangeMovesTheNamesItShould(t *testing.T) {
	t.Parallel()
	for _, c := range []story{
		{name: "an added domain brings its www form",
			tell: func(w *world) { w.add("a.com", "") }, list: "a.com www.a.com"},
		{name: "a request's own rule beats the setting",
			tell: func(w *world) { w.add("a.com", tasks.WWWNever) }, list: "a.com"},
		{name: "a www domain gets no second www",
			tell: func(w *world) { w.add("www.a.com", "") }, list: "www.a.com"},
		{name: "a wildcard gets no www form and no certificate",
			tell: func(w *world) { w.add("*.a.com", "") }, list: "*.a.com",
			states: map[string]tasks.State{"*.a.com": tasks.DoneWithoutSSL}},
		{name: "main_only gives example.co.uk a www form and shop.example.co.uk none",
			tell: func(w *world) {
				w.add("example.co.uk", tasks.WWWMainOnly)
				w.add("shop.example.co.uk", tasks.WWWMainOnly)
			}, list: "example.co.uk www.example.co.uk shop.example.co.uk"},
		{name: "new names go to the end, those asked for first before the others", on: newWorld("hand.net", "www.b.com"),
			tell: func(w *world) { w.add("z.com", ""); w.add("b.com", "") }, list: "hand.net www.b.com z.com www.z.com b.com"},
		{name: "names that stand there twice are left alone", on: newWorld("B.com", "hand.net", "b.com", "HAND.net"),
			tell: func(*world) {}, list: "B.com hand.net b.com HAND.net"},
		{name: "a write makes one of names that stand there twice, the first", on: newWorld("B.com", "hand.net", "b.com.", "HAND.net"),
			tell: func(w *world) { w.add("a.com", tasks.WWWNever) }, list: "B.com hand.net a.com"},
		{name: "a name on the list in another spelling is not added again", on: newWorld("A.com.", "www.MÜNCHEN.example", "münchen.example."),
			tell: func(w *world) { w.add("a.com", tasks.WWWNever); w.add("xn--mnchen-3ya.example", "") },
			list: "A.com. www.MÜNCHEN.example münchen.example."},
		{name: "a removal takes off the name in another spelling", on: newWorld("A.com.", "münchen.example", "hand.net"),
			tell: func(w *world) { w.remove("a.com"); w.remove("xn--mnchen-3ya.example") }, list: "hand.net"},
		{name: "a protected name stays in another spelling", on: newWorld("münchen.example"),
			tell: func(w *world) { w.rules.Protected = []string{"MÜNCHEN.example."}; w.remove("xn--mnchen-3ya.example") }, list: "münchen.example",
			states: map[string]tasks.State{"xn--mnchen-3ya.example": tasks.Rejected}},
		{name: "a name on the list in other letters is not added again", on: newWorld("A.COM"),
			tell: func(w *world) { w.add("a.com", "") }, list: "A.COM www.a.com"},
		{name: "a removal takes off the name in whatever letters it stands there, each time it does", on: newWorld("A.com", "x.net", "a.COM"),
			tell: func(w *world) { w.add("a.com", tasks.WWWNever); w.sync(); w.remove("a.com") }, list: "x.net"},

		{name: "removing a domain takes its www form along, if we put that there",
			tell: func(w *world) { w.add("a.com", ""); w.sync(); w.remove("a.com") }, list: ""},
		{name: "removing a domain leaves a www form that stands there without our doing", on: newWorld("www.a.com"),
			tell: func(w *world) { w.add("a.com", ""); w.sync(); w.remove("a.com") }, list: "www.a.com"},
		{name: "removing a domain leaves a www form that is mapped on its own",
			tell: func(w *world) { w.add("a.com", ""); w.add("www.a.com", ""); w.sync(); w.remove("a.com") }, list: "www.a.com",
			states: map[string]tasks.State{"a.com": tasks.Removed, "www.a.com": tasks.CheckingDNS}},
		{name: "removing a domain that the ledger doesn't know leaves its www form", on: newWorld("a.com", "www.a.com", "hand.net"),
			tell: func(w *world) { w.remove("a.com") }, list: "www.a.com hand.net"},
		{name: "removing both by name takes both off", on: newWorld("a.com", "www.a.com", "hand.net"),
			tell: func(w *world) { w.remove("a.com"); w.remove("www.a.com") }, list: "hand.net"},
		{name: "removing a domain that the ledger doesn't know leaves a www form that is mapped on its own", on: newWorld("a.com", "www.a.com"),
			tell: func(w *world) { w.add("www.a.com", ""); w.remove("a.com") }, list: "www.a.com"},
		{name: "a domain added and removed before any sync leaves a www form that was set by hand", on: newWorld("www.a.com"),
			tell: func(w *world) { w.add("a.com", ""); w.remove("a.com") }, list: "www.a.com"},
		{name: "removing what isn't there ends well",
			tell: func(w *world) { w.remove("a.com") }, list: "", states: map[string]tasks.State{"a.com": tasks.Removed}},
		{name: "removing one domain leaves another's name alone", on: newWorld("hand.net"),
			tell: func(w *world) { w.add("a.com", ""); w.add("b.com", ""); w.sync(); w.remove("a.com") }, list: "hand.net b.com www.b.com"},

		{name: "a www form removed by name stays away as long as its domain isn't asked for",
			tell: func(w *world) {
				w.add("a.com", "")
				w.sync()
				w.remove("www.a.com")
				w.sync()
				w.list = nil
				w.add("b.com", tasks.WWWNever)
			}, list: "a.com b.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS, "www.a.com": tasks.Removed}},
		{name: "a www form removed by name comes back when its domain is asked for again",
			tell: func(w *world) {
				w.add("a.com", "")
				w.sync()
				w.remove("www.a.com")
				w.sync()
				w.add("a.com", tasks.WWWAlways)
			}, list: "a.com www.a.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS, "www.a.com": tasks.Removed}},
		{name: "a www form removed by name comes back by the setting, too",
			tell: func(w *world) { w.add("a.com", ""); w.remove("www.a.com"); w.sync(); w.add("a.com", "") }, list: "a.com www.a.com"},
		{name: "a www form removed by name stays away when its domain is asked for without one",
			tell: func(w *world) {
				w.add("a.com", "")
				w.remove("www.a.com")
				w.sync()
				w.add("a.com", tasks.WWWNever)
			}, list: "a.com"},
		{name: "a www form removed by name leaves again when that is asked for again",
			tell: func(w *world) {
				w.add("a.com", "")
				w.remove("www.a.com")
				w.add("a.com", "")
				w.sync()
				w.remove("www.a.com")
			}, list: "a.com"},
		{name: "a removal of a www form that comes late changes nothing",
			tell: func(w *world) {
				w.add("a.com", "")
				late := w.next()
				w.add("a.com", tasks.WWWAlways)
				w.sync()
				w.record(Pending{Change: tasks.Change{AppID: app, Domain: "www.a.com", Seq: late, RequestedAt: start}, Remove: true})
			}, list: "a.com www.a.com"},
		{name: "adopting a domain doesn't bring back its www form that was removed by name",
			tell: func(w *world) { w.add("a.com", ""); w.remove("www.a.com"); w.sync(); w.adopt("a.com") }, list: "a.com"},
		{name: "a refused removal of a protected domain doesn't bring back its www form that was removed by name",
			tell: func(w *world) {
				w.rules.Protected = []string{"a.com"}
				w.add("a.com", "")
				w.remove("www.a.com")
				w.sync()
				w.remove("a.com")
			}, list: "a.com"},
		{name: "a www form removed by name stays away in the same plan, too",
			tell: func(w *world) { w.add("a.com", ""); w.remove("www.a.com") }, list: "a.com"},
		{name: "a www form removed by name comes back once its domain is removed and added",
			tell: func(w *world) {
				w.add("a.com", "")
				w.remove("www.a.com")
				w.sync()
				w.remove("a.com")
				w.sync()
				w.add("a.com", "")
			}, list: "a.com www.a.com"},
		{name: "a www form removed by name comes back though removal and addition are planned together",
			tell: func(w *world) {
				w.add("a.com", "")
				w.remove("www.a.com")
				w.sync()
				w.remove("a.com")
				w.add("a.com", "")
			}, list: "a.com www.a.com"},
		{name: "a www form removed before its domain was wanted is claimed all the same", on: newWorld("www.a.com"),
			tell: func(w *world) { w.remove("www.a.com"); w.sync(); w.add("a.com", "") }, list: "a.com www.a.com"},
		{name: "a www form that is claimed again in the same plan never leaves", on: newWorld("www.a.com", "hand.net"),
			tell: func(w *world) { w.remove("www.a.com"); w.add("a.com", "") }, list: "www.a.com hand.net a.com"},
		{name: "a www form mapped on its own goes by its own removal",
			tell: func(w *world) { w.add("a.com", ""); w.add("www.a.com", ""); w.sync(); w.remove("www.a.com") }, list: "a.com"},

		{name: "asking again with never takes our www form off",
			tell: func(w *world) { w.add("a.com", ""); w.sync(); w.add("a.com", tasks.WWWNever) }, list: "a.com"},
		{name: "asking again with never leaves a www form that isn't ours", on: newWorld("www.a.com"),
			tell: func(w *world) { w.add("a.com", ""); w.sync(); w.add("a.com", tasks.WWWNever) }, list: "www.a.com a.com"},
		{name: "asking again with always brings the www form",
			tell: func(w *world) { w.add("a.com", tasks.WWWNever); w.sync(); w.add("a.com", tasks.WWWAlways) }, list: "a.com www.a.com"},
		{name: "a changed setting moves no names by itself",
			tell: func(w *world) { w.add("a.com", ""); w.sync(); w.rules.WWW = tasks.WWWNever }, list: "a.com www.a.com"},

		{name: "names that somebody took off are put back with the next change",
			tell: func(w *world) {
				w.add("a.com", "")
				w.sync()
				w.list = []string{"www.a.com", "hand.net"}
				w.add("b.com", tasks.WWWNever)
			},
			list: "www.a.com hand.net a.com b.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS}},
		{name: "names that somebody took off are put back without any change",
			tell: func(w *world) { w.add("a.com", ""); w.sync(); w.list = nil }, list: "a.com www.a.com"},
		{name: "a name put back counts as ours again",
			tell: func(w *world) {
				w.add("a.com", "")
				w.sync()
				w.list = []string{"a.com"}
				w.sync()
				w.remove("a.com")
			}, list: ""},
		{name: "a name of ours that left and came back within a day leaves once more",
			tell: func(w *world) {
				w.add("a.com", "")
				w.sync()
				w.remove("a.com")
				w.sync()
				w.list = []string{"hand.net", "www.a.com", "a.com"} // a late write of somebody's
			}, list: "hand.net"},
		{name: "the second time it is theirs",
			tell: func(w *world) {
				w.add("a.com", "")
				w.sync()
				w.remove("a.com")
				w.sync()
				w.list = []string{"hand.net", "a.com"}
				w.sync()
				w.list = []string{"hand.net", "a.com"}
			}, list: "hand.net a.com"},
		{name: "after a day it is theirs",
			tell: func(w *world) {
				w.add("a.com", "")
				w.sync()
				w.remove("a.com")
				w.sync()
				w.advance(TombstoneTTL)
				w.list = []string{"a.com"}
			}, list: "a.com"},
		{name: "one that was asked for again meanwhile stays",
			tell: func(w *world) {
				w.add("a.com", "")
				w.sync()
				w.remove("a.com")
				w.sync()
				w.list = []string{"a.com"}
				w.add("a.com", tasks.WWWNever)
			}, list: "a.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS}},

		{name: "an adopted domain has its www form only if that is there", on: newWorld("b.com", "www.a.com", "a.com", "hand.net"),
			tell: func(w *world) { w.adopt("a.com"); w.adopt("b.com") }, list: "b.com www.a.com a.com hand.net",
			states: map[string]tasks.State{"a.com": tasks.CheckingDNS, "b.com": tasks.CheckingDNS}},
		{name: "an adopted domain that isn't there is added by the rule", on: newWorld("hand.net"),
			tell: func(w *world) { w.adopt("a.com") }, list: "hand.net a.com www.a.com"},
		{name: "an adopted domain that left the list meanwhile is not put there", on: newWorld("hand.net"),
			tell: func(w *world) { w.adoptIfListed("a.com") }, list: "hand.net", states: map[string]tasks.State{"a.com": tasks.Rejected}},
		{name: "an adopted domain that left the list meanwhile comes back if it is wanted already", on: newWorld("hand.net"),
			tell: func(w *world) {
				w.add("a.com", "")
				w.sync()
				w.list = []string{"hand.net"}
				w.adoptIfListed("a.com")
			}, list: "hand.net a.com www.a.com"},
		{name: "an adopted domain that is listed in another spelling is taken over", on: newWorld("A.com.", "WWW.a.com"),
			tell: func(w *world) { w.adoptIfListed("a.com") }, list: "A.com. WWW.a.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS}},
		{name: "an adopted domain that is removed takes its www form along", on: newWorld("www.a.com", "a.com", "hand.net"),
			tell: func(w *world) { w.adopt("a.com"); w.sync(); w.remove("a.com") }, list: "hand.net"},
		{name: "a domain that is wanted already is adopted as it is",
			tell: func(w *world) { w.add("a.com", ""); w.sync(); w.list = []string{"a.com"}; w.adopt("a.com") }, list: "a.com www.a.com"},
		{name: "a name that somebody took off and put on again is theirs",
			tell: func(w *world) {
				w.add("a.com", "")
				w.sync()
				w.list = []string{"a.com"}
				w.remove("www.a.com")
				w.sync()
				w.list = append(w.list, "www.a.com")
				w.remove("a.com")
			}, list: "www.a.com"},

		{name: "names of a write whose answer was lost count as ours if they are there",
			tell: func(w *world) {
				w.add("a.com", "")
				w.list, w.claim = []string{"a.com", "www.a.com"}, []string{"a.com", "www.a.com"}
				w.sync()
				w.remove("a.com")
			}, list: ""},
		{name: "names of a write that was lost are put on the list",
			tell: func(w *world) { w.add("a.com", ""); w.claim = []string{"a.com", "www.a.com"} }, list: "a.com www.a.com"},
		{name: "what a lost write left behind for a domain that is removed meanwhile leaves again",
			tell: func(w *world) {
				w.add("a.com", tasks.WWWNever)
				w.sync()
				w.add("a.com", tasks.WWWAlways)
				w.list, w.claim = []string{"a.com", "www.a.com"}, []string{"www.a.com"}
				w.remove("a.com")
			}, list: ""},

		{name: "a protected name is never taken off", on: newWorld("network.com", "www.network.com"),
			tell: func(w *world) { w.rules.Protected = []string{"Network.com"}; w.remove("network.com") }, list: "network.com www.network.com",
			states: map[string]tasks.State{"network.com": tasks.Rejected}},
		{name: "a protected domain that is wanted stays what it was",
			tell: func(w *world) {
				w.rules.Protected = []string{"network.com"}
				w.add("network.com", "")
				w.sync()
				w.remove("network.com")
			}, list: "network.com www.network.com", states: map[string]tasks.State{"network.com": tasks.CheckingDNS}},
		{name: "a protected domain can lose its www form in the plan that keeps it",
			tell: func(w *world) {
				w.rules.Protected = []string{"a.com"}
				w.add("a.com", "")
				w.sync()
				w.remove("a.com")
				w.remove("www.a.com")
			}, list: "a.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS}},
		{name: "a protected www form stays when its domain goes",
			tell: func(w *world) {
				w.rules.Protected = []string{"www.a.com"}
				w.add("a.com", "")
				w.sync()
				w.remove("a.com")
			}, list: "www.a.com"},
		{name: "a protected www form can't be taken from its domain",
			tell: func(w *world) {
				w.rules.Protected = []string{"www.a.com"}
				w.add("a.com", "")
				w.remove("www.a.com")
			}, list: "a.com www.a.com", states: map[string]tasks.State{"www.a.com": tasks.Rejected}},

		{name: "what exceeds 300 is rejected", on: full(299),
			tell: func(w *world) { w.add("a.com", ""); w.add("b.com", tasks.WWWNever); w.add("c.com", tasks.WWWNever) }, list: "b.com",
			states: map[string]tasks.State{"a.com": tasks.Rejected, "b.com": tasks.CheckingDNS, "c.com": tasks.Rejected}},
		{name: "exactly 300 fit", on: full(298), tell: func(w *world) { w.add("a.com", "") }, list: "a.com www.a.com"},
		{name: "removals make room for additions that came before them", on: full(300, "old.com", "www.old.com"),
			tell: func(w *world) { w.add("a.com", ""); w.remove("old.com"); w.remove("www.old.com") }, list: "a.com www.a.com"},
		{name: "duplicates make room", on: full(300, "x.net", "X.net"),
			tell: func(w *world) { w.add("a.com", tasks.WWWNever) }, list: "x.net a.com"},
		{name: "a list that was over 300 already stays, and takes nothing", on: full(305),
			tell: func(w *world) { w.add("a.com", ""); w.remove("full0.net") }, list: "",
			states: map[string]tasks.State{"a.com": tasks.Rejected, "full0.net": tasks.Removed}},
		{name: "a domain whose www form has no room any more keeps its place",
			tell: func(w *world) {
				w.add("a.com", "")
				w.sync()
				w.list = []string{"a.com"}
				w.crowd(300)
				w.add("a.com", "")
			},
			list: "a.com", states: map[string]tasks.State{"a.com": tasks.CheckingDNS}},
		{name: "a www form that had no room comes once there is some",
			tell: func(w *world) {
				w.add("a.com", tasks.WWWNever)
				w.sync()
				w.crowd(300)
				w.add("a.com", "")
				w.sync()
				w.remove("full0.net")
			}, list: "a.com www.a.com"},
		{name: "a domain that doesn't fit doesn't keep a www form that was removed by name", on: full(300, "www.a.com"),
			tell: func(w *world) { w.remove("www.a.com"); w.add("a.com", "") }, list: "",
			states: map[string]tasks.State{"a.com": tasks.Rejected, "www.a.com": tasks.Removed}},
		{name: "what was rejected for want of room is not tried again unasked", on: full(300),
			tell: func(w *world) { w.add("a.com", ""); w.sync(); w.list = nil }, list: "", states: map[string]tasks.State{"a.com": tasks.Rejected}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := c.on
			if w == nil {
				w = newWorld()
			}
			c.tell(w)
			w.sync()
			list := slices.DeleteFunc(slices.Clone(w.list), func(n string) bool { return strings.HasPrefix(n, "Full") })
			if diff := cmp.Diff(strings.Fields(c.list), list, equateEmpty); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
			for d, want := range c.states {
				if got := w.state(d); got != want {
					t.Errorf("%s is %s, want %s: %s", d, got, want, w.records[d].Reason)
				}
			}
			if p := Plan(w.input()); p.Write || len(p.Outcomes) > 0 {
				t.Errorf("a second plan does something: %+v", p)
			}
		})
	}
}

var equateEmpty = cmp.Transformer("names", func(names []string) string { return strings.Join(names, " ") })

func TestAPartPlansItsOwnDomainsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld("old.com", "www.old.com", "hand.net")
	w.add("gone.com", tasks.WWWNever)
	w.sync()
	w.list = []string{"old.com", "www.old.com", "hand.net"} // somebody took gone.com off
	w.add("a.com", "")
	w.add("b.com", "")
	w.remove("old.com")
	in := w.input()
	in.Only = keys([]string{"a.com"})
	p := Plan(in)
	if diff := cmp.Diff([]string{"old.com", "www.old.com", "hand.net", "a.com", "www.a.com"}, p.List); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"a.com"}, p.Changed); diff != "" {
		t.Errorf("movers (-want +got):\n%s", diff)
	}
	w.apply(p)
	if diff := cmp.Diff([]string{"b.com", "old.com"}, slices.Sorted(maps.Keys(w.pending))); diff != "" {
		t.Errorf("pending (-want +got):\n%s", diff)
	}
}

func TestAPartTakesOffNoFormThatALaterAdditionAsksFor(t *testing.T) {
	t.Parallel()
	for name, first := range map[string]func(*world){
		"of a listed domain": func(w *world) { w.add("a.com", ""); w.sync() },
		"of a new domain":    func(w *world) { w.list = []string{"www.a.com"} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld()
			first(w)
			w.remove("www.a.com")
			w.add("a.com", tasks.WWWAlways)
			for _, only := range []string{"www.a.com", "a.com"} {
				in := w.input()
				in.Only = keys([]string{only})
				w.apply(Plan(in))
				if !slices.Contains(w.list, "www.a.com") {
					t.Fatalf("after the part of %s: %v", only, w.list)
				}
			}
			w.sync()
			if len(w.pending) > 0 || !slices.Contains(w.list, "www.a.com") || w.records["www.a.com"].State != tasks.Removed {
				t.Errorf("list %v, pending %v, %+v", w.list, w.pending, w.records["www.a.com"])
			}
		})
	}
}

func TestAPartRejectsNothingForWantOfRoom(t *testing.T) {
	t.Parallel()
	w := full(300, "old.com")
	w.add("a.com", tasks.WWWNever)
	w.remove("old.com")
	in := w.input()
	in.Only = keys([]string{"a.com"})
	if p := Plan(in); p.Write || len(p.Outcomes) > 0 {
		t.Errorf("got %+v; the removal outside may make room, so the addition has to wait", p)
	}
}

func TestARefusedDomainIsRejectedAndTheOthersGoThrough(t *testing.T) {
	t.Parallel()
	w := newWorld("old.com", "www.bad.com")
	w.add("bad.com", "")
	w.add("a.com", tasks.WWWNever)
	w.remove("old.com")
	in := w.input()
	in.Refused = map[string]string{"bad.com": "Domain is in use.", "old.com": "Not now."}
	p := Plan(in)
	w.apply(p)
	if diff := cmp.Diff([]string{"old.com", "www.bad.com", "a.com"}, w.list); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	want := map[string]string{
		"bad.com": "rejected: ServerPilot refused it: Domain is in use.",
		"old.com": "rejected: ServerPilot refused it: Not now.",
		"a.com":   "checking-dns: put on the list; DNS and the certificate are checked next",
	}
	got := map[string]string{}
	for d, r := range w.records {
		got[d] = fmt.Sprintf("%s: %s", r.State, r.Reason)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if p := Plan(w.input()); p.Write || len(p.Outcomes) > 0 {
		t.Errorf("a following plan touches it again: %+v", p)
	}
}
