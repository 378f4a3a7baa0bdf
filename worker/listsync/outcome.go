package listsync

import (
	"cmp"
	"slices"

	"pilotsync/tasks"
)

// requested returns the candidate's record with the order number, time, site and limit of
// attempts of its pending change.
func (c *candidate) requested() Record {
	r := c.record
	r.Domain = c.domain
	if c.pending == nil {
		return r
	}
	r.Seq, r.RequestedAt = c.pending.Seq, c.pending.RequestedAt
	if c.pending.SiteID != 0 {
		r.SiteID = c.pending.SiteID
	}
	// An import of a wanted domain without a limit of attempts keeps the domain's limit.
	keeps := c.pending.Import && c.record.Wanted && c.pending.Attempts == 0
	if !c.pending.Remove && !keeps {
		r.Attempts = c.pending.Attempts
	}
	return r
}

// outcome says what the plan means for one domain; changed is false if its record stays
// the same.
func (p *planner) outcome(c *candidate) (o Outcome, changed bool) {
	r := c.requested()
	removal := c.pending != nil && c.pending.Remove
	switch {
	case c.deferred:
		return Outcome{}, false
	case c.refusal.Code != "" && c.wanted && removal:
		// A refused removal: the domain stays what it was.
		r.Since, r.Names = c.wantedSince, p.namesOnList(c)
		return Outcome{Record: r, Cause: c.refusal}, true
	case c.refusal.Code != "":
		return p.rejected(c, r), true
	case removal:
		return p.removed(c, r), true
	case !c.wanted:
		return p.reappearedOutcome(c, r)
	case !p.onList[c.domain]:
		return Outcome{}, false // it waits for room
	case c.pending != nil:
		return p.listed(c, r), true
	default:
		return p.unchanged(c, r)
	}
}

// ended makes r the record of a domain that is not wanted.
func ended(r Record, state tasks.State, names []string, cause tasks.Cause) Record {
	r.State, r.Names = state, names
	r.Explain(cause)
	r.Wanted, r.Since, r.AddSeq, r.CheckSeq, r.NextAttemptAt = false, 0, 0, 0, nil
	r.ClearRecheck()
	return r
}

func (p *planner) rejected(c *candidate, r Record) Outcome {
	names := c.names
	if len(names) == 0 {
		names = tasks.Names(c.domain, c.www)
	}
	state := tasks.Rejected
	if c.pending != nil && p.importsNothing(*c.pending) && c.record.State == tasks.Removed {
		state = tasks.Removed // its removal still counts, also if it is a www form
	}
	r = ended(r, state, names, c.refusal)
	return Outcome{Record: r, Cause: c.refusal, Notify: true}
}

func (p *planner) removed(c *candidate, r Record) Outcome {
	cause := tasks.Cause{Code: tasks.CauseWasNotListed}
	switch {
	case p.claimed[c.domain] != "":
		cause = tasks.Cause{Code: tasks.CauseKeptForAnother, Params: tasks.Params{Name: p.claimed[c.domain]}}
	case p.onRemote[c.domain]:
		cause = tasks.Cause{Code: tasks.CauseRemoved}
	}
	names := c.names
	if c.record.Wanted {
		names = c.record.Names
	}
	return Outcome{Record: ended(r, tasks.Removed, names, cause), Cause: cause, Notify: true}
}

