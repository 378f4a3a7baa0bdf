package listsync

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"pilotsync/tasks"
)

// fixture is an app's list and ledger. As in production, requests, plans, verifications,
// crashes and people in ServerPilot's dashboard change them.
type fixture struct {
	*memory
	list  []string
	rules Rules
	seq   int64
}

func (f *fixture) clone() *fixture {
	return &fixture{memory: f.memory.clone(), list: slices.Clone(f.list), rules: f.rules, seq: f.seq}
}

func (f *fixture) input() Input {
	return Input{Remote: slices.Clone(f.list), Ledger: f.snapshot(), Rules: f.rules, Now: f.now()}
}

// apply carries out a plan: it writes the list and commits the outcomes.
func (f *fixture) apply(p Result) (stale []string) {
	f.list = slices.Clone(p.List)
	return f.commit(Commit{Outcomes: p.Outcomes, Own: p.Own, Disown: p.Disown, Tombstones: p.Tombstones, ClearTombstones: p.ClearTombstones})
}

func (f *fixture) sync() Result {
	p := Plan(f.input())
	f.apply(p)
	return p
}

func (f *fixture) next() int64 { f.seq++; return f.seq }

func (f *fixture) add(domain string, www tasks.WWW) {
	f.record(Pending{Change: tasks.Change{AppID: app, Domain: domain, Seq: f.next(), WWW: www, RequestedAt: start}})
}

func (f *fixture) addImported(domain string) {
	f.record(Pending{Change: tasks.Change{AppID: app, Domain: domain, Seq: f.next(), Import: true, RequestedAt: start}})
}

func (f *fixture) importIfListed(domain string) {
	f.record(Pending{Change: tasks.Change{AppID: app, Domain: domain, Seq: f.next(), Import: true, IfListed: true, RequestedAt: start}})
}

func (f *fixture) remove(domain string) {
	f.record(Pending{Change: tasks.Change{AppID: app, Domain: domain, Seq: f.next(), RequestedAt: start}, Remove: true})
}

var rulesOfWWW = []tasks.WWW{"", tasks.WWWAlways, tasks.WWWMainOnly, tasks.WWWNever}

// step is one event in a fixture's history.
type step struct {
	Kind   string
	Domain string
	Remove bool
	WWW    tasks.WWW
	Site   int64
	Import bool
	Only   []string
	At     int
	State  tasks.State
}

var (
	kinds = []string{
		"change", "change", "change", "plan", "plan", "batch", "late commit", "lost commit", "lost write", "verification",
		"put by hand", "taken by hand", "crowd", "setting", "memory loss", "hours pass",
	}
	byHand = append([]string{"byhand.net", "www.byhand.net", "Other.org"}, append(spellings, alphabet...)...)
	// spellings are names of the alphabet as people and control panels write them.
	spellings = []string{"A.com", "WWW.A.COM", "Www.B.co.uk", "a.com.", "Www.Shop.a.com.", "münchen.example", "WWW.MÜNCHEN.example.", "XN--Mnchen-3ya.example"}
	verified  = []tasks.State{tasks.CheckingSSL, tasks.Done, tasks.DoneWithoutSSL, tasks.Failed}
)

var anyChange, anyStep = changeOf(alphabet), stepOf(kinds, alphabet)

func changeOf(domains []string) *rapid.Generator[step] {
	return rapid.Custom(func(t *rapid.T) step {
		return step{
			Kind: "change", Domain: rapid.SampledFrom(domains).Draw(t, "domain"), Remove: rapid.Bool().Draw(t, "remove"),
			WWW: rapid.SampledFrom(rulesOfWWW).Draw(t, "www"), Site: rapid.Int64Range(0, 2).Draw(t, "site"), Import: rapid.IntRange(0, 3).Draw(t, "import") == 3,
		}
	})
}

