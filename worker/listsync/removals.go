package listsync

import (
	"maps"
	"slices"

	"pilotsync/tasks"
)

// WouldRemove returns, sorted, the names that these changes, in this order, would remove
// from the list now. It doesn't know the list. It assumes that all owned names, the names
// of wanted domains and the domains that the changes remove are on it. An addition without
// a www rule keeps its domain's rule. A list may be full: then a new domain is rejected, and what
// it would keep there leaves, too. The snapshot must have the changes' domains.
func WouldRemove(s Snapshot, changes []Pending) []string {
	on := maps.Clone(s.Owned)
	if on == nil {
		on = map[string]bool{}
	}
	var last int64
	for _, r := range s.Records {
		last = max(last, r.Seq)
		if r.Wanted {
			for _, name := range r.Names {
				on[name] = true
			}
		}
	}
	s.Pending, s.Tombstones, s.InFlight = map[string]Pending{}, nil, nil
	pending := map[string]Pending{}
	for i, c := range changes {
		c.Seq = last + int64(i) + 1
		if c.Remove {
			on[c.Domain] = true
		} else if c.WWW == "" {
			c.WWW = s.Records[c.Domain].WWW
		}
		pending[c.Domain] = c
	}
	in := Input{Remote: slices.Sorted(maps.Keys(on)), Ledger: s, Rules: Rules{WWW: tasks.WWWNever}}
	before := Plan(in)
	in.Ledger.Pending = pending
	leaving := Plan(in).Removed
	maps.DeleteFunc(pending, func(domain string, c Pending) bool { return !c.Remove && !s.Records[domain].Wanted })
	leaving = append(leaving, Plan(in).Removed...)
	leaving = slices.DeleteFunc(leaving, func(name string) bool { return slices.Contains(before.Removed, name) })
	slices.Sort(leaving)
	return slices.Compact(leaving)
}
