package terminal

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Block is a block of lines on the terminal that Err is, drawn again in its place. If
// Err isn't [Streams.Drawable], it does nothing.
type Block struct {
	Streams *Streams
	drawn   int // lines on the terminal
}

// Drawable reports whether Err is a terminal on which a block can be drawn again.
func (s *Streams) Drawable() bool { return s.ErrSize != nil && s.Lookup("TERM") != "dumb" }

// Draw replaces the block. A line that is too wide is broken once and then cut; lines
// that don't fit into the terminal's height are left out.
func (b *Block) Draw(lines []string) {
	if !b.Streams.Drawable() {
		return
	}
	columns, height := b.Streams.ErrSize()
	var shown []string
	for _, line := range lines {
		parts := strings.Split(WrapLines(line, columns-1), "\n") // the last column is for the cursor
		if len(parts) > 2 {
			parts = []string{parts[0], ansi.Truncate(parts[1]+" …", columns-1, "…")}
		}
		shown = append(shown, parts...)
	}
	shown = shown[:min(len(shown), max(height-1, 1))]
	b.Clear()
	fmt.Fprint(b.Streams.Err, strings.Join(shown, "\n")+"\n")
	b.drawn = len(shown)
}

// Clear removes the block, and with it the terminal's echo of Ctrl-C.
func (b *Block) Clear() {
	if b.drawn > 0 {
		fmt.Fprintf(b.Streams.Err, "\r\x1b[%dA\x1b[J", b.drawn)
		b.drawn = 0
	}
}