func stepOf(kinds, domains []string) *rapid.Generator[step] {
	change := changeOf(domains)
	return rapid.Custom(func(t *rapid.T) step {
		kind := rapid.SampledFrom(kinds).Draw(t, "kind")
		s := step{Kind: kind}
		switch kind {
		case "change", "late commit":
			s = change.Draw(t, "change")
			s.Kind = kind
		case "batch":
			s.Only = rapid.SliceOf(rapid.SampledFrom(domains)).Draw(t, "only")
		case "verification":
			s.Domain, s.State = rapid.SampledFrom(domains).Draw(t, "domain"), rapid.SampledFrom(verified).Draw(t, "state")
		case "put by hand":
			s.Domain, s.At = rapid.SampledFrom(byHand).Draw(t, "name"), rapid.IntRange(0, 3).Draw(t, "at")
		case "taken by hand":
			s.At = rapid.IntRange(0, 4).Draw(t, "at")
		case "crowd":
			s.At = rapid.IntRange(290, 303).Draw(t, "names")
		case "setting":
			s.Only = rapid.SliceOfN(rapid.SampledFrom(domains), 0, 2).Draw(t, "protected")
			s.WWW = rapid.SampledFrom(rulesOfWWW[1:]).Draw(t, "www")
		case "memory loss":
			s.At = rapid.IntRange(0, 4).Draw(t, "really if 4")
		}
		return s
	})
}

func (f *fixture) change(s step) Pending {
	return Pending{Remove: s.Remove, Change: tasks.Change{AppID: app, Domain: s.Domain, Seq: f.next(), WWW: s.WWW, SiteID: s.Site, Import: s.Import && !s.Remove, RequestedAt: start}}
}

// perform carries out the step.
func (f *fixture) perform(s step) {
	switch s.Kind {
	case "change":
		f.record(f.change(s))
	case "plan":
		f.sync()
	case "batch":
		in := f.input()
		in.Only = keys(s.Only)
		f.apply(Plan(in))
	case "late commit": // a change comes between the snapshot and the commit
		p := Plan(f.input())
		f.record(f.change(s))
		f.apply(p)
	case "lost commit": // the write lands, and the worker dies
		if p := Plan(f.input()); p.Write {
			f.list, f.claim = slices.Clone(p.List), p.Claim
		}
	case "lost write": // the worker dies, and the write with it
		if p := Plan(f.input()); p.Write {
			f.claim = p.Claim
		}
	case "verification":
		f.verified(s.Domain, func(r *Record) {
			if r.State.Checking() {
				r.State, r.SeenPointing, r.Certificate = s.State, true, &Cert{Issuer: "R11", NotAfter: start}
				r.Attempt++
			}
		})
	case "put by hand":
		f.list = slices.Insert(f.list, min(len(f.list), s.At), s.Domain)
	case "taken by hand":
		if s.At < len(f.list) {
			f.list = slices.Delete(f.list, s.At, s.At+1)
		}
	case "crowd":
		f.fill(s.At)
	case "hours pass":
		f.advance(13 * time.Hour)
	case "setting":
		f.rules = Rules{WWW: s.WWW, Protected: s.Only, Attempts: 5}
	case "memory loss":
		if s.At == 4 {
			f.memory = newMemory(f.clock)
		}
	}
}

// drawFixture draws a fixture with a random history.
func drawFixture(t *rapid.T) *fixture {
	f := &fixture{memory: newMemory(&clock{t: start}), rules: Rules{WWW: tasks.WWWAlways, Attempts: 5}}
	for _, s := range rapid.SliceOfN(anyStep, 0, 30).Draw(t, "history") {
		f.perform(s)
	}
	return f
}

// fill adds names set by hand until the list has n names.
func (f *fixture) fill(n int) {
	for i := 0; len(f.list) < n; i++ {
		if name := fmt.Sprintf("Full%d.net", i); !slices.Contains(f.list, name) {
			f.list = append(f.list, name)
		}
	}
}

// check checks a property in parallel with the others; -rapid.checks draws more cases.
func check(t *testing.T, property func(*rapid.T)) {
	t.Helper()
	t.Parallel()
	rapid.Check(t, property)
}

