package listsync

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"pilotsync/tasks"
)

// mains are the domains of the alphabet that are registered directly under a public suffix.
var mains = map[string]bool{"a.com": true, "b.co.uk": true, "c.github.io": true, "xn--mnchen-3ya.example": true}

// alphabet is small, so domains often coincide with the www form of others.
var alphabet = []string{
	"a.com", "www.a.com", "*.a.com", "shop.a.com", "www.shop.a.com", "b.co.uk", "www.b.co.uk", "c.github.io", "www.c.github.io",
	"xn--mnchen-3ya.example",
}

// model restates the requirements in the simplest way, one function for each sentence. It
// computes every answer anew from the ledger, whatever that costs. It knows only whole
// plans: neither batches nor refused domains.
type model struct {
	in Input
	// crowded are the domains that don't fit and are therefore not wanted.
	noRoom map[string]bool
}

func (m model) domains() []string {
	all := maps.Clone(m.in.Ledger.Records)
	for d := range m.in.Ledger.Pending {
		all[d] = Record{}
	}
	return slices.Collect(maps.Keys(all))
}

func (m model) protected(name string) bool {
	return slices.ContainsFunc(m.in.Rules.Protected, func(p string) bool { return sameName(p, name) })
}

// added returns the domain's pending addition.
func (m model) added(d string) (Pending, bool) {
	c, waits := m.in.Ledger.Pending[d]
	return c, waits && !c.Remove
}

// removed returns the domain's pending removal. Removals of protected names don't count.
func (m model) removed(d string) (Pending, bool) {
	c, waits := m.in.Ledger.Pending[d]
	return c, waits && c.Remove && !m.protected(d)
}

// wanted: the last request wins, but a domain that doesn't fit isn't wanted.
func (m model) wanted(d string) bool {
	if m.noRoom[d] {
		return false
	}
	if _, yes := m.added(d); yes {
		return true
	}
	if _, yes := m.removed(d); yes {
		return false
	}
	return m.in.Ledger.Records[d].Wanted
}

func (m model) since(d string) int64 {
	if c, yes := m.added(d); yes {
		return cmp.Or(m.in.Ledger.WantedSince[d], c.Seq)
	}
	return m.in.Ledger.Records[d].Since
}

// lastAdded is the order number of the domain's last addition, which decides about its www
// form. Importing a wanted domain isn't an addition.
func (m model) lastAdded(d string) int64 {
	r := m.in.Ledger.Records[d]
	if c, yes := m.added(d); yes && !(c.Import && r.Wanted) {
		return c.Seq
	}
	return cmp.Or(r.AddSeq, r.Since)
}

// www is the domain's www rule: that of its request, otherwise the setting.
func (m model) www(d string) tasks.WWW {
	if c, yes := m.added(d); yes && c.Import {
		on := func(name string) bool {
			return slices.ContainsFunc(m.in.Remote, func(n string) bool { return sameName(n, name) })
		}
		switch {
		case m.in.Ledger.Records[d].Wanted:
			return m.in.Ledger.Records[d].WWW
		case on("www." + d):
			return tasks.WWWAlways
		case on(d):
			return tasks.WWWNever
		}
		return cmp.Or(c.WWW, m.in.Rules.WWW)
	}
	if c, waits := m.in.Ledger.Pending[d]; waits && !(c.Remove && m.protected(d)) {
		return cmp.Or(c.WWW, m.in.Rules.WWW)
	}
	return m.in.Ledger.Records[d].WWW
}

// form returns the www form that the domain's rule gives it, or "".
func (m model) form(d string) string {
	if strings.HasPrefix(d, "www.") || strings.HasPrefix(d, "*.") {
		return ""
	}
	switch m.www(d) {
	case tasks.WWWAlways:
		return "www." + d
	case tasks.WWWMainOnly:
		if mains[d] {
			return "www." + d
		}
	}
	return ""
}

// names are the claims of a wanted domain: itself and its www form, unless that was removed
// by name after the domain's last addition.
func (m model) names(d string) []string {
	form := m.form(d)
	if form == "" {
		return []string{d}
	}
	if c, waits := m.removed(form); waits && c.Seq > m.lastAdded(d) {
		return []string{d}
	}
	if _, waits := m.in.Ledger.Pending[form]; !waits {
		if r := m.in.Ledger.Records[form]; r.State == tasks.Removed && r.Seq > m.lastAdded(d) {
			return []string{d}
		}
	}
	return []string{d, form}
}

// claimants are the wanted domains that claim the name.
func (m model) claimants(name string) (all []string) {
	for _, d := range m.domains() {
		if m.wanted(d) && slices.Contains(m.names(d), name) {
			all = append(all, d)
		}
	}
	return all
}

