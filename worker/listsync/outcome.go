package listsync

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

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
	case s.refusal != "" && s.wanted && removal:
		// A refused removal: the domain keeps its state.
		r.Since, r.Names, r.Reason = s.wantedSince, p.namesOnList(s), s.refusal
		return Outcome{Record: r, Entry: s.refusal}, true
	case s.refusal != "":
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

// ended turns r into the record of a domain that isn't wanted.
func ended(r Record, state tasks.State, names []string, reason string) Record {
	r.State, r.Names, r.Reason, r.Problems = state, names, reason, nil
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
	var reason string
	switch {
	case p.claimed[s.domain] != "":
		reason = fmt.Sprintf("no longer mapped by itself; the name stays on the list for %s", p.claimed[s.domain])
	case p.onRemote[s.domain]:
		reason = "taken off the list"
	default:
		reason = "was not on the list"
	}
	names := s.names
	if s.record.Wanted {
		names = s.record.Names
	}
	return Outcome{Record: ended(r, tasks.Removed, names, reason), Entry: reason, Notify: true}
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
		event := "asked for again: nothing changed"
		if len(s.adds) > 0 {
			event = "asked for again: put back " + strings.Join(s.adds, ", ")
		}
		// An event reports the state again: the mapping may be new, restored from a backup,
		// or have missed the last event.
		return Outcome{Record: r, Entry: event, Notify: true, AlreadyListed: true}
	}
	r.CheckSeq, r.Attempt, r.AttemptAt, r.NextAttemptAt, r.SeenPointing = r.Seq, 0, nil, nil, false
	r.Limit, r.Problems = limit, nil
	r.ClearRecheck()
	event := "put on the list"
	switch {
	case !isNew:
		event = "a new verification was requested"
	case len(s.adds) == 0:
		event = "was on the list already"
	}
	if isNew {
		r.Certificate = nil
	}
	if tasks.IsWildcard(s.domain) {
		r.State = tasks.DoneWithoutSSL
		r.Reason = event + "; a wildcard gets no certificate: Let's Encrypt can't certify one over HTTP, " +
			"which is how ServerPilot gets its certificates. For HTTPS add each subdomain by its own name"
		return Outcome{Record: r, Entry: r.Reason, Notify: true}
	}
	r.State = tasks.CheckingDNS
	r.Reason = event + "; DNS and the certificate are checked next"
	return Outcome{Record: r, Entry: event, Verify: true, Immediate: !isNew, Notify: true, AlreadyListed: !isNew}
}

// unchanged is the outcome of a listed domain without a pending change. There is one only
// if names of the domain were put back or have left.
func (p *planner) unchanged(s *candidate, r Record) (Outcome, bool) {
	names := p.namesOnList(s)
	if len(s.adds) == 0 && slices.Equal(names, r.Names) {
		return Outcome{}, false
	}
	event := "its names on the list are now " + strings.Join(names, ", ")
	if len(s.adds) > 0 {
		event = "put back " + strings.Join(s.adds, ", ")
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
	return Outcome{Record: r, Entry: "removed again, since it was not requested: " + strings.Join(back, ", ")}, true
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