// explain fails and logs the whole case.
func explain(t *rapid.T, in Input, p Result, format string, args ...any) {
	t.Helper()
	if len(in.Remote) > 20 {
		t.Logf("remote: %d names, list: %d names", len(in.Remote), len(p.List))
	} else {
		t.Logf("remote: %v\nlist:   %v", in.Remote, p.List)
	}
	t.Logf("added: %v removed: %v own: %v disown: %v changed: %v\nowned: %v in flight: %v since: %v rules: %+v only: %v refused: %v",
		p.Added, p.Removed, p.Own, p.Disown, p.Changed, in.Ledger.Owned, in.Ledger.InFlight, in.Ledger.WantedSince, in.Rules, in.Only, in.Refusals)
	for _, r := range in.Ledger.Records {
		t.Logf("record:  %s seq %d since %d www %q %s %v", r.Domain, r.Seq, r.Since, r.WWW, r.State, r.Names)
	}
	for _, c := range in.Ledger.Pending {
		t.Logf("pending: %s seq %d www %q remove %v", c.Domain, c.Seq, c.WWW, c.Remove)
	}
	for _, o := range p.Outcomes {
		t.Logf("outcome: %s %s %v: %s", o.Record.Domain, o.Record.State, o.Record.Names, o.Cause.Sentence())
	}
	t.Fatalf(format, args...)
}

func TestPlanDoesWhatTheModelSays(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := drawFixture(t)
		in := f.input()
		p := Plan(in)
		m := model{in: in, noRoom: map[string]bool{}}
		list, rejected := m.list()
		if !slices.Equal(list, p.List) {
			explain(t, in, p, "list (-model +plan):\n%s", cmp.Diff(list, p.List))
		}
		if p.Write == slices.Equal(p.List, in.Remote) || p.Write != (len(p.Added)+len(p.Removed) > 0) {
			explain(t, in, p, "Write is %v", p.Write)
		}
		want := m.verdicts(list, rejected)
		f.apply(p)
		got := map[string]verdict{}
		for d, r := range f.records {
			got[d] = verdictOf(r)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			explain(t, in, p, "records (-model +plan):\n%s", diff)
		}
		m.noRoom = rejected // what is rejected imports nothing
		if diff := cmp.Diff(m.own(list), f.owned); diff != "" {
			explain(t, in, p, "owned names (-model +plan):\n%s", diff)
		}
		if len(f.pending) > 0 {
			explain(t, in, p, "a whole plan left changes pending: %v", f.pending)
		}
		for _, name := range p.Added {
			if !slices.Contains(p.Claim, name) {
				explain(t, in, p, "%s is added, but would not count as owned if the write's answer were lost", name)
			}
		}
	})
}

