// Package text makes text from outside fit to show.
package text

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Printable puts a space in the place of each control or other invisible character.
// The result has one line and can't change a terminal's state.
func Printable(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
}

// Limit returns at most so many characters of s: the last of a longer text becomes "…".
func Limit(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}
