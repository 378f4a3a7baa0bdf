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
	// the domain for its own sake; such a domain ends rejected.
	Refused map[string]string
}

// Outcome is what a plan means for one domain, once the list is as planned.
type Outcome struct {
	Record Record // as it is to be committed; Record.Version is the one planned on
	// Event tells the domain's history what happened.
	Event string
	// Verify: a new verification starts; AtOnce: its first attempt waits for nothing.
	Verify, AtOnce bool
	// Told: the state changed, or a request ended, which the outside is told of.
	Told bool
	// Again: an addition asked for a domain that is listed already.
	Again bool
}

// Result is a plan.
type Result struct {
	List           []string // what the list should be
	Write          bool     // names are added or removed; else List is Remote
	Added, Removed []string
	Outcomes       []Outcome // sorted by domain
	// Movers are the domains whose names the write adds or removes, those that
	// make room first; where ServerPilot refuses the write, one of them is the cause.
	Movers []string
	// Claim are the names that count as ours should the write land.
	Claim []string
	// Own and Disown are the changes to the ledger's set of our names once the
	// list is as planned.
	Own, Disown []string
	// Gone are the names the write takes off; Forget are those that don't count as
	// gone any more: they are wanted, or were taken off once more.
	Gone, Forget []string
}

// Plan decides what an app's list should be and what becomes of each domain.
// It has no side effects and depends on nothing but in.
//
// Names are compared as [tasks.Canonical] has them, so a name counts as listed in
// whatever spelling it stands there, and keeps that spelling. Names on the list that
// are not ours stay, in their order. A name leaves only if no wanted
// domain claims it, and we added it or a removal asks for it. Wanted names that
// are missing are appended, those of the domains that have been wanted longest
// first. The list never grows beyond [Limit]: a domain goes on it whole or is
// rejected. A write also makes one of names that stand on the list twice; that alone
// is no reason to write.
func Plan(in Input) Result {
	crowded, remote, was := map[string]string{}, make([]string, len(in.Remote)), map[string]bool{}
	for i, name := range in.Remote {
		remote[i] = tasks.Canonical(name)
		was[remote[i]] = true
	}
	protected := keys(in.Rules.Protected)
	for {
		p := planner{Input: in, remote: remote, was: was, protected: protected, crowded: crowded,
			claimed: map[string]string{}, asked: map[string]bool{}, removers: map[string]bool{}, returned: map[string]bool{}}
		p.judge()
		p.keep()
		if p.append() {
			p.conclude()
			return p.result
		}
	}
}

// planner holds the working state of one call of Plan.
type planner struct {
	Input
	remote    []string        // the names of Remote in canonical form
	was       map[string]bool // the same
	protected map[string]bool
	crowded   map[string]string // domain → why it doesn't fit, though it holds names
	subjects  []subject         // every domain of the ledger that has a say, longest wanted first
	held      map[string]bool   // names of domains outside Only: not to be touched
	claimed   map[string]string // name → the wanted domain that claims it
	asked     map[string]bool   // names that pending removals ask to go
	ours      map[string]bool   // names on the list that we put there
	present   map[string]bool   // names on the new list so far
	removers  map[string]bool   // domains for whose sake a name leaves
	returned  map[string]bool   // names that came back unasked for, and leave once more
	result    Result
}

// keep walks the remote list and keeps what is to stay.
func (p *planner) keep() {
	p.present, p.ours = map[string]bool{}, map[string]bool{}
	for name := range p.Ledger.Ours {
		p.ours[name] = p.was[name]
	}
	for _, name := range p.Ledger.Flight {
		p.ours[name] = p.was[name]
	}
	for i, name := range p.Remote {
		k := p.remote[i]
		if p.present[k] {
			continue
		}
		if cause := p.leaves(k); cause != "" {
			if !slices.Contains(p.result.Removed, k) {
				p.result.Removed = append(p.result.Removed, k)
			}
			p.removers[cause] = true
			continue
		}
		p.present[k] = true
		p.result.List = append(p.result.List, name)
	}
}