// Whatever is requested, and whatever batch of it is planned, the rest of the list stays
// intact.
func TestNoPlanHarmsTheList(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := drawFixture(t)
		in := f.input()
		if rapid.Bool().Draw(t, "a batch") {
			in.Only = keys(rapid.SliceOf(rapid.SampledFrom(alphabet)).Draw(t, "only"))
		}
		if refused := rapid.SampledFrom(alphabet).Draw(t, "refused"); in.Only[refused] {
			in.Refusals = map[string]string{refused: "no"}
		}
		before := in.Ledger.clone()
		p := Plan(in)
		if !slices.Equal(in.Remote, f.list) || !cmp.Equal(before, in.Ledger) {
			t.Fatal("the plan changed its input")
		}

		// A written list has no duplicates and is never too long.
		if names := keys(p.List); p.Write && len(names) != len(p.List) {
			explain(t, in, p, "%d names, but only %d different ones", len(p.List), len(names))
		}
		if len(p.List) > max(300, len(in.Remote)) {
			explain(t, in, p, "%d names after %d", len(p.List), len(in.Remote))
		}

		// Names that stay keep their order and first spelling, before all new names.
		var stays []string
		seen := map[string]bool{}
		for _, name := range in.Remote {
			n := canonical(name)
			if (!seen[n] || !p.Write) && keys(p.List)[n] {
				stays = append(stays, name)
			}
			seen[n] = true
		}
		if diff := cmp.Diff(append(stays, p.Added...), p.List, cmpopts.EquateEmpty()); diff != "" {
			explain(t, in, p, "moved or respelled (-want +got):\n%s", diff)
		}

		// A name that leaves was owned, named by a removal, or removed within a day. It is
		// unclaimed and unprotected.
		m := model{in: in, noRoom: map[string]bool{}}
		_, m.noRoom = m.list()
		var gone []string
		for name := range keys(in.Remote) {
			if keys(p.List)[name] {
				continue
			}
			gone = append(gone, name)
			if m.protected(name) {
				explain(t, in, p, "%s is protected and left the list", name)
			}
			if !m.removalRequested(name) && !m.owned(name) && !in.Ledger.Tombstones[name] {
				explain(t, in, p, "%s is not owned and left the list without a request", name)
			}
			for _, d := range m.claimants(name) {
				if _, refused := in.Refusals[d]; !refused && (in.Only == nil || in.Only[d]) {
					explain(t, in, p, "%s left the list though %s claims it", name, d)
				}
			}
		}
		if diff := cmp.Diff(slices.Sorted(slices.Values(gone)), slices.Sorted(slices.Values(p.Removed)), cmpopts.EquateEmpty()); diff != "" {
			explain(t, in, p, "Removed (-want +got):\n%s", diff)
		}

		// If ServerPilot refuses the write, one of Changed is the cause. All of them are in
		// the batch, so bisecting ends.
		for _, d := range p.Changed {
			if in.Only != nil && !in.Only[d] {
				explain(t, in, p, "%s changes names although it is not in the batch", d)
			}
			if _, refused := in.Refusals[d]; refused {
				explain(t, in, p, "%s changes names although it is refused", d)
			}
		}
		if changes := len(p.Added)+len(p.Removed) > 0; changes != (len(p.Changed) > 0) {
			explain(t, in, p, "names change: %v; changed domains: %v", changes, p.Changed)
		}

		// A refused domain is rejected; its names stay as they are, and none of them is owned.
		for d := range in.Refusals {
			if keys(p.List)[d] != keys(in.Remote)[d] {
				explain(t, in, p, "%s is refused and its name was changed", d)
			}
			if _, waits := in.Ledger.Pending[d]; waits && (in.Only == nil || in.Only[d]) {
				if i := slices.IndexFunc(p.Outcomes, func(o Outcome) bool { return o.Record.Domain == d }); i < 0 || p.Outcomes[i].Record.State != tasks.Rejected {
					explain(t, in, p, "%s is refused and not rejected", d)
				}
			}
		}

		// Once the plan is carried out, the ledger agrees with the list.
		f.apply(p)
		for d := range in.Ledger.Pending {
			if _, waits := f.pending[d]; !waits && in.Only != nil && !in.Only[d] {
				explain(t, in, p, "%s is not in the batch and its change was processed", d)
			}
		}
		for d, r := range f.records {
			if !r.State.Listed() {
				continue
			}
			if !r.Wanted {
				explain(t, in, p, "%s is %s and not wanted", d, r.State)
			}
			if in.Only == nil && (!keys(f.list)[d] || len(r.Names) == 0 || r.Names[0] != d) {
				explain(t, in, p, "%s is %s with names %v, and on the list: %v", d, r.State, r.Names, keys(f.list)[d])
			}
			for _, name := range r.Names {
				if in.Only == nil && in.Refusals == nil && !keys(f.list)[name] {
					explain(t, in, p, "%s of %s is not on the list", name, d)
				}
			}
		}
		for name := range f.owned {
			if !keys(f.list)[name] {
				explain(t, in, p, "%s counts as owned and isn't on the list", name)
			}
		}
	})
}

func (s Snapshot) clone() Snapshot {
	return Snapshot{Records: maps.Clone(s.Records), Pending: maps.Clone(s.Pending), WantedSince: maps.Clone(s.WantedSince),
		Owned: maps.Clone(s.Owned), Tombstones: maps.Clone(s.Tombstones), InFlight: slices.Clone(s.InFlight), At: s.At}
}

func TestPlanningTwiceEqualsOnce(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := drawFixture(t)
		first, p1 := f.input(), f.sync()
		in := f.input()
		if p := Plan(in); p.Write || len(p.Outcomes)+len(p.Own)+len(p.Disown)+len(p.Changed) > 0 {
			t.Logf("the first plan:")
			defer explain(t, in, p, "the second plan changes something")
			explain(t, first, p1, "")
		}
	})
}

