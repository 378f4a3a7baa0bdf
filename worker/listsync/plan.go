package listsync

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"pilotsync/tasks"
)

// Limit is the number of names ServerPilot takes on one app's list (since
// February 2024; it was 1,000 before, so older lists can be longer).
const Limit = 300

// Rules are the settings a plan follows.
type Rules struct {
	WWW       tasks.WWW // for changes that don't say
	Protected []string  // names that never leave a list
	Attempts  int       // limit of verification attempts, for changes that don't say
}

// Input is everything a plan depends on.
type Input struct {
	Remote []string // the list as ServerPilot answered it just now
	Ledger Snapshot
	Rules  Rules
	Now    time.Time
	// Only confines the plan to these domains: other domains' names stay as they
	// are and their changes stay pending. Nil means all.
	Only map[string]bool
	// Refused holds, by domain, ServerPilot's message where it is known to refuse
	// the domain itself; such a domain ends rejected.
	Refused map[string]string
}

// Outcome is what a plan means for one domain, once the list is as planned.
type Outcome struct {
	Record Record // as it is to be committed; Record.Version is the one planned on
	// Entry tells the domain's history what happened.
	Entry string
	// Verify: a new verification starts; Immediate: its first attempt waits for nothing.
	Verify, Immediate bool
	// Notify: the state changed, or a request ended, and an event says so.
	Notify bool
	// AlreadyListed: an addition asked for a domain that is listed already.
	AlreadyListed bool
}

// Result is a plan.
type Result struct {
	List           []string // what the list should be
	Write          bool     // names are added or removed; else List is Remote
	Added, Removed []string
	Outcomes       []Outcome // sorted by domain
	// Changed are the domains whose names the write adds or removes, those that
	// make room first; where ServerPilot refuses the write, one of them is the cause.
	Changed []string
	// Claim are the names that are owned should the write take effect.
	Claim []string
	// Own and Disown are the changes to the ledger's set of owned names once the
	// list is as planned.
	Own, Disown []string
	// Tombstones are the names that the write removes; ClearTombstones are those whose
	// tombstone goes: they are wanted, or were removed once more.
	Tombstones, ClearTombstones []string
}

// Plan decides what an app's list should be and what becomes of each domain.
// It has no side effects and depends on nothing but in.
//
// Names are compared as [tasks.Canonical] has them, so a name counts as listed in
// whatever spelling it is there, and keeps that spelling. Names on the list that are not
// owned stay, in their order. A name leaves only if no wanted domain claims it, and it is
// owned or a removal names it. Wanted names that
// are missing are appended, those of the domains that have been wanted longest
// first. The list never grows beyond [Limit]: a domain is put on it whole or is
// rejected. A write also merges names that are on the list twice; that alone is no reason
// to write.
func Plan(in Input) Result {
	noRoom, remote, onRemote := map[string]string{}, make([]string, len(in.Remote)), map[string]bool{}
	for i, name := range in.Remote {
		remote[i] = tasks.Canonical(name)
		onRemote[remote[i]] = true
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

// planner holds the working state of one call of Plan.
type planner struct {
	Input
	remote        []string        // the names of Remote in canonical form
	onRemote      map[string]bool // the same
	protected     map[string]bool
	noRoom        map[string]string // domain → why it doesn't fit, though it holds names
	candidates    []candidate       // every domain of the ledger that takes part, longest wanted first
	frozen        map[string]bool   // names of domains outside Only: they stay as they are
	claimed       map[string]string // name → the wanted domain that claims it
	toRemove      map[string]bool   // names of pending removals
	owned         map[string]bool   // names on the list that are owned
	onList        map[string]bool   // names on the new list so far
	removalCauses map[string]bool   // domains because of which a name leaves
	reappeared    map[string]bool   // names that came back without a request, and leave once more
	result        Result
}

// retainExisting keeps the names of the remote list that stay.
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

// removalCause returns the domain because of which the name leaves the list, or "".
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
	// Owned and no longer claimed: a www form whose domain left or lost it, or what an
	// interrupted write left behind. Or it has a tombstone, and is back.
	owner := p.owner(name)
	if p.Only != nil && !p.Only[owner] {
		return ""
	}
	if p.Ledger.Tombstones[name] {
		p.reappeared[name] = true
	}
	return owner
}

// owner returns the domain that an unclaimed name was on the list for.
func (p *planner) owner(name string) string {
	if _, known := p.Ledger.Records[name]; known {
		return name
	}
	return strings.TrimPrefix(name, "www.")
}

// addMissing puts the missing names of wanted domains on the list, as far as there
// is room. It returns false where a domain that doesn't fit keeps names on the
// list that would leave without it: then there is no room for it, and the plan must be
// made again.
func (p *planner) addMissing() bool {
	for i := range p.candidates {
		s := &p.candidates[i]
		if !s.wanted || p.Only != nil && !p.Only[s.domain] {
			continue
		}
		missing := slices.DeleteFunc(slices.Clone(s.names), func(name string) bool {
			return p.onList[name] || p.frozen[name]
		})
		if len(missing) == 0 || s.deferred {
			continue
		}
		if room := Limit - len(p.result.List); room < len(missing) {
			if s.record.Wanted && p.onList[s.domain] {
				continue // listed by its own name; its www form waits for room
			}
			if p.Only != nil {
				s.deferred = true // a removal outside this batch may make room
				continue
			}
			s.wanted, s.refusal = false, fmt.Sprintf("the app's list holds %d names of at most %d; %s would need %d more",
				len(p.result.List), Limit, s.domain, len(missing))
			if p.keepsNames(s) {
				p.noRoom[s.domain] = s.refusal
				return false
			}
			continue
		}
		s.adds = missing
		for _, name := range missing {
			p.onList[name] = true
		}
		p.result.List = append(p.result.List, missing...)
		p.result.Added = append(p.result.Added, missing...)
		if !p.removalCauses[s.domain] {
			p.result.Changed = append(p.result.Changed, s.domain)
		}
	}
	return true
}

// keepsNames reports whether a name is on the list for this domain alone, and
// would leave if the domain weren't wanted.
func (p *planner) keepsNames(s *candidate) bool {
	return slices.ContainsFunc(s.names, func(name string) bool {
		loose := p.owned[name] || p.toRemove[name] || p.Ledger.Tombstones[name]
		return loose && p.onList[name] && p.claimed[name] == s.domain && !p.protected[name] && !p.frozen[name]
	})
}

// buildResult makes the outcomes, the list and what changes in the ledger's sets of names.
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

// ownedAfter returns the names that are owned once the list is as planned.
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
	for domain := range p.Refused {
		// A name that ServerPilot refuses to change isn't owned any more.
		for _, name := range tasks.Names(domain, tasks.WWWAlways) {
			delete(owned, name)
		}
	}
	return owned
}

// setTombstones gives each name that leaves a tombstone, unless it reappeared, and clears
// those that have served their purpose.
func (p *planner) setTombstones() {
	for _, name := range p.result.Removed {
		if !p.reappeared[name] {
			p.result.Tombstones = append(p.result.Tombstones, name)
		}
	}
	for name := range p.Ledger.Tombstones {
		if p.reappeared[name] || p.onList[name] && p.claimed[name] != "" || p.frozen[name] && p.Refused[p.owner(name)] != "" {
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

// keys returns names in canonical form.
func keys(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[tasks.Canonical(name)] = true
	}
	return set
}
