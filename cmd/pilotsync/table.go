package main

import (
	"io"
	"os"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	"golang.org/x/term"
)

// printTable writes rows, the first of which is the heading, in columns. The last
// column is cut so that no line is wider than width, unless that is 0. It isn't
// text/tabwriter, which takes all characters to be equally wide: 寿司 would push
// its line out of the columns.
func printTable(out io.Writer, rows [][]string, width int) error {
	columns := make([]int, len(rows[0])-1)
	for _, row := range rows {
		for i, cell := range row {
			if row[i] = plain(cell); cell == "" {
				row[i] = "-"
			}
			if i < len(columns) {
				columns[i] = max(columns[i], uniseg.StringWidth(row[i])+2)
			}
		}
	}
	room := width
	for _, w := range columns {
		room -= w
	}
	var table strings.Builder
	for _, row := range rows {
		for i, w := range columns {
			table.WriteString(row[i] + strings.Repeat(" ", w-uniseg.StringWidth(row[i])))
		}
		last := row[len(columns)]
		if width > 0 {
			last = cutTo(last, room)
		}
		table.WriteString(last + "\n")
	}
	_, err := io.WriteString(out, table.String())
	return err
}

// plain makes a text safe for one cell of a terminal: reasons quote others' words.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
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