// Maps have no order, so a plan must not depend on it.
func TestPlanIsDeterministic(t *testing.T) {
	check(t, func(t *rapid.T) {
		in := drawFixture(t).input()
		p := Plan(in)
		for range 3 {
			if diff := cmp.Diff(p, Plan(in)); diff != "" {
				explain(t, in, p, "(-once +again):\n%s", diff)
			}
		}
	})
}

func TestTheLastRequestWinsInAnyOrderOfArrival(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := drawFixture(t)
		f.sync()
		var changes []Pending
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			s := anyChange.Draw(t, "change")
			s.Import = false // the www rule of an import depends on the current list
			changes = append(changes, f.change(s))
		}
		arrivals := rapid.Permutation(append(slices.Clone(changes),
			rapid.SliceOf(rapid.SampledFrom(changes)).Draw(t, "repeated")...)).Draw(t, "arrivals")
		a, b := f.clone(), f
		for _, c := range changes {
			a.record(c)
		}
		for _, c := range arrivals {
			b.record(c)
			if rapid.IntRange(0, 4).Draw(t, "plan between") == 0 {
				b.sync()
			}
		}
		in := a.input()
		p := a.sync()
		b.sync()
		last := map[string]Pending{}
		for _, c := range changes {
			last[c.Domain] = c
		}
		crowded := false
		for _, r := range []map[string]Record{a.records, b.records} {
			for _, r := range r {
				crowded = crowded || r.State == tasks.Rejected
			}
		}
		for d, c := range last {
			ra, rb := a.records[d], b.records[d]
			if ra.Seq != c.Seq || rb.Seq != c.Seq {
				explain(t, in, p, "%s ended with %d in order and %d as they arrived; the last was %d", d, ra.Seq, rb.Seq, c.Seq)
			}
			protected := slices.Contains(f.rules.Protected, d)
			// Only domains without room in between may differ.
			if !crowded && !protected && (ra.Wanted == c.Remove || rb.Wanted == c.Remove || ra.WWW != rb.WWW && !c.Remove) {
				explain(t, in, p, "%s ended as %s in order and %s as they arrived", d, ra.State, rb.State)
			}
		}
	})
}

// Without plans in between, even the lists are the same.
func TestABurstLeadsToTheSameListInAnyOrderOfArrival(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := drawFixture(t)
		a, b := f, f.clone()
		var changes []Pending
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			changes = append(changes, f.change(anyChange.Draw(t, "change")))
		}
		for _, c := range changes {
			a.record(c)
		}
		for _, c := range rapid.Permutation(append(changes, changes...)).Draw(t, "arrivals") {
			b.record(c)
		}
		if !maps.Equal(a.since, b.since) {
			// A removal that arrives after a later addition leaves no trace, so the domain
			// counts as wanted all the time. Only www forms differ because of it.
			t.Skip("the burst holds a removal between two additions")
		}
		in := a.input()
		p := a.sync()
		b.sync()
		if diff := cmp.Diff(a.list, b.list); diff != "" {
			explain(t, in, p, "list (-in order +as they arrived):\n%s", diff)
		}
		if diff := cmp.Diff(a.records, b.records, cmpopts.IgnoreFields(Record{}, "Version")); diff != "" {
			explain(t, in, p, "records (-in order +as they arrived):\n%s", diff)
		}
	})
}

func TestAnEmptyLedgerRemovesNothing(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := drawFixture(t)
		f.memory = newMemory(f.clock)
		in := f.input()
		p := Plan(in)
		if p.Write || len(p.Removed)+len(p.Added)+len(p.Outcomes) > 0 || !slices.Equal(p.List, in.Remote) {
			explain(t, in, p, "an empty ledger changed something")
		}
	})
}

