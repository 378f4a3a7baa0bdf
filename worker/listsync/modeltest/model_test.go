package modeltest

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	gocmp "github.com/google/go-cmp/cmp"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// The names in the test. domains are those of requests; byHand are names that people put on
// the list. Some are both.
var (
	domains = []string{"a.com", "www.a.com", "b.com", "www.b.com", "c.com", "*.d.com", poison}
	byHand  = []string{"hand1.net", "hand2.net", "HAND1.net", "a.com", "www.a.com", "www.b.com", "www.c.com"}
	rules   = listsync.Rules{WWW: tasks.WWWAlways, Attempts: 3}
)

const (
	poison = "bad.com"    // ServerPilot refuses to add this name
	broken = "broken.net" // ServerPilot refuses every list with this name
)

// model is what the ledger should know since Redis was last emptied.
type model struct {
	last       map[string]request // the request with the highest order number, by domain
	removed    map[string]int64   // the highest order number of a request to remove this name
	owned      map[string]bool    // names that a worker's write added, or tried to add
	tombstones map[string]bool    // names that a worker's write removed, until they are removed again
}

// request is a request for a change.
type request struct {
	domain   string
	remove   bool
	www      tasks.WWW
	attempts int // 0 leaves the limit to the rules
	seq      int64
}

func (r request) String() string {
	verb := "add"
	if r.remove {
		verb = "remove"
	}
	return fmt.Sprintf("%s %s #%d %s, attempts %d", verb, r.domain, r.seq-firstSeq, r.www, r.attempts)
}

func newModel() model {
	return model{last: map[string]request{}, removed: map[string]int64{}, owned: map[string]bool{}, tombstones: map[string]bool{}}
}

func (m model) clone() model {
	return model{last: maps.Clone(m.last), removed: maps.Clone(m.removed), owned: maps.Clone(m.owned), tombstones: maps.Clone(m.tombstones)}
}

func (m model) events(r request) {
	if r.seq > m.last[r.domain].seq {
		m.last[r.domain] = r
	}
	if r.remove {
		m.removed[r.domain] = max(m.removed[r.domain], r.seq)
	}
}

func (m model) own(p *process, name string) {
	if p.epoch == p.harness.epoch {
		m.owned[name] = true
	}
}

// wants reports whether a domain should be on the list.
func (m model) wants(domain string) bool {
	last, requested := m.last[domain]
	return requested && !last.remove && domain != poison
}

// claimed reports whether a name should be on the list, for itself or as the www form of a
// domain. The later of the form's removal by name and the domain's last addition decides.
func (m model) claimed(name string) bool {
	if m.wants(name) {
		return true
	}
	base, ok := strings.CutPrefix(name, "www.")
	return ok && m.wants(base) && m.last[base].www != tasks.WWWNever && m.removed[name] < m.last[base].seq
}

// mayLeave reports whether a write may remove the name: it is owned, has a tombstone, or
// its removal was requested.
func (m model) mayLeave(name string) bool {
	return m.owned[name] || m.tombstones[name] || m.removed[name] != 0
}

// checkWrite checks a write when it is sent, by what its worker could know then.
func (h *harness) checkWrite(p *process, wr *write) {
	if !h.now.Before(wr.until) {
		h.fail("w%d sends a write after its landing limit", p.id)
	}
	if p.epoch == h.epoch {
		for _, other := range h.writes {
			if other.epoch == h.epoch && !other.answered && h.now.Before(other.until) {
				h.fail("w%d sends a write while %s may still land", p.id, other)
			}
		}
	}
	if slices.Equal(wr.names, wr.read) {
		return // a control write
	}
	before, after := distinct(wr.read), wr.names
	var kept []string
	for _, name := range before {
		switch {
		case has(after, name):
			kept = append(kept, name)
		case p.known.claimed(name):
			h.fail("w%d removes %s, which is wanted", p.id, name)
		case !p.known.mayLeave(name):
			h.fail("w%d removes %s, which isn't owned, and whose removal wasn't requested", p.id, name)
		}
	}
	if len(after) < len(kept) || !slices.Equal(distinct(after[:len(kept)]), kept) {
		h.fail("w%d read %v and writes %v: the kept names changed their order", p.id, wr.read, after)
	}
	for _, name := range after[len(kept):] {
		base := strings.TrimPrefix(name, "www.")
		if !p.known.claimed(name) && base != poison {
			h.fail("w%d adds %s, which isn't wanted", p.id, name)
		}
	}
	if len(distinct(after)) != len(after) {
		h.fail("w%d writes a name twice: %v", p.id, after)
	}
}

