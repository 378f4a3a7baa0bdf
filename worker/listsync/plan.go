package listsync

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"pilotsync/tasks"
)

// Limit is the number of names that ServerPilot accepts on one app's list. Until February
// 2024 it was 1,000, so older lists can be longer.
const Limit = 300

// Rules are the settings that a plan follows.
type Rules struct {
	WWW       tasks.WWW // for changes without a rule of their own
	Protected []string  // names that never leave a list
	Attempts  int       // limit of verification attempts, for changes without one
}

// Input is everything a plan depends on.
type Input struct {
	Remote []string // the current list, as ServerPilot just returned it
	Ledger Snapshot
	Rules  Rules
	Now    time.Time
	// Only limits the plan to these domains: the names of other domains stay as they are,
	// and their changes stay pending. Nil means all.
	Only map[string]bool
	// Refusals has, by domain, ServerPilot's message for domains that it is known to refuse.
	// Such a domain is rejected.
	Refusals map[string]string
}

// Outcome is what a plan means for one domain, once the plan is carried out.
type Outcome struct {
	Record Record // as it is to be committed; Record.Version is the one planned on
	// Cause is what happened, for the domain's history. Record.Cause explains its state.
	Cause tasks.Cause
	// Verify: a new verification starts; Immediate: its first attempt has no delay.
	Verify, Immediate bool
	// Notify: the state changed, or a request ended, so there is an event.
	Notify bool
	// AlreadyListed: the change added a domain that was already listed.
	AlreadyListed bool
}

// Result is a plan.
type Result struct {
	List           []string // the desired list
	Write          bool     // names are added or removed; otherwise List is Remote
	Added, Removed []string
	Outcomes       []Outcome // sorted by domain
	// Changed are the domains whose names the write adds or removes, those that make room
	// first. If ServerPilot refuses the write, one of them is the cause.
	Changed []string
	// Claim are the names that are owned if the write takes effect.
	Claim []string
	// Own and Disown change the ledger's set of owned names, once the plan is carried out.
	Own, Disown []string
	// Tombstones are the names that get a tombstone: the write removes them.
	// ClearTombstones are those that lose it: they are wanted, or are removed once more.
	Tombstones, ClearTombstones []string
}

// InStep reports whether neither the list nor the ledger needs a change.
func (r Result) InStep() bool {
	return !r.Write && len(r.Outcomes)+len(r.Own)+len(r.Disown)+len(r.Tombstones)+len(r.ClearTombstones) == 0
}

// Plan decides an app's desired list and the outcome of each domain. It is a pure function
// of in:
//
//   - Names are compared by [tasks.Canonical]. A name on the list keeps its spelling.
//   - A name leaves only if no wanted domain claims it, and if it is owned, has a tombstone,
//     or a removal names it. All other names stay, in their order, and protected names always.
//   - Missing names of wanted domains are appended, beginning with the domains that have
//     been wanted longest.
//   - The list never grows beyond [Limit]: a new domain gets all of its names or is rejected.
//     The missing www form of a listed domain waits for room.
//   - A write also drops duplicates; they alone are no reason to write.
func Plan(in Input) Result {
	noRoom, remote, onRemote := map[string]tasks.Cause{}, canonicalNames(in.Remote), map[string]bool{}
	for _, name := range remote {
		onRemote[name] = true
	}
	protected := keys(in.Rules.Protected)
	for {
		p := planner{Input: in, remote: remote, onRemote: onRemote, protected: protected, noRoom: noRoom,
			claimed: map[string]string{}, toRemove: map[string]bool{}, removalCauses: map[string]bool{}, reappeared: map[string]bool{}}
		p.resolveClaims()
		p.retainExisting()
		if p.addMissing() {
			p.buildResult()
			return p.result
		}
	}
}