// The later of two requests decides about a www form: the last addition of its domain, and
// the last removal of its own name. The order of arrival and the syncs don't matter.
func TestTheLaterRequestDecidesAboutAWWWForm(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := newFixture(rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a.com", "www.a.com", "hand.net"}), 0, 3, rapid.ID).Draw(t, "list")...)
		var changes []Pending
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			s := step{Domain: rapid.SampledFrom([]string{"a.com", "a.com", "www.a.com"}).Draw(t, "domain"), Remove: true}
			if s.Domain == "a.com" && rapid.IntRange(0, 3).Draw(t, "kind") > 0 {
				s.Remove, s.WWW = false, rapid.SampledFrom([]tasks.WWW{"", tasks.WWWAlways, tasks.WWWNever}).Draw(t, "www")
			}
			changes = append(changes, f.change(s))
		}
		var added, removed Pending // the last addition of a.com, and the last removal of www.a.com
		wanted := false
		for _, c := range changes {
			switch {
			case c.Domain == "www.a.com":
				removed = c
			case c.Remove:
				wanted = false
			default:
				wanted, added = true, c
			}
		}
		for _, c := range rapid.Permutation(changes).Draw(t, "arrivals") {
			f.record(c)
			if rapid.Bool().Draw(t, "sync between") {
				f.sync()
			}
		}
		in := f.input()
		p := f.sync()
		want := wanted && added.WWW != tasks.WWWNever && added.Seq > removed.Seq
		if got := slices.Contains(f.records["a.com"].Names, "www.a.com") && f.records["a.com"].Wanted; got != want {
			explain(t, in, p, "a.com has its www form: %v", got)
		}
		if want && !slices.Contains(f.list, "www.a.com") {
			explain(t, in, p, "www.a.com isn't on the list %v", f.list)
		}
	})
}

// A www form set by hand stays, whatever happens to its domain, unless a removal names it.
func TestAWWWFormSetByHandStaysUnlessItIsRemovedByName(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := newFixture("www.a.com")
		for _, s := range rapid.SliceOfN(anyStep, 0, 40).Draw(t, "history") {
			s.Import = false // an imported name is owned
			if strings.HasSuffix(s.Kind, "by hand") || s.Domain == "www.a.com" && s.Remove {
				continue
			}
			in := f.input()
			f.perform(s)
			if !slices.Contains(f.list, "www.a.com") {
				explain(t, in, Plan(in), "www.a.com left the list with %+v", s)
			}
		}
	})
}

// Importing names, in any spelling on the list, changes no name that wouldn't change without
// it. So if nothing else is pending, there is no write. This also holds if a name has left
// the list since the operator saw it.
func TestImportingListedNamesNeverWrites(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := drawFixture(t)
		f.sync()
		if !slices.Contains(f.list, "a.com") {
			f.list = append(f.list, rapid.SampledFrom(spellings).Draw(t, "put by hand"))
		}
		without, imported := f.input(), map[string]bool{}
		for _, name := range rapid.SliceOfN(rapid.SampledFrom(append(slices.Clone(f.list), alphabet...)), 1, -1).Draw(t, "imported") {
			domain, err := tasks.ParseDomain(name)
			if err != nil {
				continue
			}
			if imported[domain] = slices.ContainsFunc(f.list, func(n string) bool { return sameName(n, domain) }); imported[domain] && rapid.Bool().Draw(t, "as WordPress does") {
				f.addImported(domain)
			} else {
				f.importIfListed(domain)
			}
		}
		in := f.input()
		before, p := Plan(without), Plan(in)
		for _, name := range p.Added {
			if !slices.Contains(before.Added, name) {
				explain(t, in, p, "%s is added", name)
			}
		}
		for _, name := range p.Removed {
			if !slices.Contains(before.Removed, name) {
				explain(t, in, p, "%s is removed", name)
			}
		}
		if p.Write && !before.Write {
			explain(t, in, p, "the import causes a write")
		}
		f.apply(p)
		for domain, listed := range imported {
			if r := f.records[domain]; listed && (!r.Wanted || !f.owned[domain]) || !listed && r.Wanted && !without.Ledger.Records[domain].Wanted {
				explain(t, in, p, "%s, on the list: %v, is imported: %v", domain, listed, r.Wanted)
			}
		}
		if p := Plan(f.input()); p.Write && !before.Write {
			explain(t, f.input(), p, "the next sync writes")
		}
	})
}