// listed is the outcome of a pending addition whose names are on the list.
func (p *planner) listed(c *candidate, r Record) Outcome {
	names := p.namesOnList(c)
	// After a removal in between, even one that no sync saw, the domain is new.
	isNew := !c.record.Wanted || !c.record.State.Listed() || c.record.Since != c.wantedSince || !containsAll(c.record.Names, names)
	r.Wanted, r.Since, r.AddSeq, r.WWW, r.Names = true, c.wantedSince, 0, c.www, names
	if c.added != c.wantedSince {
		r.AddSeq = c.added
	}
	limit := cmp.Or(r.Attempts, p.Rules.Attempts)
	if !isNew && !c.pending.Verify {
		if r.State.Checking() {
			r.Limit = max(limit, r.Attempt+1) // the next attempt is already enqueued
		}
		happened := tasks.Cause{Code: tasks.CauseNothingChanged}
		if len(c.adds) > 0 {
			happened = tasks.Cause{Code: tasks.CausePutBack, Params: tasks.Params{Names: c.adds}}
		}
		// An event reports the state again: the mapping may be new, restored from a backup,
		// or have missed the last event.
		return Outcome{Record: r, Cause: happened, Notify: true, AlreadyListed: true}
	}
	r.CheckSeq, r.Attempt, r.AttemptAt, r.NextAttemptAt, r.SeenPointing = r.Seq, 0, nil, nil, false
	r.Limit = limit
	r.ClearRecheck()
	happened := tasks.Cause{Code: tasks.CauseListed}
	switch {
	case !isNew:
		happened.Code = tasks.CauseVerificationRequested
	case len(c.adds) == 0:
		happened.Code = tasks.CauseAlreadyListed
	}
	if isNew {
		r.Certificate, r.DNS = nil, nil
	}
	if tasks.IsWildcard(c.domain) {
		r.State = tasks.DoneWithoutSSL
		r.Explain(tasks.Cause{Code: tasks.CauseNameNotCertifiable, Params: tasks.Params{Name: c.domain, Rule: tasks.RuleWildcard}})
		return Outcome{Record: r, Cause: tasks.Cause{Code: tasks.CauseListedWildcard}, Notify: true}
	}
	r.State = tasks.CheckingDNS
	r.Explain(happened)
	if rule, never := tasks.NotCertifiable(c.domain); never {
		// The only attempt finds out whether a certificate of the app's own covers the name.
		r.Explain(tasks.Cause{Code: tasks.CauseNameNotCertifiable, Params: tasks.Params{Name: c.domain, Rule: rule}})
	}
	return Outcome{Record: r, Cause: happened, Verify: true, Immediate: !isNew, Notify: true, AlreadyListed: !isNew}
}

// unchanged is the outcome of a listed domain without a pending change. There is one only
// if names of the domain were put back, have left or reappeared.
func (p *planner) unchanged(c *candidate, r Record) (Outcome, bool) {
	names := p.namesOnList(c)
	if len(c.adds) == 0 && slices.Equal(names, r.Names) {
		return p.reappearedOutcome(c, r)
	}
	happened := tasks.Cause{Code: tasks.CauseNamesChanged, Params: tasks.Params{Names: names}}
	if len(c.adds) > 0 {
		happened = tasks.Cause{Code: tasks.CausePutBack, Params: tasks.Params{Names: c.adds}}
	}
	r.Names = names
	return Outcome{Record: r, Cause: happened}, true
}

// reappearedOutcome is the outcome of a domain without a pending change. There is one only if
// names of the domain reappeared, so that the plan removes them again.
func (p *planner) reappearedOutcome(c *candidate, r Record) (Outcome, bool) {
	var back []string
	for name := range p.reappeared {
		if p.owner(name) == c.domain {
			back = append(back, name)
		}
	}
	if len(back) == 0 {
		return Outcome{}, false
	}
	slices.Sort(back)
	return Outcome{Record: r, Cause: tasks.Cause{Code: tasks.CauseRemovedAgain, Params: tasks.Params{Names: back}}}, true
}

// namesOnList returns those of the candidate's names that are on the planned list.
func (p *planner) namesOnList(c *candidate) []string {
	return slices.DeleteFunc(slices.Clone(c.names), func(name string) bool { return !p.onList[name] })
}

func containsAll(have, want []string) bool {
	for _, name := range want {
		if !slices.Contains(have, name) {
			return false
		}
	}
	return true
}
