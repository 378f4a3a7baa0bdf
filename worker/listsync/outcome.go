package listsync

import (
	"cmp"
	"slices"

	"pilotsync/tasks"
)

// requested returns the candidate's record with the order number, time, site and limit of
// attempts of its pending change.
func (s *candidate) requested() Record {
	r := s.record
	r.Domain = s.domain
	if s.pending == nil {
		return r
	}
	r.Seq, r.RequestedAt = s.pending.Seq, s.pending.RequestedAt
	if s.pending.SiteID != 0 {
		r.SiteID = s.pending.SiteID
	}
	// An import of a wanted domain keeps its limit of attempts.
	keeps := s.pending.Import && s.record.Wanted && s.pending.Attempts == 0
	if !s.pending.Remove && !keeps {
		r.Attempts = s.pending.Attempts
	}
	return r
}

// outcome says what the plan means for one domain; changed is false if its record stays
// the same.
func (p *planner) outcome(s *candidate) (o Outcome, changed bool) {
	r := s.requested()
	removal := s.pending != nil && s.pending.Remove
	switch {
	case s.deferred:
		return Outcome{}, false
	case s.refusal.Code != "" && s.wanted && removal:
		// A refused removal: the domain stays what it was.
		r.Since, r.Names = s.wantedSince, p.namesOnList(s)
		return Outcome{Record: r, Entry: s.refusal}, true
	case s.refusal.Code != "":
		return p.rejected(s, r), true
	case removal:
		return p.removed(s, r), true
	case !s.wanted:
		return p.reappearedOutcome(s, r)
	case !p.onList[s.domain]:
		return Outcome{}, false // it waits for room
	case s.pending != nil:
		return p.listed(s, r), true
	default:
		return p.unchanged(s, r)
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

func (p *planner) rejected(s *candidate, r Record) Outcome {
	names := s.names
	if len(names) == 0 {
		names = tasks.Names(s.domain, s.www)
	}
	state := tasks.Rejected
	if s.pending != nil && p.importsNothing(*s.pending) && s.record.State == tasks.Removed {
		state = tasks.Removed // its removal still counts, also if it is a www form
	}
	r = ended(r, state, names, s.refusal)
	return Outcome{Record: r, Entry: s.refusal, Notify: true}
}

func (p *planner) removed(s *candidate, r Record) Outcome {
	cause := tasks.Cause{Code: tasks.CauseWasNotListed}
	switch {
	case p.claimed[s.domain] != "":
		cause = tasks.Cause{Code: tasks.CauseKeptForAnother, Params: tasks.Params{Name: p.claimed[s.domain]}}
	case p.onRemote[s.domain]:
		cause = tasks.Cause{Code: tasks.CauseRemoved}
	}
	names := s.names
	if s.record.Wanted {
		names = s.record.Names
	}
	return Outcome{Record: ended(r, tasks.Removed, names, cause), Entry: cause, Notify: true}
}

// listed is the outcome of a pending addition whose names are on the list.
func (p *planner) listed(s *candidate, r Record) Outcome {
	names := p.namesOnList(s)
	// After a removal in between, even one that no sync saw, the domain is new.
	isNew := !s.record.Wanted || !s.record.State.Listed() || s.record.Since != s.wantedSince || !containsAll(s.record.Names, names)
	r.Wanted, r.Since, r.AddSeq, r.WWW, r.Names = true, s.wantedSince, 0, s.www, names
	if s.added != s.wantedSince {
		r.AddSeq = s.added
	}
	limit := cmp.Or(r.Attempts, p.Rules.Attempts)
	if !isNew && !s.pending.Verify {
		if r.State.Checking() {
			r.Limit = max(limit, r.Attempt+1) // the next attempt is already enqueued
		}
		event := tasks.Cause{Code: tasks.CauseNothingChanged}
		if len(s.adds) > 0 {
			event = tasks.Cause{Code: tasks.CausePutBack, Params: tasks.Params{Names: s.adds}}
		}
		// An event reports the state again: the mapping may be new, restored from a backup,
		// or have missed the last event.
		return Outcome{Record: r, Entry: event, Notify: true, AlreadyListed: true}
	}
	r.CheckSeq, r.Attempt, r.AttemptAt, r.NextAttemptAt, r.SeenPointing = r.Seq, 0, nil, nil, false
	r.Limit = limit
	r.ClearRecheck()
	event := tasks.Cause{Code: tasks.CauseListed}
	switch {
	case !isNew:
		event.Code = tasks.CauseVerificationRequested
	case len(s.adds) == 0:
		event.Code = tasks.CauseAlreadyListed
	}
	if isNew {
		r.Certificate = nil
	}
	if tasks.IsWildcard(s.domain) {
		r.State = tasks.DoneWithoutSSL
		r.Explain(tasks.Cause{Code: tasks.CauseNameNotCertifiable, Params: tasks.Params{Name: s.domain, Rule: tasks.RuleWildcard}})
		return Outcome{Record: r, Entry: tasks.Cause{Code: tasks.CauseListedWildcard}, Notify: true}
	}
	r.State = tasks.CheckingDNS
	r.Explain(event)
	if rule, never := tasks.NotCertifiable(s.domain); never {
		// The one attempt tells whether a certificate of the app's own covers the name.
		r.Explain(tasks.Cause{Code: tasks.CauseNameNotCertifiable, Params: tasks.Params{Name: s.domain, Rule: rule}})
	}
	return Outcome{Record: r, Entry: event, Verify: true, Immediate: !isNew, Notify: true, AlreadyListed: !isNew}
}

// unchanged is the outcome of a listed domain without a pending change. There is one only
// if names of the domain were put back or have left.
func (p *planner) unchanged(s *candidate, r Record) (Outcome, bool) {
	names := p.namesOnList(s)
	if len(s.adds) == 0 && slices.Equal(names, r.Names) {
		return Outcome{}, false
	}
	event := tasks.Cause{Code: tasks.CauseNamesChanged, Params: tasks.Params{Names: names}}
	if len(s.adds) > 0 {
		event = tasks.Cause{Code: tasks.CausePutBack, Params: tasks.Params{Names: s.adds}}
	}
	r.Names = names
	return Outcome{Record: r, Entry: event}, true
}

// reappearedOutcome is the outcome of an unwanted domain without a pending change. There
// is one only if names of the domain reappeared.
func (p *planner) reappearedOutcome(s *candidate, r Record) (Outcome, bool) {
	var back []string
	for name := range p.reappeared {
		if p.owner(name) == s.domain {
			back = append(back, name)
		}
	}
	if len(back) == 0 {
		return Outcome{}, false
	}
	slices.Sort(back)
	return Outcome{Record: r, Entry: tasks.Cause{Code: tasks.CauseRemovedAgain, Params: tasks.Params{Names: back}}}, true
}

// namesOnList returns those of the candidate's names that are on the planned list.
func (p *planner) namesOnList(s *candidate) []string {
	return slices.DeleteFunc(slices.Clone(s.names), func(name string) bool { return !p.onList[name] })
}

func containsAll(have, want []string) bool {
	for _, name := range want {
		if !slices.Contains(have, name) {
			return false
		}
	}
	return true
}
