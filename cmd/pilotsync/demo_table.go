package main

import (
	"io"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"pilotsync/worker/ledger"
)

// demoTable prints a line for each domain. Reasons are cut so that no line is
// wider than width, unless that is 0.
func demoTable(out io.Writer, apps []demoApp, views map[string]map[string]ledger.View, width int) error {
	rows := [][]string{{"APP", "DOMAIN", "STATE", "REASON"}}
	for _, app := range apps {
		var part [][]string
		for _, v := range views[app.id] {
			reason := strings.TrimPrefix(v.Reason, v.Domain+" ") // the row says which
			part = append(part, []string{app.id, readable(v.Domain), string(v.State), reason})
		}
		slices.SortFunc(part, func(a, b []string) int { return strings.Compare(a[1], b[1]) })
		rows = append(rows, part...)
	}
	return printTable(out, rows, width)
}

// readable is a name as people read it: in Unicode, where it is international.
func readable(domain string) string {
	name, err := idna.ToUnicode(domain)
	if err != nil {
		return domain
	}
	return name
}