func TestAddingAListedDomainChangesNothing(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := drawFixture(t)
		f.sync()
		before := maps.Clone(f.records)
		for d, r := range before {
			if r.Wanted && len(r.Names) == len(tasks.Names(d, r.WWW)) { // otherwise the addition adds the www form
				f.record(Pending{Change: tasks.Change{AppID: app, Domain: d, Seq: f.next(), WWW: r.WWW, RequestedAt: start.Add(time.Hour)}})
			}
		}
		in := f.input()
		p := f.sync()
		if p.Write {
			explain(t, in, p, "a repeated addition writes the list")
		}
		for _, o := range p.Outcomes {
			if o.Verify || !o.Notify { // the requester may have missed the state
				explain(t, in, p, "%s: verified %v, notified %v", o.Record.Domain, o.Verify, o.Notify)
			}
		}
		ignore := cmpopts.IgnoreFields(Record{}, "Seq", "AddSeq", "RequestedAt", "UpdatedAt", "Version")
		if diff := cmp.Diff(before, f.records, ignore); diff != "" {
			explain(t, in, p, "records (-before +after):\n%s", diff)
		}
	})
}

func TestAPlanInBatchesEndsAsTheWholePlan(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := drawFixture(t)
		for d, c := range f.pending {
			c.Import = false // the www rule of an import depends on the current list
			f.pending[d] = c
		}
		whole, batches := f, f.clone()
		in := f.input()
		p := whole.sync()
		for _, o := range p.Outcomes {
			if o.Record.State == tasks.Rejected {
				t.Skip("the whole plan rejects a domain")
			}
		}
		changed := slices.Clone(p.Changed)
		if rapid.Bool().Draw(t, "other batches than a sync would make") {
			changed = rapid.Permutation(alphabet).Draw(t, "domains")
		}
		cut := rapid.IntRange(0, len(changed)).Draw(t, "cut")
		for _, half := range [][]string{changed[:cut], changed[cut:]} {
			batch := batches.input()
			batch.Only = keys(half)
			q := Plan(batch)
			for _, name := range q.Removed {
				if keys(p.List)[name] {
					explain(t, batch, q, "%s leaves in a batch and not in the whole", name)
				}
			}
			if len(q.List) > max(300, len(batch.Remote)) {
				explain(t, batch, q, "%d names after %d", len(q.List), len(batch.Remote))
			}
			for _, o := range q.Outcomes {
				if o.Record.State == tasks.Rejected {
					explain(t, batch, q, "%s was rejected in a batch and not in the whole", o.Record.Domain)
				}
			}
			batches.apply(q)
		}
		last := batches.input()
		q := batches.sync()
		if diff := cmp.Diff(keys(whole.list), keys(batches.list)); diff != "" {
			t.Logf("the last plan of the batches: %v → %v", last.Remote, q.List)
			explain(t, in, p, "list (-whole +batches):\n%s", diff)
		}
		if diff := cmp.Diff(whole.owned, batches.owned); diff != "" {
			explain(t, in, p, "owned names (-whole +batches):\n%s", diff)
		}
		got, want := map[string]verdict{}, map[string]verdict{}
		for d, r := range whole.records {
			want[d] = verdictOf(r)
			got[d] = verdictOf(batches.records[d])
		}
		if diff := cmp.Diff(want, got); diff != "" {
			explain(t, in, p, "records (-whole +batches):\n%s", diff)
		}
	})
}

// The next plan must not change a refused domain again, or a sync would never end.
func TestARefusedDomainStaysUnchangedAfterwards(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := drawFixture(t)
		in := f.input()
		p := Plan(in)
		if len(p.Changed) == 0 {
			t.Skip("no name changes")
		}
		d := rapid.SampledFrom(p.Changed).Draw(t, "refused")
		in.Only, in.Refusals = map[string]bool{d: true}, map[string]string{d: "no such thing"}
		refused := Plan(in)
		if len(refused.Added)+len(refused.Removed) > 0 {
			explain(t, in, refused, "the refused domain is the only one planned, and names change")
		}
		f.apply(refused)
		if r, known := f.records[d]; known && (r.State != tasks.Rejected || !strings.Contains(r.Reason(), "no such thing")) {
			explain(t, in, refused, "%s ended %s: %s", d, r.State, r.Reason())
		}
		in = f.input()
		p = Plan(in)
		if slices.Contains(p.Changed, d) {
			explain(t, in, p, "%s changes names again", d)
		}
		if keys(p.List)[d] != keys(in.Remote)[d] && !slices.ContainsFunc(p.Changed, func(m string) bool { return m == strings.TrimPrefix(d, "www.") }) {
			explain(t, in, p, "%s was changed after its rejection", d)
		}
	})
}

