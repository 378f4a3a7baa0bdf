package listsync

import (
	"cmp"
	"slices"
	"strings"

	"pilotsync/tasks"
)

// candidate is a domain in the plan, with what is decided about it so far.
type candidate struct {
	domain      string
	record      Record // its Domain is empty if the ledger has no record
	pending     *Pending
	wanted      bool
	wantedSince int64
	added       int64 // the order number of its last addition
	www         tasks.WWW
	names       []string
	adds        []string    // names that the plan appends for it
	refusal     tasks.Cause // why its change is refused; zero if it isn't
	deferred    bool        // no outcome: a later plan, with all domains, decides
}

// resolveClaims decides which domains are wanted and which names they claim.
func (p *planner) resolveClaims() {
	p.frozen = map[string]bool{}
	domains := map[string]bool{}
	for d := range p.Ledger.Records {
		domains[d] = true
	}
	for d := range p.Ledger.Pending {
		domains[d] = true
	}
	for d := range p.Refusals {
		domains[d] = true // its name may be owned although its record is lost
	}
	for d := range domains {
		if c, ok := p.candidate(d); ok {
			p.candidates = append(p.candidates, c)
		}
	}
	slices.SortFunc(p.candidates, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.wantedSince, b.wantedSince), cmp.Compare(a.domain, b.domain))
	})
	for i := range p.candidates {
		c := &p.candidates[i]
		if !c.wanted {
			continue
		}
		c.names = slices.DeleteFunc(tasks.Names(c.domain, c.www), func(name string) bool {
			return name != c.domain && p.removedLater(name, c.added)
		})
		for _, name := range c.names {
			if _, taken := p.claimed[name]; !taken || name == c.domain {
				p.claimed[name] = c.domain
			}
		}
	}
}

// candidate collects what the ledger says about one domain; ok is false if the domain
// takes no part in the plan.
func (p *planner) candidate(domain string) (c candidate, ok bool) {
	c = candidate{domain: domain, record: p.Ledger.Records[domain]}
	if change, waits := p.Ledger.Pending[domain]; waits {
		c.pending = &change
	}
	if p.Only != nil && c.pending != nil && (!p.Only[domain] || p.reclaimed(domain, *c.pending)) {
		p.freeze(domain)
		c.pending = nil
	}
	c.fromRecord()
	if c.pending != nil && c.pending.Remove {
		c.applyRemoval(p)
	} else if c.pending != nil {
		c.wanted = true
		c.wantedSince = cmp.Or(p.Ledger.WantedSince[domain], c.pending.Seq)
		if alreadyWanted := c.pending.Import && c.record.Wanted; !alreadyWanted {
			c.www, c.added = cmp.Or(c.pending.WWW, p.Rules.WWW), c.pending.Seq
		}
		if c.pending.Import {
			c.www = p.importedWWW(c)
			c.rejectUnlisted(p)
		}
	}
	if message, refused := p.Refusals[domain]; refused {
		c.refusal, c.wanted = tasks.Cause{Code: tasks.CauseRefusedByServerPilot, Params: tasks.Params{Message: message}}, false
		p.freeze(domain)
	} else if cause, full := p.noRoom[domain]; full {
		c.refusal, c.wanted = cause, false
	}
	return c, c.record.Domain != "" || c.pending != nil
}

// importedWWW returns the www rule by which an imported domain keeps the names that it
// has. A domain that isn't on the list follows the rule of its change.
func (p *planner) importedWWW(c candidate) tasks.WWW {
	switch {
	case c.record.Wanted:
		return c.record.WWW
	case p.onRemote["www."+c.domain]:
		return tasks.WWWAlways
	case p.onRemote[c.domain]:
		return tasks.WWWNever
	}
	return c.www
}

// rejectUnlisted rejects an import with IfListed whose name isn't on the list. A
// domain that is already wanted is put back as usual.
func (c *candidate) rejectUnlisted(p *planner) {
	if !c.record.Wanted && p.importsNothing(*c.pending) {
		c.wanted, c.refusal = false, tasks.Cause{Code: tasks.CauseNoLongerListed, Params: tasks.Params{Name: c.domain}}
	}
}

// freeze keeps the domain's names as they are, on or off the list. Its www form is frozen
// only if the form has no change of its own in this plan.
func (p *planner) freeze(domain string) {
	for _, name := range tasks.Names(domain, tasks.WWWAlways) {
		_, waits := p.Ledger.Pending[name]
		if name == domain || !waits || p.Only != nil && !p.Only[name] || p.Refusals[name] != "" {
			p.frozen[name] = true
		}
	}
}

// reclaimed reports whether a change removes a www form that a later addition, outside
// this batch, may claim. The removal waits for that addition: otherwise the form would
// leave the list and come back.
func (p *planner) reclaimed(form string, removal Pending) bool {
	base, isForm := strings.CutPrefix(form, "www.")
	addition, waits := p.Ledger.Pending[base]
	if !isForm || !waits || !removal.Remove || addition.Remove || addition.Seq < removal.Seq || p.Only[base] || p.Refusals[form] != "" {
		return false
	}
	return addition.Import || slices.Contains(tasks.Names(base, cmp.Or(addition.WWW, p.Rules.WWW)), form)
}

// applyRemoval notes that the domain's own name is to leave. The removal doesn't name its
// www form, so that leaves only if it is owned.
func (c *candidate) applyRemoval(p *planner) {
	if p.protected[c.domain] {
		c.refusal = tasks.Cause{Code: tasks.CauseNameProtected, Params: tasks.Params{Name: c.domain}}
		return
	}
	c.wanted, c.wantedSince, c.names = false, 0, []string{c.domain}
	p.toRemove[c.domain] = true
}

// fromRecord sets the domain's state from its record.
func (c *candidate) fromRecord() {
	c.wanted, c.www, c.wantedSince = c.record.Wanted, c.record.WWW, c.record.Since
	c.added = cmp.Or(c.record.AddSeq, c.record.Since)
}

// importsNothing reports whether a change imports a name that isn't on the list, and may
// not add it. Such a change has no effect, not even on an earlier removal of the name.
func (p *planner) importsNothing(change Pending) bool {
	return change.IfListed && !change.Remove && !p.onRemote[change.Domain]
}

// removedLater reports whether a www form was removed by name after the last addition of
// its domain, whose order number is added. The later of the two requests wins.
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
