package applist

import (
	"cmp"
	"slices"

	"pilotsync/tasks"
)

// subject is a domain with what the plan has found out about it.
type subject struct {
	domain  string
	record  Record // zero Domain where the ledger has none
	pending *Pending
	wanted  bool
	since   int64
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
			return name != s.domain && p.takenAway(name, s.since)
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
	if p.Only != nil && !p.Only[domain] {
		if s.pending != nil {
			p.hold(domain)
			s.pending = nil
		}
	}
	s.wanted, s.www, s.since = s.record.Wanted, s.record.WWW, s.record.Since
	if s.pending != nil {
		s.wanted = !s.pending.Remove
		s.www = cmp.Or(s.pending.WWW, p.Rules.WWW)
		s.since = cmp.Or(p.Ledger.Since[domain], s.pending.Seq)
		if s.pending.Adopt && !s.pending.Remove {
			s.www = p.asFound(s)
		}
		if s.pending.Remove {
			s.judgeRemoval(p)
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
	on := func(want string) bool {
		return slices.ContainsFunc(p.Remote, func(name string) bool { return key(name) == want })
	}
	switch {
	case s.record.Wanted:
		return s.record.WWW
	case on("www." + s.domain):
		return tasks.WWWAlways
	case on(s.domain):
		return tasks.WWWNever
	}
	return s.www
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

// judgeRemoval notes which names a pending removal asks to go.
func (s *subject) judgeRemoval(p *planner) {
	if p.protected[s.domain] {
		s.refusal = s.domain + " is protected (PILOTSYNC_PROTECTED): it is never taken off the list"
		s.wanted, s.www, s.since = s.record.Wanted, s.record.WWW, s.record.Since
		return
	}
	s.names = []string{s.domain}
	if p.Ledger.Strangers[s.domain] {
		// We never heard of it: the plugin put it there before us, www form and all.
		s.names = tasks.Names(s.domain, s.www)
	}
	for _, name := range s.names {
		if p.asked[name] == "" || name == s.domain {
			p.asked[name] = s.domain
		}
	}
}

// takenAway reports whether a www form was removed by name after its domain
// became wanted: then it stays away, however often the domain is asked for again.
func (p *planner) takenAway(name string, since int64) bool {
	if p.held[name] {
		return false
	}
	if change, waits := p.Ledger.Pending[name]; waits {
		return change.Remove && change.Seq > since && !p.protected[name]
	}
	r, known := p.Ledger.Records[name]
	return known && r.State == tasks.Removed && r.Seq > since
}