// records reads the records directly from Redis.
func (h *harness) records() map[string]listsync.Record {
	all := map[string]listsync.Record{}
	keys, _ := h.redis.HKeys(ledgerKey("domains"))
	for _, domain := range keys {
		raw := h.redis.HGet(ledgerKey("domains"), domain)
		r := listsync.Record{Version: raw}
		if err := json.Unmarshal([]byte(raw), &r); err != nil {
			h.fail("decode the record of %s: %v", domain, err)
		}
		all[domain] = r
	}
	return all
}

// checkListedNames runs when a write lands: a name that is listed by the ledger leaves only
// if a change of it is pending.
func (h *harness) checkListedNames(before []string) {
	records := h.records()
	waits := func(domain string) bool { return h.redis.HGet(ledgerKey("pending"), domain) != "" }
	for _, domain := range slices.Sorted(maps.Keys(records)) {
		r := records[domain]
		for _, name := range r.Names {
			if r.State.Listed() && has(before, name) && !has(h.list, name) && !waits(domain) && !waits(name) {
				h.fail("%s is %s with %v, and a worker's write removed %s", domain, r.State, r.Names, name)
			}
		}
	}
}

// checkCommit checks a commit that succeeded.
func (h *harness) checkCommit(p *process, c listsync.Commit, stale []string) {
	for _, name := range c.Tombstones {
		h.model.tombstones[name] = true
	}
	for _, name := range c.ClearTombstones {
		delete(h.model.tombstones, name)
	}
	for _, o := range c.Outcomes {
		r := o.Record
		if slices.Contains(stale, r.Domain) {
			h.logf("  stale: %s", r.Domain)
			continue
		}
		if o.Verify && !h.enqueued[fmt.Sprintf("verify %s %d", r.Domain, r.CheckSeq)] {
			h.fail("%s is committed before its verification was enqueued", r.Domain)
		}
		if o.Notify && !h.notified(r) {
			h.fail("%s is committed without an event", r.Domain)
		}
		if made := h.attempts[checkOf(r)]; r.State.Listed() && r.Attempt < made {
			h.fail("%s has had %d attempts, and a commit of w%d says %d", r.Domain, made, p.id, r.Attempt)
		}
		if r.State.Checking() && r.Attempt >= r.Limit {
			h.fail("%s is committed as %s after %d of %d attempts", r.Domain, r.State, r.Attempt, r.Limit)
		}
		for _, name := range r.Names {
			if r.State.Listed() && p.editsAtRead == h.edits && !has(h.list, name) {
				h.fail("w%d commits that %s is listed as %v, and %s isn't on the list %v", p.id, r.Domain, r.Names, name, h.list)
			}
		}
	}
}

// notified reports whether the outbox, which this test never empties, has an event of the
// record.
func (h *harness) notified(r listsync.Record) bool {
	events, err := h.ledger.Outbox(context.Background(), app, 10_000)
	if err != nil {
		h.fail("%v", err)
	}
	return slices.ContainsFunc(events, func(e ledger.OutboxEvent) bool { return e.Domain == r.Domain && e.Seq == r.Seq && e.State == r.State })
}

func checkOf(r listsync.Record) string { return fmt.Sprintf("%s %d", r.Domain, r.CheckSeq) }

