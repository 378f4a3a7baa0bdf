package listsync

import (
	"cmp"
	"slices"
	"strings"

	"pilotsync/tasks"
)

// candidate is a domain with what the plan has found out about it.
type candidate struct {
	domain   string
	record   Record // zero Domain where the ledger has none
	pending  *Pending
	wanted   bool
	since    int64
	added    int64 // the order number of its last addition
	www      tasks.WWW
	names    []string
	adds     []string // names the plan appends
	refusal  string   // why it is rejected, empty if it isn't
	deferred bool     // no outcome: a later plan, with all domains, decides
}

// resolveClaims finds out which domains are wanted and which names they claim.
func (p *planner) resolveClaims() {
	p.frozen = map[string]bool{}
	domains := map[string]bool{}
	for d := range p.Ledger.Records {
		domains[d] = true
	}
	for d := range p.Ledger.Pending {
		domains[d] = true
	}
	for d := range p.Refused {
		domains[d] = true // its name may be ours although its record is lost
	}
	for d := range domains {
		if s, ok := p.candidate(d); ok {
			p.candidates = append(p.candidates, s)
		}
	}
	slices.SortFunc(p.candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.domain, b.domain))
	})
	for i := range p.candidates {
		s := &p.candidates[i]
		if !s.wanted {
			continue
		}
		s.names = slices.DeleteFunc(tasks.Names(s.domain, s.www), func(name string) bool {
			return name != s.domain && p.removedLater(name, s.added)
		})
		for _, name := range s.names {
			if _, taken := p.claimed[name]; !taken || name == s.domain {
				p.claimed[name] = s.domain
			}
		}
	}
}

// candidate sums up what the ledger says of one domain; ok is false where the
// plan is not to deal with it.
func (p *planner) candidate(domain string) (s candidate, ok bool) {
	s = candidate{domain: domain, record: p.Ledger.Records[domain]}
	if change, waits := p.Ledger.Pending[domain]; waits {
		s.pending = &change
	}
	if p.Only != nil && s.pending != nil && (!p.Only[domain] || p.reclaimed(domain, *s.pending)) {
		p.freeze(domain)
		s.pending = nil
	}
	s.fromRecord()
	if s.pending != nil && s.pending.Remove {
		s.applyRemoval(p)
	} else if s.pending != nil {
		s.wanted = true
		s.since = cmp.Or(p.Ledger.WantedSince[domain], s.pending.Seq)
		if adopted := s.pending.Import && s.record.Wanted; !adopted {
			s.www, s.added = cmp.Or(s.pending.WWW, p.Rules.WWW), s.pending.Seq
		}
		if s.pending.Import {
			s.www = p.importedWWW(s)
			s.rejectUnlisted(p)
		}
	}
	if message, refused := p.Refused[domain]; refused {
		s.refusal, s.wanted = "ServerPilot refused it: "+message, false
		p.freeze(domain)
	} else if reason, crowded := p.noRoom[domain]; crowded {
		s.refusal, s.wanted = reason, false
	}
	return s, s.record.Domain != "" || s.pending != nil
}

// importedWWW is the www rule that leaves an adopted domain as it is: with its www form
// where that is on the list, or where it has had one before. One that isn't on the
// list is added as any other.
func (p *planner) importedWWW(s candidate) tasks.WWW {
	switch {
	case s.record.Wanted:
		return s.record.WWW
	case p.onRemote["www."+s.domain]:
		return tasks.WWWAlways
	case p.onRemote[s.domain]:
		return tasks.WWWNever
	}
	return s.www
}

// rejectUnlisted ends an import that may add nothing: the name was removed after
// the operator saw it. A domain that is wanted already is put back as ever.
func (s *candidate) rejectUnlisted(p *planner) {
	if !s.record.Wanted && p.importsNothing(*s.pending) {
		s.wanted, s.refusal = false, s.domain+" is not on the list any more, so it was not adopted; 'pilotsync enqueue add' puts it there"
	}
}

// freeze leaves the domain's names as they are, on or off the list; its www form
// only if that has no change of its own in this plan.
func (p *planner) freeze(domain string) {
	for _, name := range tasks.Names(domain, tasks.WWWAlways) {
		_, waits := p.Ledger.Pending[name]
		if name == domain || !waits || p.Only != nil && !p.Only[name] || p.Refused[name] != "" {
			p.frozen[name] = true
		}
	}
}

// reclaimed reports whether a change removes a www form that a later addition, outside
// this part of a plan, may claim. It waits for that one: else the form would leave the
// list and come back.
func (p *planner) reclaimed(form string, removal Pending) bool {
	base, isForm := strings.CutPrefix(form, "www.")
	addition, waits := p.Ledger.Pending[base]
	if !isForm || !waits || !removal.Remove || addition.Remove || addition.Seq < removal.Seq || p.Only[base] || p.Refused[form] != "" {
		return false
	}
	return addition.Import || slices.Contains(tasks.Names(base, cmp.Or(addition.WWW, p.Rules.WWW)), form)
}

// applyRemoval notes that a pending removal asks for the domain's own name to go. Its
// www form was asked for by nobody: it leaves only if it is ours.
func (s *candidate) applyRemoval(p *planner) {
	if p.protected[s.domain] {
		s.refusal = s.domain + " is protected (PILOTSYNC_PROTECTED): it is never taken off the list"
		return
	}
	s.wanted, s.since, s.names = false, 0, []string{s.domain}
	p.toRemove[s.domain] = true
}

// fromRecord has the domain stand as its record says.
func (s *candidate) fromRecord() {
	s.wanted, s.www, s.since = s.record.Wanted, s.record.WWW, s.record.Since
	s.added = cmp.Or(s.record.AddSeq, s.record.Since)
}

// importsNothing reports whether a change only adopts a name, which isn't on the list.
// It ends without an effect, also on an earlier removal of the name.
func (p *planner) importsNothing(change Pending) bool {
	return change.IfListed && !change.Remove && !p.onRemote[change.Domain]
}

// removedLater reports whether a www form was removed by name after the last addition
// of its domain, which has the order number added: of the two requests the later
// one decides.
func (p *planner) removedLater(name string, added int64) bool {
	if p.frozen[name] {
		return false
	}
	if change, waits := p.Ledger.Pending[name]; waits && !p.importsNothing(change) {
		return change.Remove && change.Seq > added && !p.protected[name]
	}
	r, known := p.Ledger.Records[name]
	return known && r.State == tasks.Removed && r.Seq > added
}
