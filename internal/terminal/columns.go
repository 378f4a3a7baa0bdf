package terminal

import (
	"fmt"
	"strings"

	"pilotsync/tasks"
)

// Columns that tables of domains share.

// AppColumn has apps' ids; it is left out first if all are the same.
func AppColumn() Column { return Column{Title: "APP", Min: 16, Rank: 9, SameOnly: true} }

// DomainColumn has domains.
func DomainColumn() Column { return Column{Title: "DOMAIN", Min: 24} }

// StateColumn has domains' states, in their colors.
func StateColumn() Column { return Column{Title: "STATE", Min: 20, Color: StateColor} }

// ReasonColumn has the reasons of states.
func ReasonColumn() Column { return Column{Title: "REASON", Min: 30} }

// StateColor shows trouble in red, what takes time in yellow, success in green.
// state is its name ([tasks.State.NameWith]).
func StateColor(state string) Color {
	switch state {
	case tasks.Failed.Name(), tasks.Rejected.Name():
		return Red
	case tasks.DoneWithoutSSL.Name(), tasks.CheckingDNS.Name(), tasks.CheckingSSL.Name(), tasks.Done.NameWith(true):
		return Yellow
	case tasks.Done.Name():
		return Green
	}
	return ""
}

// StateCounts lists the number of domains in each state, those that most need a person first:
// "3 DNS failed, 20 Done".
func StateCounts(counts map[tasks.State]int) string {
	var all []string
	for _, state := range tasks.StatesByUrgency() {
		if n := counts[state]; n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, state.Name()))
		}
	}
	return strings.Join(all, ", ")
}
