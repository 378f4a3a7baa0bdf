package main

import (
	"slices"
	"strings"
	"unicode"

	"github.com/charmbracelet/x/ansi"
)

// plain makes a text safe for one cell of a terminal: reasons quote others' words.
func plain(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, text)
}

// wrapText breaks a text into lines of at most width columns of a terminal: at
// spaces; if a word is wider, such as a long name, also after "." and "-".
func wrapText(text string, width int) []string {
	if ansi.StringWidth(text) <= width {
		return []string{text}
	}
	// The library always breaks after "-", which dates and short names shouldn't be.
	const hyphen, unbreakable = "-", "\u2011"
	breaks := ""
	if slices.ContainsFunc(strings.Fields(text), func(word string) bool { return ansi.StringWidth(word) > width }) {
		breaks = "."
	} else {
		text = strings.ReplaceAll(text, hyphen, unbreakable)
	}
	lines := strings.Split(ansi.Wrap(text, width, breaks), "\n")
	for i, line := range lines {
		lines[i] = strings.TrimRight(strings.ReplaceAll(line, unbreakable, hyphen), " ")
	}
	return lines
}

// wrapLines breaks each line of a text that is wider than width; what follows is
// indented like the line's beginning and two columns more. A command of ours on a
// line of its own stays whole, so that it can be pasted. 0 is any width.
func wrapLines(text string, width int) string {
	if width <= 0 {
		return text
	}
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		rest := strings.TrimLeft(line, " ")
		if ansi.StringWidth(line) <= width || strings.HasPrefix(rest, "pilotsync ") {
			continue
		}
		indent := strings.Repeat(" ", min(len(line)-len(rest), width/2))
		hang := indent + "  "
		parts := wrapText(rest, max(width-len(hang), 1))
		lines[i] = indent + strings.Join(parts, "\n"+hang)
	}
	return strings.Join(lines, "\n")
}

// wrapAfter breaks a text that stands after a prefix, inside its column; or below the
// prefix, where that leaves little room. 0 is any width.
func wrapAfter(prefix, text string, width int) string {
	const narrow = 30
	at := ansi.StringWidth(prefix)
	if width <= 0 || at+ansi.StringWidth(text) <= width {
		return prefix + text
	}
	if width-at < narrow {
		prefix, at = strings.TrimRight(prefix, " ")+"\n    ", 4
	}
	return prefix + strings.Join(wrapText(text, max(width-at, 1)), "\n"+strings.Repeat(" ", at))
}