// planner is the working state of one call of Plan. Its methods are in the file of their step.
// candidate.go decides which domains are wanted, this file the list, and outcome.go what it
// means for each domain.
type planner struct {
	Input
	remote        []string        // the names of Remote in canonical form
	onRemote      map[string]bool // the same
	protected     map[string]bool
	noRoom        map[string]tasks.Cause // domain → why it doesn't fit, though it holds names
	candidates    []candidate            // every domain of the ledger that takes part, longest wanted first
	frozen        map[string]bool        // names that stay as they are: of domains outside Only, or refused
	claimed       map[string]string      // name → the wanted domain that claims it
	toRemove      map[string]bool        // names of pending removals
	owned         map[string]bool        // names on the list that are owned
	onList        map[string]bool        // names on the new list so far
	removalCauses map[string]bool        // domains because of which a name leaves
	reappeared    map[string]bool        // names that came back without a request, and leave once more
	result        Result
}

// retainExisting begins the new list with the names of the current one that stay.
func (p *planner) retainExisting() {
	p.onList, p.owned = map[string]bool{}, map[string]bool{}
	for name := range p.Ledger.Owned {
		p.owned[name] = p.onRemote[name]
	}
	for _, name := range p.Ledger.InFlight {
		p.owned[name] = p.onRemote[name]
	}
	for i, name := range p.Remote {
		k := p.remote[i]
		if p.onList[k] {
			continue
		}
		if cause := p.removalCause(k); cause != "" {
			if !slices.Contains(p.result.Removed, k) {
				p.result.Removed = append(p.result.Removed, k)
			}
			p.removalCauses[cause] = true
			continue
		}
		p.onList[k] = true
		p.result.List = append(p.result.List, name)
	}
}

// removalCause returns the domain that causes the name to leave the list, or "".
func (p *planner) removalCause(name string) string {
	if _, claimed := p.claimed[name]; claimed || p.protected[name] || p.frozen[name] {
		return ""
	}
	if p.toRemove[name] {
		return name
	}
	if !p.owned[name] && !p.Ledger.Tombstones[name] {
		return ""
	}
	// It is owned and no longer claimed. It is the www form of a domain that left or lost the
	// form, or remains from an interrupted write. Or it has a tombstone and is back.
	owner := p.owner(name)
	if p.Only != nil && !p.Only[owner] {
		return ""
	}
	if p.Ledger.Tombstones[name] {
		p.reappeared[name] = true
	}
	return owner
}

// owner returns the domain that an unclaimed name belongs to. A www form belongs to itself or to its
// base, whichever changed later. So an ended domain, which may be pruned, owns nothing of a later one.
func (p *planner) owner(name string) string {
	base, isForm := strings.CutPrefix(name, "www.")
	if isForm && p.Ledger.lastSeq(base) >= p.Ledger.lastSeq(name) {
		return base
	}
	return name
}

// addMissing puts the missing names of wanted domains on the list, as far as there is room.
// It returns false if a domain that doesn't fit claims listed names. Without the domain
// these names may leave, so the plan must be made again without it.
func (p *planner) addMissing() bool {
	for i := range p.candidates {
		c := &p.candidates[i]
		if !c.wanted || p.Only != nil && !p.Only[c.domain] {
			continue
		}
		missing := slices.DeleteFunc(slices.Clone(c.names), func(name string) bool {
			return p.onList[name] || p.frozen[name]
		})
		if len(missing) == 0 || c.deferred {
			continue
		}
		if room := Limit - len(p.result.List); room < len(missing) {
			if c.record.Wanted && p.onList[c.domain] {
				continue // the domain's own name is listed; its www form waits for room
			}
			if p.Only != nil {
				c.deferred = true // a removal outside this batch may make room
				continue
			}
			c.wanted, c.refusal = false, tasks.Cause{Code: tasks.CauseListFull, Params: tasks.Params{
				Name: c.domain, Count: len(p.result.List), Limit: Limit, Need: len(missing)}}
			if p.keepsNames(c) {
				p.noRoom[c.domain] = c.refusal
				return false
			}
			continue
		}
		c.adds = missing
		for _, name := range missing {
			p.onList[name] = true
		}
		p.result.List = append(p.result.List, missing...)
		p.result.Added = append(p.result.Added, missing...)
		if !p.removalCauses[c.domain] {
			p.result.Changed = append(p.result.Changed, c.domain)
		}
	}
	return true
}