// leaves returns the domain for whose sake the name leaves the list, or "".
func (p *planner) leaves(name string) string {
	if _, claimed := p.claimed[name]; claimed || p.protected[name] || p.held[name] {
		return ""
	}
	if p.asked[name] {
		return name
	}
	if !p.ours[name] && !p.Ledger.Gone[name] {
		return ""
	}
	// Ours and no longer claimed: a www form whose domain went or lost it, or what
	// an interrupted write left behind. Or gone, and back.
	owner := p.owner(name)
	if p.Only != nil && !p.Only[owner] {
		return ""
	}
	if p.Ledger.Gone[name] {
		p.returned[name] = true
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

// append puts the missing names of wanted domains on the list, as far as there
// is room. It returns false where a domain that doesn't fit keeps names on the
// list that would leave without it: then it is noted as crowded out, and the
// plan is to be made anew.
func (p *planner) append() bool {
	for i := range p.subjects {
		s := &p.subjects[i]
		if !s.wanted || p.Only != nil && !p.Only[s.domain] {
			continue
		}
		missing := slices.DeleteFunc(slices.Clone(s.names), func(name string) bool {
			return p.present[name] || p.held[name]
		})
		if len(missing) == 0 || s.waits {
			continue
		}
		if room := Limit - len(p.result.List); room < len(missing) {
			if s.record.Wanted && p.present[s.domain] {
				continue // listed by its own name; its www form has to wait for room
			}
			if p.Only != nil {
				s.waits = true // a removal outside this part may make room
				continue
			}
			s.wanted, s.refusal = false, fmt.Sprintf("the app's list holds %d names of at most %d; %s would need %d more",
				len(p.result.List), Limit, s.domain, len(missing))
			if p.keepsNames(s) {
				p.crowded[s.domain] = s.refusal
				return false
			}
			continue
		}
		s.put = missing
		for _, name := range missing {
			p.present[name] = true
		}
		p.result.List = append(p.result.List, missing...)
		p.result.Added = append(p.result.Added, missing...)
		if !p.removers[s.domain] {
			p.result.Movers = append(p.result.Movers, s.domain)
		}
	}
	return true
}

// keepsNames reports whether a name is on the list for this domain alone, and
// would leave if the domain weren't wanted.
func (p *planner) keepsNames(s *subject) bool {
	return slices.ContainsFunc(s.names, func(name string) bool {
		loose := p.ours[name] || p.asked[name] || p.Ledger.Gone[name]
		return loose && p.present[name] && p.claimed[name] == s.domain && !p.protected[name] && !p.held[name]
	})
}

// conclude turns what was found into outcomes and the bookkeeping of our names.
func (p *planner) conclude() {
	for i := range p.subjects {
		if o, changed := p.outcome(&p.subjects[i]); changed {
			o.Record.UpdatedAt = p.Now
			p.result.Outcomes = append(p.result.Outcomes, o)
		}
	}
	slices.SortFunc(p.result.Outcomes, func(a, b Outcome) int { return cmp.Compare(a.Record.Domain, b.Record.Domain) })
	p.result.Movers = append(slices.Sorted(maps.Keys(p.removers)), p.result.Movers...)
	if p.result.Write = len(p.result.Added)+len(p.result.Removed) > 0; !p.result.Write {
		p.result.List = slices.Clone(p.Remote)
	}

	own := map[string]bool{}
	for name, ours := range p.ours {
		own[name] = ours && p.present[name]
	}
	for _, name := range p.result.Added {
		own[name] = true
	}
	for i := range p.subjects {
		if s := &p.subjects[i]; s.wanted && s.pending != nil && s.pending.Adopt {
			for _, name := range p.onList(s) {
				own[name] = true
			}
		}
	}
	for domain := range p.Refused {
		// What ServerPilot won't let us change isn't ours to change any more.
		for _, name := range tasks.Names(domain, tasks.WWWAlways) {
			delete(own, name)
		}
	}
	for name, ours := range own {
		if ours && !p.Ledger.Ours[name] {
			p.result.Own = append(p.result.Own, name)
		}
	}
	for name := range p.Ledger.Ours {
		if !own[name] {
			p.result.Disown = append(p.result.Disown, name)
		}
	}
	for _, name := range p.result.Removed {
		if !p.returned[name] {
			p.result.Gone = append(p.result.Gone, name)
		}
	}
	for name := range p.Ledger.Gone {
		if p.returned[name] || p.present[name] && p.claimed[name] != "" || p.held[name] && p.Refused[p.owner(name)] != "" {
			p.result.Forget = append(p.result.Forget, name)
		}
	}
	slices.Sort(p.result.Forget)
	slices.Sort(p.result.Own)
	slices.Sort(p.result.Disown)
	p.result.Claim = slices.Sorted(slices.Values(append(slices.Clone(p.result.Added), p.result.Own...)))
	p.result.Claim = slices.Compact(p.result.Claim)
}

// keys returns names in canonical form.
func keys(names []string) map[string]bool {
	set := make(map[string]bool, len(names))
	for _, name := range names {
		set[tasks.Canonical(name)] = true
	}
	return set
}
