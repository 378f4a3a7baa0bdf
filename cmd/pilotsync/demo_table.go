package main

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/rivo/uniseg"
	"golang.org/x/net/idna"
	"golang.org/x/term"

	"pilotsync/worker/ledger"
)

// demoTable prints a line for each domain. Reasons are cut so that no line is
// wider than width, unless that is 0. It isn't text/tabwriter's, which takes
// all characters to be equally wide: 寿司 would push its line out of the columns.
func demoTable(out io.Writer, apps []demoApp, views map[string]map[string]ledger.View, width int) {
	rows := [][4]string{{"APP", "DOMAIN", "STATE", "REASON"}}
	for _, app := range apps {
		var part [][4]string
		for _, v := range views[app.id] {
			reason := plain(strings.TrimPrefix(v.Reason, v.Domain+" ")) // the row says which
			part = append(part, [4]string{app.id, readable(v.Domain), string(v.State), reason})
		}
		slices.SortFunc(part, func(a, b [4]string) int { return strings.Compare(a[1], b[1]) })
		rows = append(rows, part...)
	}
	var columns [3]int
	for _, row := range rows {
		for i := range columns {
			columns[i] = max(columns[i], uniseg.StringWidth(row[i])+2)
		}
	}
	room := width - columns[0] - columns[1] - columns[2]
	for _, row := range rows {
		var line strings.Builder
		for i, w := range columns {
			line.WriteString(row[i] + strings.Repeat(" ", w-uniseg.StringWidth(row[i])))
		}
		reason := row[3]
		if width > 0 {
			reason = cutTo(reason, room)
		}
		fmt.Fprintln(out, strings.TrimRight(line.String()+reason, " "))
	}
}

// readable is a name as people read it: in Unicode, where it is international.
func readable(domain string) string {
	name, err := idna.ToUnicode(domain)
	if err != nil {
		return domain
	}
	return name
}

// cutTo cuts text to at most so many columns of a terminal.
func cutTo(text string, columns int) string {
	if uniseg.StringWidth(text) <= columns {
		return text
	}
	var cut strings.Builder
	for g := uniseg.NewGraphemes(text); g.Next(); {
		if columns -= g.Width(); columns < 1 { // one is for the ellipsis
			break
		}
		cut.WriteString(g.Str())
	}
	if cut.Len() == 0 {
		return ""
	}
	return strings.TrimRight(cut.String(), " ") + "…"
}

// terminalWidth is the number of columns, 80 where it can't be found out, and 0
// where there is no terminal.
func terminalWidth(s *streams) int {
	if !s.Terminal {
		return 0
	}
	if file, ok := s.Out.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil && width > 0 {
			return width
		}
	}
	return 80
}
