package terminal

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// WrapText breaks a text into lines of at most width columns of a terminal, at spaces. A wider
// word, such as a long name, also breaks after "." and "-". The library's own Wrap breaks words
// that have room, and miscounts wide characters.
func WrapText(text string, width int) []string {
	if ansi.StringWidth(text) <= width {
		return []string{text}
	}
	var lines []string
	line := ""
	for rest := text; rest != ""; {
		trimmed := strings.TrimLeft(rest, " ")
		before := rest[:len(rest)-len(trimmed)]
		word, _, _ := strings.Cut(trimmed, " ")
		rest = trimmed[len(word):]
		for _, piece := range pieces(word, width) {
			if line != "" && ansi.StringWidth(line+before+piece) > width {
				lines, line = append(lines, line), ""
			}
			if line == "" {
				before = ""
			}
			line += before + piece
			before = ""
		}
	}
	return append(lines, line)
}

// pieces are the parts of a word between which a line may break.
func pieces(word string, width int) (all []string) {
	if ansi.StringWidth(word) <= width {
		return []string{word}
	}
	for word != "" {
		end := strings.IndexAny(word, ".-") + 1
		if end == 0 {
			end = len(word)
		}
		all = append(all, strings.Split(ansi.Hardwrap(word[:end], width, true), "\n")...)
		word = word[end:]
	}
	return all
}

// WrapLines breaks each line of a text that is wider than width; what follows is
// indented like the line's beginning and two columns more. A pilotsync command on a
// line of its own stays whole, so that it can be pasted. 0 is any width.
func WrapLines(text string, width int) string {
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
		parts := WrapText(rest, max(width-len(hang), 1))
		lines[i] = indent + strings.Join(parts, "\n"+hang)
	}
	return strings.Join(lines, "\n")
}

// WrapAfter breaks a text that stands after a prefix, inside its column; or below the
// prefix, where that leaves little room. 0 is any width.
func WrapAfter(prefix, text string, width int) string {
	const narrow = 30
	at := ansi.StringWidth(prefix)
	if width <= 0 || at+ansi.StringWidth(text) <= width {
		return prefix + text
	}
	if width-at < narrow {
		prefix, at = strings.TrimRight(prefix, " ")+"\n    ", 4
	}
	return prefix + strings.Join(WrapText(text, max(width-at, 1)), "\n"+strings.Repeat(" ", at))
}
