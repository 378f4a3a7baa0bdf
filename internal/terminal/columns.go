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
func StateColumn() Column { return Column{Title: "STATE", Min: 17, Color: StateColor} }

// ReasonColumn has the reasons of states.
func ReasonColumn() Column { return Column{Title: "REASON", Min: 30} }

// StateColor shows trouble in red, what takes time in yellow, success in green.
func StateColor(state string) Color {
	switch tasks.State(state) {
	case tasks.Failed, tasks.Rejected:
		return Red
	case tasks.DoneWithoutSSL, tasks.CheckingDNS, tasks.CheckingSSL:
		return Yellow
	case tasks.Done:
		return Green
	}
	return ""
}

// StateCounts lists the number of domains in each state: "3 checking-dns, 20 done".
func StateCounts(counts map[tasks.State]int) string {
	var all []string
	for _, state := range tasks.States() {
		if n := counts[state]; n > 0 {
			all = append(all, fmt.Sprintf("%d %s", n, state))
		}
	}
	return strings.Join(all, ", ")
}
