package demo

import (
	"fmt"
	"slices"
	"strings"

	"pilotsync/worker/ledger"
)

// outcome is how the demo ended: the ledger's domains by app and name, the
// simulator's lists, and how often two writes of one app overlapped.
type outcome struct {
	views    map[string]map[string]ledger.View
	lists    map[string][]string
	overlaps int
}

// deviations compares the outcome with what is expected, and returns a line for each
// difference.
func (o outcome) deviations(apps []appCase) []string {
	var lines []string
	for _, app := range apps {
		lines = append(lines, stateDeviations(app, o.views[app.id])...)
		lines = append(lines, listDeviations(app, o.lists[app.id])...)
	}
	if o.overlaps > 0 {
		lines = append(lines, fmt.Sprintf("list writes of the same app overlapped %d times", o.overlaps))
	}
	return lines
}

func stateDeviations(app appCase, views map[string]ledger.View) []string {
	var lines []string
	expected := map[string]bool{}
	for _, d := range app.domains {
		expected[d.name] = true
		v, known := views[d.name]
		switch {
		case !known:
			lines = append(lines, fmt.Sprintf("%s: %s must be %s, but the ledger doesn't know it", app.id, d.name, d.ends))
		case v.State == d.ends && d.cause != "" && v.Cause.Code != d.cause:
			lines = append(lines, fmt.Sprintf("%s: %s must be %s by the cause %s, but has %s: %s", app.id, d.name, d.ends, d.cause, v.Cause.Code, v.Reason))
		case v.State != d.ends:
			lines = append(lines, fmt.Sprintf("%s: %s must be %s, but is %s: %s", app.id, d.name, d.ends, v.State, v.Reason))
		}
	}
	for name, v := range views {
		if !expected[name] {
			lines = append(lines, fmt.Sprintf("%s: the ledger has %s (%s), which no request added", app.id, name, v.State))
		}
	}
	slices.Sort(lines)
	return lines
}

// listDeviations compares a list with the names that must be on it. It must begin with
// those that stay; the order of the others depends on the order of the requests.
func listDeviations(app appCase, list []string) []string {
	var lines []string
	want := slices.Clone(app.stays)
	for _, d := range app.domains {
		want = append(want, d.names()...)
	}
	for _, name := range minus(want, list) {
		lines = append(lines, fmt.Sprintf("%s: %s is missing on ServerPilot's list", app.id, name))
	}
	for _, name := range minus(list, want) {
		lines = append(lines, fmt.Sprintf("%s: %s is on ServerPilot's list and must not be", app.id, name))
	}
	if first := list[:min(len(list), len(app.stays))]; !slices.Equal(first, app.stays) {
		lines = append(lines, fmt.Sprintf("%s: the list must begin with the names set by hand, %s; it begins with %s",
			app.id, strings.Join(app.stays, ", "), strings.Join(first, ", ")))
	}
	return lines
}

// minus returns a without the names of b: of a name that a has twice and b once, one
// is left.
func minus(a, b []string) []string {
	count := map[string]int{}
	for _, name := range b {
		count[name]++
	}
	var rest []string
	for _, name := range a {
		if count[name]--; count[name] < 0 {
			rest = append(rest, name)
		}
	}
	return rest
}
