package ledger

import (
	"cmp"
	"maps"
	"slices"

	"pilotsync/tasks"
)

// CauseCounts are numbers of domains, by cause and by the domains' state.
type CauseCounts map[tasks.Code]map[tasks.State]int

// Of returns how many domains have a cause.
func (c CauseCounts) Of(code tasks.Code) (n int) {
	for _, domains := range c[code] {
		n += domains
	}
	return n
}

// Add adds other numbers.
func (c CauseCounts) Add(other CauseCounts) {
	for code, states := range other {
		if c[code] == nil {
			c[code] = map[tasks.State]int{}
		}
		for state, n := range states {
			c[code][state] += n
		}
	}
}

// NeedingPerson returns those numbers whose domains wait for a person.
func (c CauseCounts) NeedingPerson() CauseCounts {
	needing := CauseCounts{}
	for code, states := range c {
		for state, n := range states {
			if state.NeedsPerson(code) {
				needing.Add(CauseCounts{code: {state: n}})
			}
		}
	}
	return needing
}

// Sorted returns the causes, that of the most domains first.
func (c CauseCounts) Sorted() []tasks.Code {
	return slices.SortedFunc(maps.Keys(c), func(a, b tasks.Code) int { return cmp.Or(c.Of(b)-c.Of(a), cmp.Compare(a, b)) })
}

// Attention is how many domains of an app wait for a person, by their causes and states.
func (a App) Attention() CauseCounts { return a.Causes.NeedingPerson() }

// Snoozed is how many domains of an app are snoozed.
func (a App) Snoozed() (n int) {
	for _, domains := range a.SnoozedCounts {
		n += domains
	}
	return n
}

// decodeCauses decodes causes, states and numbers; nil for none.
func decodeCauses(reply []any) (counts CauseCounts) {
	for i := 0; i+2 < len(reply); i += 3 {
		if counts == nil {
			counts = CauseCounts{}
		}
		f := texts(reply[i : i+3])
		n, _ := reply[i+2].(int64)
		counts.Add(CauseCounts{tasks.Code(f[0]): {tasks.State(f[1]): int(n)}})
	}
	return counts
}
