package listsync

import (
	"cmp"
	"slices"
	"strings"

	"pilotsync/tasks"
)

// subject is a domain with what the plan has found out about it.
type subject struct {
	domain  string
	record  Record // zero Domain where the ledger has none
	pending *Pending
	wanted  bool
	since   int64
	added   int64 // the order number of its last addition
	www     tasks.WWW
	names   []string
	put     []string // names the plan appends
	refusal string   // why it is rejected, empty if it isn't
	waits   bool     // no outcome: a later plan, with all domains, decides
}

// judge finds out which domains are wanted and which names they claim.
func (p *planner) judge() {
	p.held = map[string]bool{}
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
		if s, ok := p.subject(d); ok {
			p.subjects = append(p.subjects, s)
		}
	}
	slices.SortFunc(p.subjects, func(a, b subject) int {
		return cmp.Or(cmp.Compare(a.since, b.since), cmp.Compare(a.domain, b.domain))
	})
	for i := range p.subjects {
		s := &p.subjects[i]
		if !s.wanted {
			continue
		}
		s.names = slices.DeleteFunc(tasks.Names(s.domain, s.www), func(name string) bool {
			return name != s.domain && p.takenAway(name, s.added)
		})
		for _, name := range s.names {
			if _, taken := p.claimed[name]; !taken || name == s.domain {
				p.claimed[name] = s.domain
			}
		}
	}
}

// subject sums up what the ledger says of one domain; ok is false where the
// plan is not to deal with it.
func (p *planner) subject(domain string) (s subject, ok bool) {
	s = subject{domain: domain, record: p.Ledger.Records[domain]}
	if change, waits := p.Ledger.Pending[domain]; waits {
		s.pending = &change
	}
	if p.Only != nil && s.pending != nil && (!p.Only[domain] || p.reclaimed(domain, *s.pending)) {
		p.hold(domain)
		s.pending = nil
	}
	s.asRecorded()
	if s.pending != nil && s.pending.Remove {
		s.judgeRemoval(p)
	} else if s.pending != nil {
		s.wanted = true
		s.since = cmp.Or(p.Ledger.Since[domain], s.pending.Seq)
		if adopted := s.pending.Adopt && s.record.Wanted; !adopted {
			s.www, s.added = cmp.Or(s.pending.WWW, p.Rules.WWW), s.pending.Seq
		}
		if s.pending.Adopt {
			s.www = p.asFound(s)
			s.refuseUnlisted(p)
		}
	}
	if message, refused := p.Refused[domain]; refused {
		s.refusal, s.wanted = "ServerPilot refused it: "+message, false
		p.hold(domain)
	} else if reason, crowded := p.crowded[domain]; crowded {
		s.refusal, s.wanted = reason, false
	}
	return s, s.record.Domain != "" || s.pending != nil
}

// asFound is the www rule that leaves an adopted domain as it is: with its www form
// where that is on the list, or where it has had one before. One that isn't on the
// list is added as any other.
func (p *planner) asFound(s subject) tasks.WWW {
	switch {
	case s.record.Wanted:
		return s.record.WWW
	case p.was["www."+s.domain]:
		return tasks.WWWAlways
	case p.was[s.domain]:
		return tasks.WWWNever
	}
	return s.www
}

// refuseUnlisted ends an adoption that may add nothing: somebody took the name off after
// the operator saw it. A domain that is wanted already is put back as ever.
func (s *subject) refuseUnlisted(p *planner) {
	if !s.record.Wanted && p.adoptsNothing(*s.pending) {
		s.wanted, s.refusal = false, s.domain+" is not on the list any more, so it was not adopted; 'pilotsync enqueue add' puts it there"
	}
}

// hold leaves the domain's names as they are, on or off the list; its www form
// only if that has no change of its own in this plan.
func (p *planner) hold(domain string) {
	for _, name := range tasks.Names(domain, tasks.WWWAlways) {
		_, waits := p.Ledger.Pending[name]
		if name == domain || !waits || p.Only != nil && !p.Only[name] || p.Refused[name] != "" {
			p.held[name] = true
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
	return addition.Adopt || slices.Contains(tasks.Names(base, cmp.Or(addition.WWW, p.Rules.WWW)), form)
}

// judgeRemoval notes that a pending removal asks for the domain's own name to go. Its
// www form was asked for by nobody: it leaves only if it is ours.
func (s *subject) judgeRemoval(p *planner) {
	if p.protected[s.domain] {
		s.refusal = s.domain + " is protected (PILOTSYNC_PROTECTED): it is never taken off the list"
		return
	}
	s.wanted, s.since, s.names = false, 0, []string{s.domain}
	p.asked[s.domain] = true
}

// asRecorded has the domain stand as its record says.
func (s *subject) asRecorded() {
	s.wanted, s.www, s.since = s.record.Wanted, s.record.WWW, s.record.Since
	s.added = cmp.Or(s.record.AddSeq, s.record.Since)
}

// adoptsNothing reports whether a change only adopts a name, which isn't on the list.
// It ends without an effect, also on an earlier removal of the name.
func (p *planner) adoptsNothing(change Pending) bool {
	return change.IfListed && !change.Remove && !p.was[change.Domain]
}

// takenAway reports whether a www form was removed by name after the last addition
// of its domain, which has the order number added: of the two requests the later
// one decides.
func (p *planner) takenAway(name string, added int64) bool {
	if p.held[name] {
		return false
	}
	if change, waits := p.Ledger.Pending[name]; waits && !p.adoptsNothing(change) {
		return change.Remove && change.Seq > added && !p.protected[name]
	}
	r, known := p.Ledger.Records[name]
	return known && r.State == tasks.Removed && r.Seq > added
}
