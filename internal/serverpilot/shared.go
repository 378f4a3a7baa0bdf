package serverpilot

import (
	"cmp"
	"slices"
	"strings"

	"pilotsync/tasks"
)

// SharedNames returns, by app id, warnings of names that are on the lists of several apps of a
// server. An app has one for each other app, about the first shared name of its list.
// ServerPilot serves such a name from the app whose own name comes first in the alphabet
// (serverpilot.io/docs/apps/domains).
func SharedNames(apps []App) map[string][]tasks.Cause {
	type place struct{ server, name string }
	having := map[place][]App{} // in the order in which ServerPilot serves them
	byName := slices.SortedFunc(slices.Values(apps), func(a, b App) int { return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID)) })
	for _, a := range byName {
		for _, name := range a.Domains {
			at := place{a.ServerID, tasks.Canonical(name)}
			having[at] = append(having[at], a)
		}
	}
	warnings := map[string][]tasks.Cause{}
	type pair struct{ app, other string }
	warned := map[pair]bool{}
	for _, a := range apps {
		for _, name := range a.Domains {
			sharing := having[place{a.ServerID, tasks.Canonical(name)}]
			for _, other := range sharing {
				if other.ID == a.ID || warned[pair{a.ID, other.ID}] {
					continue
				}
				warned[pair{a.ID, other.ID}] = true
				warnings[a.ID] = append(warnings[a.ID], tasks.Cause{Code: tasks.CauseOnTwoApps,
					Params: tasks.Params{Name: tasks.Canonical(name), App: other.ID, Served: sharing[0].ID}})
			}
		}
	}
	return warnings
}
