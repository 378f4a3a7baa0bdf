package terminal

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"pilotsync/internal/text"
)

// Table is rows in columns. In a pipe each row is one line with all columns. On a terminal no
// line is wider than the terminal. Texts wrap inside their column; then columns are left out;
// at last each row becomes a block of lines.
type Table struct {
	Columns []Column
	rows    [][]string
}

// Column is a column of a table.
type Column struct {
	Title string
	// Min is the smallest comfortable width in terminal columns: a narrow terminal
	// makes the column that narrow and wraps its text. 0 keeps the column's width.
	Min int
	// Rank is when a narrow terminal leaves the column out: the highest goes first,
	// 0 never goes.
	Rank int
	// SameOnly: the column is left out only if it says the same in each row.
	SameOnly bool
	// Color is the color of a cell on a terminal; nil is none.
	Color func(cell string) Color
}

// gap is the space between columns.
const gap = 2

// Add adds a row; its cells may hold any text. An empty cell becomes "-".
func (t *Table) Add(cells ...string) {
	for i, cell := range cells {
		if cells[i] = strings.TrimSpace(text.Printable(cell)); cells[i] == "" {
			cells[i] = "-"
		}
	}
	t.rows = append(t.rows, cells)
}

// Print writes the table to s.Out. A notice names the columns that the terminal has no
// room for.
func (t *Table) Print(s *Streams) error {
	text, notice := t.Render(s.Width(), s.Palette())
	if len(t.rows) == 0 {
		notice = "Nothing to show."
	}
	if notice != "" {
		s.Noticef("%s", notice)
	}
	_, err := io.WriteString(s.Out, text)
	return err
}

// Render lays the table out for a terminal of so many columns; 0 is a pipe. The
// notice names what was left out.
func (t *Table) Render(width int, p Palette) (text, notice string) {
	if width <= 0 {
		return t.lines(t.all(), t.natural(), Palette{}), ""
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
	for i, c := range t.Columns {
		if !slices.Contains(shown, i) {
			if c.SameOnly {
				c.Title += " (" + t.rows[0][i] + ")"
			}
			missing = append(missing, c.Title)
		}
	}
	if missing != nil {
		notice = fmt.Sprintf("Not shown in %d columns: %s. A wider terminal, a pipe and --json show all.", width, strings.Join(missing, ", "))
	}
	return t.lines(shown, widths, p), notice
}

// all are the indexes of all columns.
func (t *Table) all() []int {
	all := make([]int, len(t.Columns))
	for i := range all {
		all[i] = i
	}
	return all
}

// leaveOut takes the column of the highest rank away; ok is false if none may go.
func (t *Table) leaveOut(shown []int) (left []int, ok bool) {
	first := -1
	for _, i := range shown {
		c := t.Columns[i]
		if c.Rank > 0 && (first < 0 || c.Rank > t.Columns[first].Rank) && (!c.SameOnly || t.same(i)) {
			first = i
		}
	}
	return slices.DeleteFunc(slices.Clone(shown), func(i int) bool { return i == first }), first >= 0
}

// same reports whether a column says the same in each row.
func (t *Table) same(column int) bool {
	for _, row := range t.rows {
		if row[column] != t.rows[0][column] {
			return false
		}
	}
	return len(t.rows) > 0
}

// natural are the columns' widths if nothing wraps.
func (t *Table) natural() []int {
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = ansi.StringWidth(c.Title)
		for _, row := range t.rows {
			widths[i] = max(widths[i], ansi.StringWidth(row[i]))
		}
	}
	return widths
}

// fit returns the widths at which the columns shown fit into a terminal, by column;
// nil if they don't. Tight goes below what is comfortable.
func (t *Table) fit(shown []int, width int, tight bool) []int {
	natural := t.natural()
	widths, room := make([]int, len(t.Columns)), width+gap
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
			if t.Columns[i].Min > 0 && widths[i] < natural[i] && (grow < 0 || widths[i] < widths[grow]) {
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
func (t *Table) narrowest(column, natural int, tight bool) int {
	c, least := t.Columns[column], 0
	for _, word := range strings.Fields(c.Title) {
		least = max(least, len(word))
	}
	if c.Min > 0 {
		floor := c.Min
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
func (t *Table) lines(shown, widths []int, p Palette) string {
	var b strings.Builder
	titles := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		titles[i] = c.Title
	}
	t.row(&b, titles, shown, widths, Palette{})
	for _, row := range t.rows {
		t.row(&b, row, shown, widths, p)
	}
	return b.String()
}

func (t *Table) row(b *strings.Builder, cells []string, shown, widths []int, p Palette) {
	wrapped, height := make([][]string, len(cells)), 0
	for _, i := range shown {
		wrapped[i] = WrapText(cells[i], widths[i])
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
func (t *Table) blocks(width int, p Palette) string {
	indent := 0
	for _, c := range t.Columns {
		indent = max(indent, len(c.Title)+gap)
	}
	var b strings.Builder
	for n, row := range t.rows {
		if n > 0 {
			b.WriteString("\n")
		}
		for i, c := range t.Columns {
			if row[i] == "-" {
				continue
			}
			for j, line := range WrapText(row[i], max(width-indent, 1)) {
				title := c.Title
				if j > 0 {
					title = ""
				}
				fmt.Fprintf(&b, "%-*s%s\n", indent, title, t.paint(i, row[i], line, p))
			}
		}
	}
	return b.String()
}

func (t *Table) paint(column int, cell, text string, p Palette) string {
	if pick := t.Columns[column].Color; pick != nil {
		return p.Paint(pick(cell), text)
	}
	return text
}
