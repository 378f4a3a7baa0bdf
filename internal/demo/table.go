package demo

import (
	"slices"
	"strings"

	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// printTable prints a row for each domain.
func printTable(s *terminal.Streams, apps []appCase, views map[string]map[string]ledger.View) error {
	t := terminal.Table{Columns: []terminal.Column{terminal.AppColumn(), terminal.DomainColumn(), terminal.StateColumn(), terminal.ReasonColumn()}}
	for _, app := range apps {
		var part [][]string
		for _, v := range views[app.id] {
			reason := strings.TrimPrefix(v.Advice(), v.Domain+" ") // the row says which
			part = append(part, []string{app.id, tasks.ShownName(v.Domain), v.State.NameWith(len(v.Record.Problems()) > 0), reason})
		}
		slices.SortFunc(part, func(a, b []string) int { return strings.Compare(a[1], b[1]) })
		for _, row := range part {
			t.Add(row...)
		}
	}
	return t.Print(s)
}
