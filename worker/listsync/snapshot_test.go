package listsync

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// needed returns the part of a ledger that its snapshot must have; names are those of the list
// and further domains of the plan.
func (s Snapshot) needed(names []string) Snapshot {
	names = slices.Concat(names, s.InFlight, slices.Collect(maps.Keys(s.Owned)), slices.Collect(maps.Keys(s.Pending)))
	for domain, r := range s.Records {
		if r.Wanted {
			names = append(names, domain)
		}
	}
	needed := map[string]bool{}
	for _, name := range names {
		needed[name] = true
		if base, is := strings.CutPrefix(name, "www."); is {
			needed[base] = true
		} else {
			needed["www."+name] = true
		}
	}
	part := s.clone()
	maps.DeleteFunc(part.Records, func(domain string, _ Record) bool { return !needed[domain] })
	maps.DeleteFunc(part.Tombstones, func(name string, _ bool) bool { return !needed[name] })
	return part
}

func TestAPlanNeedsOnlyItsPartOfTheLedger(t *testing.T) {
	check(t, func(t *rapid.T) {
		in := drawFixture(t).input()
		names := canonicalNames(in.Remote)
		if rapid.Bool().Draw(t, "a batch") {
			only := rapid.SliceOf(rapid.SampledFrom(alphabet)).Draw(t, "only")
			in.Only = keys(only)
			if len(only) == 1 && rapid.Bool().Draw(t, "refused") {
				in.Refusals = map[string]string{only[0]: "not this one"}
			}
			names = append(names, batch{only: in.Only}.domains()...)
		}
		part := in
		part.Ledger = in.Ledger.needed(names)
		p := Plan(in)
		if diff := cmp.Diff(p, Plan(part)); diff != "" {
			explain(t, in, p, "(-whole +part):\n%s", diff)
		}
	})
}