// toRemove: a removal asks for this very name to go.
func (m model) removalRequested(name string) bool {
	_, yes := m.removed(name)
	return yes
}

// owned: pilotsync put the name on the list, or a write in flight may have.
func (m model) owned(name string) bool {
	return m.in.Ledger.Owned[name] || slices.Contains(m.in.Ledger.InFlight, name)
}

// mayLeave: the name leaves the list if no domain claims it.
func (m model) mayLeave(name string) bool {
	return !m.protected(name) && (m.removalRequested(name) || m.owned(name) || m.in.Ledger.Tombstones[name])
}

// list returns the desired list, and the domains that don't fit on it.
func (m model) list() (list []string, rejected map[string]bool) {
	on := func(name string) bool {
		return slices.ContainsFunc(list, func(n string) bool { return sameName(n, name) })
	}
	left := false
	for _, name := range m.in.Remote {
		if n := canonical(name); m.mayLeave(n) && len(m.claimants(n)) == 0 {
			left = true
		} else if !on(name) {
			list = append(list, name)
		}
	}
	kept := len(list)
	rejected = maps.Clone(m.noRoom)
	domains := slices.DeleteFunc(m.domains(), func(d string) bool { return !m.wanted(d) })
	slices.SortFunc(domains, func(a, b string) int {
		return cmp.Or(cmp.Compare(m.since(a), m.since(b)), cmp.Compare(a, b))
	})
	for _, d := range domains {
		missing := slices.DeleteFunc(m.names(d), on)
		switch {
		case len(missing) == 0:
		case len(list)+len(missing) <= 300:
			list = append(list, missing...)
		case on(d) && m.in.Ledger.Records[d].Wanted:
			// it is listed; only its www form waits for room
		default:
			rejected[d] = true
			// A domain that isn't wanted claims no name, so start again without it.
			for _, name := range m.names(d) {
				if on(name) && m.mayLeave(name) && slices.Equal(m.claimants(name), []string{d}) {
					m.noRoom = maps.Clone(m.noRoom)
					m.noRoom[d] = true
					return m.list()
				}
			}
		}
	}
	if !left && len(list) == kept { // no name changes, so there is no write
		list = m.in.Remote
	}
	return list, rejected
}

// canonical returns a name in canonical form. It knows only the spellings in these tests.
func canonical(name string) string {
	name = strings.TrimSuffix(strings.ToLower(name), ".")
	return strings.ReplaceAll(name, "münchen.", "xn--mnchen-3ya.")
}

func sameName(a, b string) bool { return canonical(a) == canonical(b) }

// verdict is the part of a record that the model predicts.
type verdict struct {
	State  tasks.State
	Wanted bool
	Since  int64
	Names  []string // of listed domains only
}

func verdictOf(r Record) verdict {
	v := verdict{State: r.State, Wanted: r.Wanted, Since: r.Since}
	if r.State.Listed() {
		v.Names = r.Names
	}
	return v
}

// verdicts returns the prediction for every record once the plan is carried out.
func (m model) verdicts(list []string, rejected map[string]bool) map[string]verdict {
	m.noRoom = rejected
	all := map[string]verdict{}
	for _, d := range m.domains() {
		was := m.in.Ledger.Records[d]
		_, added := m.added(d)
		_, removed := m.removed(d)
		c, waits := m.in.Ledger.Pending[d]
		v := verdictOf(was)
		names := slices.DeleteFunc(m.names(d), func(name string) bool { return !keys(list)[name] })
		switch {
		case rejected[d]:
			v = verdict{State: tasks.Rejected}
		case removed:
			v = verdict{State: tasks.Removed}
		case waits && c.Remove && !was.Wanted: // protected
			v = verdict{State: tasks.Rejected}
		case m.wanted(d):
			v.Wanted, v.Since, v.Names = true, m.since(d), names
			again := was.Wanted && was.Since == m.since(d) && was.State.Listed() && !slices.ContainsFunc(names, func(n string) bool { return !slices.Contains(was.Names, n) })
			if added && !again {
				v.State = tasks.CheckingDNS
				if strings.HasPrefix(d, "*.") {
					v.State = tasks.DoneWithoutSSL
				}
			}
		}
		all[d] = v
	}
	return all
}

// own returns the names that are owned once the plan is carried out.
func (m model) own(list []string) map[string]bool {
	own, was := map[string]bool{}, keys(m.in.Remote)
	for _, name := range list {
		n := canonical(name)
		imported := slices.ContainsFunc(m.claimants(n), func(d string) bool {
			c, yes := m.added(d)
			return yes && c.Import
		})
		if m.owned(n) || !was[n] || imported {
			own[n] = true
		}
	}
	return own
}