// keepsNames reports whether a name is on the list for this domain only, and would leave
// if the domain weren't wanted.
func (p *planner) keepsNames(c *candidate) bool {
	return slices.ContainsFunc(c.names, func(name string) bool {
		loose := p.owned[name] || p.toRemove[name] || p.Ledger.Tombstones[name]
		return loose && p.onList[name] && p.claimed[name] == c.domain && !p.protected[name] && !p.frozen[name]
	})
}

// buildResult completes the result: outcomes, list, owned names and tombstones.
func (p *planner) buildResult() {
	for i := range p.candidates {
		if o, changed := p.outcome(&p.candidates[i]); changed {
			o.Record.UpdatedAt = p.Now
			p.result.Outcomes = append(p.result.Outcomes, o)
		}
	}
	slices.SortFunc(p.result.Outcomes, func(a, b Outcome) int { return cmp.Compare(a.Record.Domain, b.Record.Domain) })
	p.result.Changed = append(slices.Sorted(maps.Keys(p.removalCauses)), p.result.Changed...)
	if p.result.Write = len(p.result.Added)+len(p.result.Removed) > 0; !p.result.Write {
		p.result.List = slices.Clone(p.Remote)
	}
	owned := p.ownedAfter()
	p.result.Own = difference(owned, p.Ledger.Owned)
	p.result.Disown = difference(p.Ledger.Owned, owned)
	p.result.Claim = slices.Compact(slices.Sorted(slices.Values(append(slices.Clone(p.result.Added), p.result.Own...))))
	p.setTombstones()
}

// ownedAfter returns the names that are owned once the plan is carried out.
func (p *planner) ownedAfter() map[string]bool {
	owned := map[string]bool{}
	for name, isOwned := range p.owned {
		owned[name] = isOwned && p.onList[name]
	}
	for _, name := range p.result.Added {
		owned[name] = true
	}
	for i := range p.candidates {
		if c := &p.candidates[i]; c.wanted && c.pending != nil && c.pending.Import {
			for _, name := range p.namesOnList(c) {
				owned[name] = true
			}
		}
	}
	for domain := range p.Refusals {
		// A name that ServerPilot refuses to change isn't owned any more.
		for _, name := range tasks.Names(domain, tasks.WWWAlways) {
			delete(owned, name)
		}
	}
	return owned
}

// setTombstones gives each name that leaves a tombstone, unless it had reappeared. It
// clears the tombstones of names that are removed again or wanted again.
func (p *planner) setTombstones() {
	for _, name := range p.result.Removed {
		if !p.reappeared[name] {
			p.result.Tombstones = append(p.result.Tombstones, name)
		}
	}
	for name := range p.Ledger.Tombstones {
		if p.reappeared[name] || p.onList[name] && p.claimed[name] != "" || p.frozen[name] && p.Refusals[p.owner(name)] != "" {
			p.result.ClearTombstones = append(p.result.ClearTombstones, name)
		}
	}
	slices.Sort(p.result.ClearTombstones)
}

// difference returns the names of a that aren't in b, sorted; nil for none.
func difference(a, b map[string]bool) (names []string) {
	for name, in := range a {
		if in && !b[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// canonicalNames returns the names in the form in which they are compared.
func canonicalNames(names []string) []string {
	canonical := make([]string, len(names))
	for i, name := range names {
		canonical[i] = tasks.Canonical(name)
	}
	return canonical
}

// keys returns the set of names in canonical form.
func keys(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[tasks.Canonical(name)] = true
	}
	return set
}
