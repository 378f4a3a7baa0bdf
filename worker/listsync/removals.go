package listsync

import (
	"maps"
	"slices"

	"pilotsync/tasks"
)

// WouldRemove returns, sorted, the names that changes would take off the list, were they
// made now, in this order. It doesn't know the list, so it takes it to hold what the
// ledger has put there, the names of wanted domains, and those that the changes
// remove. An addition without a rule keeps the one that its domain has.
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
	asked := map[string]Pending{}
	for i, c := range changes {
		c.Seq = last + int64(i) + 1
		if c.Remove {
			on[c.Domain] = true
		} else if c.WWW == "" {
			c.WWW = s.Records[c.Domain].WWW
		}
		asked[c.Domain] = c
	}
	in := Input{Remote: slices.Sorted(maps.Keys(on)), Ledger: s, Rules: Rules{WWW: tasks.WWWNever}}
	before := Plan(in)
	in.Ledger.Pending = asked
	leaving := slices.DeleteFunc(Plan(in).Removed, func(name string) bool { return slices.Contains(before.Removed, name) })
	slices.Sort(leaving)
	return leaving
}
