package terminal

import (
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func stateColor(state string) Color {
	if state == "done-without-ssl" {
		return Yellow
	}
	return ""
}

func statusColumns() []Column {
	return []Column{{Title: "APP", Min: 16, Rank: 9, SameOnly: true}, {Title: "DOMAIN", Min: 24}, {Title: "STATE", Min: 17, Color: stateColor},
		{Title: "NAMES", Rank: 4, Min: 24}, {Title: "ATTEMPT", Rank: 2}, {Title: "LAST ATTEMPT", Rank: 3}, {Title: "NEXT ATTEMPT", Rank: 1}, {Title: "REASON", Min: 30}}
}

// tableOf has the columns of 'pilotsync status'.
func tableOf(rows ...[]string) *Table {
	t := &Table{Columns: statusColumns()}
	for _, row := range rows {
		t.Add(row...)
	}
	return t
}

const pointsElsewhere = "shop.example.com points to 203.0.113.9; this app is on 198.51.100.4. Next: make shop.example.com point to 198.51.100.4 and nowhere else."

func TestANarrowTerminalWrapsThenLeavesColumnsOutThenMakesBlocks(t *testing.T) {
	t.Parallel()
	rows := func() *Table {
		return tableOf(
			[]string{"app1", "shop.example.com", "checking-dns", "shop.example.com, www.shop.example.com", "2", "3m ago", "in 12m", pointsElsewhere},
			[]string{"app1", "例え.jp", "done", "例え.jp", "1", "5h ago", "", "certificate valid until 2026-12-01"})
	}
	for _, test := range []struct {
		width        int
		want, notice string
	}{
		{80, `
DOMAIN            STATE         ATTEMPT  NEXT     REASON
                                         ATTEMPT
shop.example.com  checking-dns  2        in 12m   shop.example.com points to
                                                  203.0.113.9; this app is on
                                                  198.51.100.4. Next: make
                                                  shop.example.com point to
                                                  198.51.100.4 and nowhere else.
例え.jp           done          1        -        certificate valid until
                                                  2026-12-01
`, "Not shown in 80 columns: APP (app1), NAMES, LAST ATTEMPT. A wider terminal, a pipe and --json show all."},
		{60, `
DOMAIN            STATE         REASON
shop.example.com  checking-dns  shop.example.com points to
                                203.0.113.9; this app is on
                                198.51.100.4. Next: make
                                shop.example.com point to
                                198.51.100.4 and nowhere
                                else.
例え.jp           done          certificate valid until
                                2026-12-01
`, "Not shown in 60 columns: APP (app1), NAMES, ATTEMPT, LAST ATTEMPT, NEXT ATTEMPT. A wider terminal, a pipe and --json show all."},
		{40, `
APP           app1
DOMAIN        shop.example.com
STATE         checking-dns
NAMES         shop.example.com,
              www.shop.example.com
ATTEMPT       2
LAST ATTEMPT  3m ago
NEXT ATTEMPT  in 12m
REASON        shop.example.com points to
              203.0.113.9; this app is
              on 198.51.100.4. Next:
              make shop.example.com
              point to 198.51.100.4 and
              nowhere else.

APP           app1
DOMAIN        例え.jp
STATE         done
NAMES         例え.jp
ATTEMPT       1
LAST ATTEMPT  5h ago
REASON        certificate valid until
              2026-12-01
`, ""},
	} {
		got, notice := rows().Render(test.width, Palette{})
		if diff := cmp.Diff(test.want, "\n"+got); diff != "" {
			t.Errorf("in %d columns (-want +got):\n%s", test.width, diff)
		}
		if notice != test.notice {
			t.Errorf("in %d columns the notice is %q", test.width, notice)
		}
	}
}

func TestTheStateIsColoredOnEachOfItsLinesAndNothingElseIs(t *testing.T) {
	t.Parallel()
	table := &Table{Columns: []Column{{Title: "DOMAIN", Min: 24}, {Title: "STATE", Min: 17, Color: stateColor}, {Title: "REASON", Min: 30}}}
	table.Add("a.example.com", "done-without-ssl", "x")
	table.Add("b.example.com", "pending", "y")
	got, _ := table.Render(34, Palette{on: true})
	want := "DOMAIN         STATE        REASON\n" +
		"a.example.com  \x1b[33mdone-\x1b[0m        x\n" +
		"               \x1b[33mwithout-ssl\x1b[0m\n" +
		"b.example.com  pending      y\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNoLineIsWiderThanTheTerminalAndNoTextIsLost(t *testing.T) {
	t.Parallel()
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab.-, xy12例え寿ü🙂\x1b")), 0, 90, -1)
	rapid.Check(t, func(t *rapid.T) {
		table := tableOf()
		for range rapid.IntRange(1, 5).Draw(t, "rows") {
			row := make([]string, len(table.Columns))
			for i := range row {
				row[i] = text.Draw(t, "cell")
			}
			table.Add(row...)
		}
		width := rapid.IntRange(30, 300).Draw(t, "width")
		got, _ := table.Render(width, Palette{on: true})
		for _, line := range strings.Split(got, "\n") {
			if w := ansi.StringWidth(line); w > width || strings.HasSuffix(line, " ") {
				t.Fatalf("a line of %d columns of %d: %q", w, width, line)
			}
		}
		pipe, _ := table.Render(0, Palette{on: true})
		if n := strings.Count(pipe, "\n"); n != 1+len(table.rows) || strings.Contains(pipe, "\x1b") {
			t.Fatalf("%d lines for %d rows in a pipe:\n%s", n, len(table.rows), pipe)
		}
		for _, row := range table.rows {
			for _, cell := range row {
				if !strings.Contains(pipe, strings.TrimRight(cell, " ")) {
					t.Fatalf("%q isn't in the pipe's form:\n%s", cell, pipe)
				}
			}
		}
	})
}

func TestLongLinesWrapWithAHangingIndent(t *testing.T) {
	t.Parallel()
	got := WrapLines("pilotsync status --app=app1 example.com\n  - one.example.com two.example.com\n  short\nverylongname.example.com.\n", 24)
	want := "pilotsync status --app=app1 example.com\n  - one.example.com\n    two.example.com\n  short\nverylongname.example.\n  com.\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestATextWrapsInsideItsColumnOrBelowThePrefix(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		width int
		want  string
	}{
		{0, "12:00  done  certificate valid until 2026-12-01, and more"},
		{45, "12:00  done  certificate valid until\n             2026-12-01, and more"},
		{40, "12:00  done\n    certificate valid until 2026-12-01,\n    and more"},
	} {
		if diff := cmp.Diff(test.want, WrapAfter("12:00  done  ", "certificate valid until 2026-12-01, and more", test.width)); diff != "" {
			t.Errorf("in %d columns (-want +got):\n%s", test.width, diff)
		}
	}
}

func TestTablesHoldNothingThatMovesACursor(t *testing.T) {
	t.Parallel()
	got := Table{Columns: []Column{{Title: "A"}, {Title: "B"}}}
	got.Add("", "x\x1b[2J\ty\nz")
	text, _ := got.Render(0, Palette{})
	if diff := cmp.Diff("A  B\n-  x [2J y z\n", text); diff != "" {
		t.Errorf("table (-want +got):\n%s", diff)
	}
}