// After a refusal because of one domain the next plan must not have that domain, even if
// the ledger contradicts itself.
func TestBisectingEndsWhateverTheLedgerContains(t *testing.T) {
	check(t, func(t *rapid.T) {
		f := drawFixture(t)
		name := rapid.SampledFrom(alphabet).Draw(t, "left behind")
		f.owned[name] = true
		f.list = append(f.list, name)
		if rapid.Bool().Draw(t, "its record is gone") {
			delete(f.records, strings.TrimPrefix(name, "www."))
		}
		// ServerPilot refuses every change; each round settles one domain or more.
		rng := rand.New(rand.NewPCG(1, 2))
		for range 3 * len(alphabet) {
			in := f.input()
			p := Plan(in)
			if len(p.Changed) == 0 {
				return
			}
			d := p.Changed[rng.IntN(len(p.Changed))]
			in.Only, in.Refusals = map[string]bool{d: true}, map[string]string{d: "no"}
			q := Plan(in)
			if len(q.Added)+len(q.Removed) > 0 {
				explain(t, in, q, "%s is refused, and planned again", d)
			}
			f.apply(q)
		}
		in := f.input()
		explain(t, in, Plan(in), "bisecting doesn't end")
	})
}

// prune removes the records that the ledger's pruning would remove some day.
func (f *fixture) prune() {
	needed := f.snapshot()
	for _, name := range needed.InFlight {
		needed.Owned[name] = true
	}
	isNeeded := func(name string) bool { return needed.Owned[name] || needed.Tombstones[name] }
	maps.DeleteFunc(f.records, func(domain string, r Record) bool {
		_, waits := f.pending[domain]
		base, isForm := strings.CutPrefix(domain, "www.")
		_, isKnown := needed.Records[base]
		_, isRequested := f.pending[base]
		return !r.Wanted && !waits && !isNeeded(domain) && !isNeeded("www."+domain) && !(isForm && (isKnown || isRequested))
	})
}

func TestThePlanOfAPrunedLedgerLeadsToTheSameList(t *testing.T) {
	// Only a domain and its www form depend on each other.
	forms := []string{"a.com", "www.a.com"}
	kinds := []string{"change", "change", "change", "plan", "batch", "late commit", "lost commit", "lost write", "taken by hand", "hours pass"}
	steps := rapid.SliceOfN(stepOf(kinds, forms), 0, 20)
	check(t, func(t *rapid.T) {
		whole := &fixture{memory: newMemory(&clock{t: start}), rules: Rules{WWW: tasks.WWWAlways, Attempts: 5}}
		for _, s := range steps.Draw(t, "earlier") {
			whole.perform(s)
		}
		for _, name := range rapid.SliceOfDistinct(rapid.SampledFrom(forms), rapid.ID).Draw(t, "removed") {
			whole.remove(name)
		}
		whole.sync()
		whole.advance(2 * TombstoneTTL)
		pruned := whole.clone()
		pruned.prune()
		pruned.prune() // the forms of what is pruned now
		for _, s := range steps.Draw(t, "later") {
			in := pruned.input()
			pruned.perform(s)
			whole.perform(s)
			if diff := cmp.Diff(whole.list, pruned.list); diff != "" {
				explain(t, in, Plan(in), "%+v: list (-whole +pruned):\n%s", s, diff)
			}
			if diff := cmp.Diff(whole.owned, pruned.owned); diff != "" {
				explain(t, in, Plan(in), "%+v: owned names (-whole +pruned):\n%s", s, diff)
			}
			if diff := cmp.Diff(whole.snapshot().Tombstones, pruned.snapshot().Tombstones); diff != "" {
				explain(t, in, Plan(in), "%+v: tombstones (-whole +pruned):\n%s", s, diff)
			}
		}
	})
}
