package main

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// live is a block of lines on the terminal that Err is, drawn anew in its place.
// Where Err can't be drawn on, it does nothing.
type live struct {
	s     *streams
	drawn int // lines on the terminal
}

// drawable reports whether Err is a terminal on which a block can be drawn anew.
func (s *streams) drawable() bool { return s.ErrSize != nil && s.lookup("TERM") != "dumb" }

// draw replaces the block. A line that is too wide is broken once and then cut; what
// has no room above the terminal's end is left out.
func (l *live) draw(lines []string) {
	if !l.s.drawable() {
		return
	}
	columns, height := l.s.ErrSize()
	var shown []string
	for _, line := range lines {
		parts := strings.Split(wrapLines(line, columns-1), "\n") // the last column is for the cursor
		if len(parts) > 2 {
			parts = []string{parts[0], ansi.Truncate(parts[1]+" …", columns-1, "…")}
		}
		shown = append(shown, parts...)
	}
	shown = shown[:min(len(shown), max(height-1, 1))]
	l.clear()
	fmt.Fprint(l.s.Err, strings.Join(shown, "\n")+"\n")
	l.drawn = len(shown)
}

// clear takes the block away, and with it the terminal's echo of Ctrl-C.
func (l *live) clear() {
	if l.drawn > 0 {
		fmt.Fprintf(l.s.Err, "\r\x1b[%dA\x1b[J", l.drawn)
		l.drawn = 0
	}
}
