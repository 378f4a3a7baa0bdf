package listsync

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"pilotsync/tasks"
)

// requested is the candidate's record with what its pending change says of itself: order
// number, time, site and number of attempts.
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
	// An import of a domain that is wanted already keeps its number of attempts.
	keeps := s.pending.Import && s.record.Wanted && s.pending.Attempts == 0
	if !s.pending.Remove && !keeps {
		r.Attempts = s.pending.Attempts
	}
	return r
}

// outcome says what the plan means for one domain; changed is false if it means nothing
// new.
func (p *planner) outcome(s *candidate) (o Outcome, changed bool) {
	r := s.requested()
	removal := s.pending != nil && s.pending.Remove
	switch {
	case s.deferred:
		return Outcome{}, false
	case s.refusal != "" && s.wanted && removal:
		// A refused removal: the domain stays what it was.
		r.Since, r.Names, r.Reason = s.since, p.namesOnList(s), s.refusal
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

// ended makes r the record of a domain that is not wanted.
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
		state = tasks.Removed // its removal still keeps it away, as a www form, too
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
	// After a removal in between, even one that no sync has seen, it starts from scratch.
	isNew := !s.record.Wanted || !s.record.State.Listed() || s.record.Since != s.since || !containsAll(s.record.Names, names)
	r.Wanted, r.Since, r.AddSeq, r.WWW, r.Names = true, s.since, 0, s.www, names
	if s.added != s.since {
		r.AddSeq = s.added
	}
	limit := cmp.Or(r.Attempts, p.Rules.Attempts)
	if !isNew && !s.pending.Verify {
		if r.State.Checking() {
			r.Limit = max(limit, r.Attempt+1) // the attempt that is enqueued is made
		}
		event := "asked for again: nothing changed"
		if len(s.adds) > 0 {
			event = "asked for again: put back " + strings.Join(s.adds, ", ")
		}
		// Its state is notified again: the mapping may be new, restored from a backup, or
		// have missed the event.
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

// unchanged is the outcome of a domain that was listed before and has no change
// pending: something only if its names were put back or taken away.
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

// reappearedOutcome is the outcome of a domain that isn't wanted and has no change pending:
// something only if its names came back.
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