// checkEnd compares list and ledger with the model once nothing is left to do.
func (h *harness) checkEnd() {
	on := map[string]bool{}
	for _, name := range distinct(h.list) {
		on[name] = true
		if !h.model.claimed(name) && !h.mayStay[name] && !strings.HasPrefix(name, "hand") {
			h.fail("%s is still on the list %v", name, h.list)
		}
	}
	for _, domain := range domains {
		for _, name := range tasks.Names(domain, tasks.WWWAlways) {
			if h.model.claimed(name) && !on[name] {
				h.fail("%s is wanted and isn't on the list %v", name, h.list)
			}
		}
	}

	records := h.records()
	if diff := gocmp.Diff(slices.Sorted(maps.Keys(h.model.last)), slices.Sorted(maps.Keys(records))); diff != "" {
		h.fail("requested domains and domains with a record (-requested +record): %s", diff)
	}
	since, due, claimed := map[string]string{}, map[string]float64{}, map[string]bool{}
	for _, domain := range slices.Sorted(maps.Keys(records)) {
		r, last := records[domain], h.model.last[domain]
		switch {
		case r.Seq != last.seq:
			h.fail("the record of %s has #%d; the last request was %s", domain, r.Seq-firstSeq, last)
		case last.remove && r.State != tasks.Removed, !last.remove && domain == poison && r.State != tasks.Rejected,
			h.model.wants(domain) != r.State.Listed():
			h.fail("%s is %s; the last request was %s", domain, r.State, last)
		case h.model.wants(domain) != r.Wanted:
			h.fail("%s is wanted: %t; the last request was %s", domain, r.Wanted, last)
		case r.Attempt < h.attempts[checkOf(r)]:
			h.fail("%s has had %d attempts, its record says %d", domain, h.attempts[checkOf(r)], r.Attempt)
		case !last.remove && r.Attempts != last.attempts:
			h.fail("%s has a limit of %d attempts; the last request was %s", domain, r.Attempts, last)
		case r.State.Checking() && (r.Limit < last.limit() || r.Limit > max(last.limit(), r.Attempt+1)):
			h.fail("%s has a limit of %d attempts, and %d were made; the last request was %s", domain, r.Limit, r.Attempt, last)
		case r.State.Checking() && r.NextAttemptAt == nil:
			h.fail("%s is %s, and no attempt is due", domain, r.State)
		case r.State.Checking() && !h.enqueued[fmt.Sprintf("verify %s %d", domain, r.CheckSeq)]:
			h.fail("%s is %s, and no verification was enqueued", domain, r.State)
		case (r.State == tasks.Removed || r.State == tasks.Rejected) && !h.notified(r):
			h.fail("%s is %s, and there is no event", domain, r.State)
		}
		if r.Wanted {
			since[domain] = fmt.Sprint(r.Since)
			if r.Names[0] != domain || len(r.Names) < 2 && len(tasks.Names(domain, last.wwwRule())) > 1 && h.model.claimed("www."+domain) {
				h.fail("%s is listed as %v; the last request was %s", domain, r.Names, last)
			}
			for _, name := range r.Names {
				claimed[name] = true
				if !on[name] {
					h.fail("%s is listed as %v, and the list is %v", domain, r.Names, h.list)
				}
			}
		}
		if r.NextAttemptAt != nil {
			due[domain] = float64(r.NextAttemptAt.UnixMilli())
		}
	}
	owned, _ := h.redis.Members(ledgerKey("ours"))
	for _, name := range owned {
		if !on[name] || !claimed[name] {
			h.fail("%s counts as owned; the list is %v, the domains' names are %v", name, h.list, slices.Sorted(maps.Keys(claimed)))
		}
	}
	h.same("the first additions", since, h.hash("since"))
	h.same("the pending changes", map[string]string{}, h.hash("pending"))
	scores, _ := h.redis.SortedSet(ledgerKey("due"))
	if diff := gocmp.Diff(due, scores); diff != "" && len(due)+len(scores) > 0 {
		h.fail("the due verifications (-records +ledger): %s", diff)
	}
	state := h.hash("sync")
	delete(state, "wake")
	h.same("lease, wake, write in flight and failure", map[string]string{}, state)
}

func (h *harness) same(name string, want, got map[string]string) {
	if diff := gocmp.Diff(want, got); diff != "" {
		h.fail("%s at the end (-want +got): %s", name, diff)
	}
}

func (h *harness) hash(name string) map[string]string {
	values := map[string]string{}
	fields, _ := h.redis.HKeys(ledgerKey(name))
	for _, field := range fields {
		values[field] = h.redis.HGet(ledgerKey(name), field)
	}
	return values
}

// limit is the domain's limit of attempts.
func (r request) limit() int { return cmp.Or(r.attempts, rules.Attempts) }

func (r request) wwwRule() tasks.WWW {
	if r.www == "" {
		return rules.WWW
	}
	return r.www
}
