package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// table is what a command prints in rows. In a pipe each row is one line with all
// columns. On a terminal no line is wider than the terminal: texts wrap inside
// their column, then columns are left out, and at last each row becomes a block.
type table struct {
	columns []column
	rows    [][]string
}

// column is a column of a table.
type column struct {
	title string
	// min is the width that is still comfortable, in terminal columns: a narrow
	// terminal makes the column narrower and wraps its text. 0 keeps its width.
	min int
	// rank is when a narrow terminal leaves the column out: the highest goes first,
	// 0 never goes.
	rank int
	// sameOnly: it is left out only if it says the same in each row.
	sameOnly bool
	// color is the color of a cell on a terminal; nil is none.
	color func(cell string) color
}

// gap is the space between columns.
const gap = 2

// add adds a row; the cells are made safe for a terminal.
func (t *table) add(cells ...string) {
	for i, cell := range cells {
		if cells[i] = strings.TrimSpace(plain(cell)); cells[i] == "" {
			cells[i] = "-"
		}
	}
	t.rows = append(t.rows, cells)
}

// print writes the table to s.Out. Which columns a terminal has no room for is
// told on s.Err.
func (t *table) print(s *streams) error {
	text, notice := t.render(s.width(), s.palette())
	if len(t.rows) == 0 {
		notice = "Nothing to show."
	}
	if notice != "" {
		s.notice("%s", notice)
	}
	_, err := io.WriteString(s.Out, text)
	return err
}

// render lays the table out for a terminal of so many columns; 0 is a pipe. The
// notice says what was left out.
func (t *table) render(width int, p palette) (text, notice string) {
	if width <= 0 {
		return t.lines(t.all(), t.natural(), palette{}), ""
	}
	shown := t.all()
	widths := t.fit(shown, width, false)
	for widths == nil {
		next, ok := t.leaveOut(shown)
		if !ok {
			break
		}
		shown = next
		widths = t.fit(shown, width, false)
	}
	if widths == nil {
		widths = t.fit(shown, width, true)
	}
	if widths == nil {
		return t.blocks(width, p), ""
	}
	var missing []string
	for i, c := range t.columns {
		if !slices.Contains(shown, i) {
			if c.sameOnly {
				c.title += " (" + t.rows[0][i] + ")"
			}
			missing = append(missing, c.title)
		}
	}
	if missing != nil {
		notice = fmt.Sprintf("Not shown in %d columns: %s. A wider terminal, a pipe and --json show all.", width, strings.Join(missing, ", "))
	}
	return t.lines(shown, widths, p), notice
}

// all are the indexes of all columns.
func (t *table) all() []int {
	all := make([]int, len(t.columns))
	for i := range all {
		all[i] = i
	}
	return all
}

// leaveOut takes the column of the highest rank away; ok is false if none may go.
func (t *table) leaveOut(shown []int) (left []int, ok bool) {
	first := -1
	for _, i := range shown {
		c := t.columns[i]
		if c.rank > 0 && (first < 0 || c.rank > t.columns[first].rank) && (!c.sameOnly || t.same(i)) {
			first = i
		}
	}
	return slices.DeleteFunc(slices.Clone(shown), func(i int) bool { return i == first }), first >= 0
}

// same reports whether a column says the same in each row.
func (t *table) same(column int) bool {
	for _, row := range t.rows {
		if row[column] != t.rows[0][column] {
			return false
		}
	}
	return len(t.rows) > 0
}

// natural are the columns' widths if nothing wraps.
func (t *table) natural() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = ansi.StringWidth(c.title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], ansi.StringWidth(row[i]))
		}
	}
	return widths
}

// fit returns the widths at which the columns shown fit into a terminal, by column;
// nil if they don't. Tight goes below what is comfortable.
func (t *table) fit(shown []int, width int, tight bool) []int {
	natural := t.natural()
	widths, room := make([]int, len(t.columns)), width+gap
	for _, i := range shown {
		room -= natural[i] + gap
	}
	if room >= 0 {
		return natural
	}
	room = width + gap
	for _, i := range shown {
		widths[i] = t.narrowest(i, natural[i], tight)
		room -= widths[i] + gap
	}
	if room < 0 {
		return nil
	}
	for ; room > 0; room-- { // the narrowest of those that wrap grows first
		grow := -1
		for _, i := range shown {
			if t.columns[i].min > 0 && widths[i] < natural[i] && (grow < 0 || widths[i] < widths[grow]) {
				grow = i
			}
		}
		if grow < 0 {
			break
		}
		widths[grow]++
	}
	return widths
}

// narrowest is the least width of a column; its title may wrap between words.
func (t *table) narrowest(column, natural int, tight bool) int {
	c, least := t.columns[column], 0
	for _, word := range strings.Fields(c.title) {
		least = max(least, len(word))
	}
	if c.min > 0 {
		floor := c.min
		if tight {
			floor = floor * 2 / 3
		}
		return max(least, min(natural, floor))
	}
	for _, row := range t.rows {
		least = max(least, ansi.StringWidth(row[column]))
	}
	return least
}

// lines prints the heading and the rows in columns of the given widths.
func (t *table) lines(shown, widths []int, p palette) string {
	var b strings.Builder
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.title
	}
	t.row(&b, titles, shown, widths, palette{})
	for _, row := range t.rows {
		t.row(&b, row, shown, widths, p)
	}
	return b.String()
}

func (t *table) row(b *strings.Builder, cells []string, shown, widths []int, p palette) {
	wrapped, height := make([][]string, len(cells)), 0
	for _, i := range shown {
		wrapped[i] = wrapText(cells[i], widths[i])
		height = max(height, len(wrapped[i]))
	}
	for n := range height {
		blank := 0
		for _, i := range shown {
			text := ""
			if n < len(wrapped[i]) {
				text = wrapped[i][n]
			}
			if text != "" {
				b.WriteString(strings.Repeat(" ", blank) + t.paint(i, cells[i], text, p))
				blank = 0
			}
			blank += widths[i] - ansi.StringWidth(text) + gap
		}
		b.WriteString("\n")
	}
}

// blocks prints each row as lines of a title and a text; empty cells are left out.
func (t *table) blocks(width int, p palette) string {
	indent := 0
	for _, c := range t.columns {
		indent = max(indent, len(c.title)+gap)
	}
	var b strings.Builder
	for n, row := range t.rows {
		if n > 0 {
			b.WriteString("\n")
		}
		for i, c := range t.columns {
			if row[i] == "-" {
				continue
			}
			for j, line := range wrapText(row[i], max(width-indent, 1)) {
				title := c.title
				if j > 0 {
					title = ""
				}
				fmt.Fprintf(&b, "%-*s%s\n", indent, title, t.paint(i, row[i], line, p))
			}
		}
	}
	return b.String()
}

func (t *table) paint(column int, cell, text string, p palette) string {
	if pick := t.columns[column].color; pick != nil {
		return p.paint(pick(cell), text)
	}
	return text
}
