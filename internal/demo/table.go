package demo

import (
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"pilotsync/internal/terminal"
	"pilotsync/worker/ledger"
)

// printTable prints a row for each domain.
func printTable(s *terminal.Streams, apps []appCase, views map[string]map[string]ledger.View) error {
	t := terminal.Table{Columns: []terminal.Column{terminal.AppColumn(), terminal.DomainColumn(), terminal.StateColumn(), terminal.ReasonColumn()}}
	for _, app := range apps {
		var part [][]string
		for _, v := range views[app.id] {
			reason := strings.TrimPrefix(v.Advice(), v.Domain+" ") // the row says which
			part = append(part, []string{app.id, readable(v.Domain), string(v.State), reason})
		}
		slices.SortFunc(part, func(a, b []string) int { return strings.Compare(a[1], b[1]) })
		for _, row := range part {
			t.Add(row...)
		}
	}
	return t.Print(s)
}

// readable is a name as people read it: in Unicode, where it is international.
func readable(domain string) string {
	name, err := idna.ToUnicode(domain)
	if err != nil {
		return domain
	}
	return name
}
