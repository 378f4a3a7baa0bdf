// Package keytext finds in a pasted key what an editor, a word processor or a web page
// adds unseen: byte-order marks, quotes and invisible characters. ServerPilot and Redis
// would only say that the key is wrong. No error of this package shows the key.
package keytext

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Form is what a key's text may be made of.
type Form int

const (
	// Word is one line of printable ASCII without spaces: a key, a client id.
	Word Form = iota
	// List is Words with white space between them, also over several lines.
	List
	// URL is one line without spaces. It may hold visible characters of any script.
	URL
)

const blanks = " \t\r\n\v\f"

// blankNames are those of the white space that a [List] may have.
var blankNames = map[rune]string{' ': "a space", '\t': "a tab", '\r': "a carriage return", '\n': "a line break"}

// Clean returns the text without the white space of ASCII around it; it may be empty. Its
// error is a phrase about the text: what was found, at which character (from 1), and
// what to do.
func Clean(raw string, form Form) (string, error) {
	if err := checkEncoding(raw); err != nil {
		return "", err
	}
	text := strings.Trim(raw, blanks)
	if err := checkQuotes(text); err != nil {
		return "", err
	}
	place := 1 + utf8.RuneCountInString(raw[:len(raw)-len(strings.TrimLeft(raw, blanks))])
	for _, r := range text {
		if problem, remedy := unexpected(r, form); problem != "" {
			return "", fmt.Errorf("holds %s at character %d; %s", problem, place, remedy)
		}
		place++
	}
	return text, nil
}

func checkEncoding(raw string) error {
	const remedy = "save it as UTF-8 without a byte-order mark"
	utf16 := len(raw) > 1 && (raw[0] == 0) != (raw[1] == 0)
	switch {
	case strings.HasPrefix(raw, "\uFEFF"):
		return fmt.Errorf("begins with a byte-order mark (the bytes EF BB BF); %s", remedy)
	case strings.HasPrefix(raw, "\xFF\xFE"), strings.HasPrefix(raw, "\xFE\xFF"):
		return fmt.Errorf("is in UTF-16, with a byte-order mark (the bytes % X); %s", raw[:2], remedy)
	case utf16:
		return fmt.Errorf("is in UTF-16; %s", remedy)
	case utf8.ValidString(raw):
		return nil
	}
	for i, r := range raw {
		if _, size := utf8.DecodeRuneInString(raw[i:]); r == utf8.RuneError && size == 1 {
			return fmt.Errorf("isn't in UTF-8: see byte %d; %s", i+1, remedy)
		}
	}
	return nil
}

// quotes are those that people and programs put around a value, with the closing ones.
var quotes = map[rune]string{'"': `"`, '\'': "'", '`': "`", '“': "”“", '”': "”", '‘': "’‘", '’': "’", '„': "“”", '‚': "‘’", '«': "»", '»': "«"}

func checkQuotes(text string) error {
	first, _ := utf8.DecodeRuneInString(text)
	last, size := utf8.DecodeLastRuneInString(text)
	partners, opens := quotes[first]
	_, closes := quotes[last]
	const remedy = "take it without quotes"
	switch {
	case opens && size < len(text) && strings.ContainsRune(partners, last):
		return fmt.Errorf("stands in quotes (%c and %c); %s", first, last, remedy)
	case opens:
		return fmt.Errorf("begins with a quote (%c); %s", first, remedy)
	case closes:
		return fmt.Errorf("ends with a quote (%c); %s", last, remedy)
	}
	return nil
}

// names are those of the characters that come into keys by pasting.
var names = map[rune]string{
	'\u00A0': "a no-break space", '\u202F': "a narrow no-break space", '\u3000': "an ideographic space", '\u00AD': "a soft hyphen",
	'\u200B': "a zero-width space", '\u200C': "a zero-width non-joiner", '\u200D': "a zero-width joiner", '\u2060': "a word joiner",
	'\uFEFF': "a byte-order mark", '\u200E': "a left-to-right mark", '\u200F': "a right-to-left mark", '\u2028': "a line separator",
}

// unexpected says what is wrong with a character in a text of a form, and what to do; nothing if
// it may be there.
func unexpected(r rune, form Form) (problem, remedy string) {
	const takeOut = "take it out"
	switch {
	case r > ' ' && r < 0x7F:
		return "", ""
	case blankNames[r] != "":
		if form == List {
			return "", ""
		}
		return blankNames[r], "it takes one word on one line"
	case r == 0:
		return "a NUL (U+0000)", takeOut
	case unicode.IsControl(r):
		return fmt.Sprintf("a control character (U+%04X)", r), takeOut
	}
	name := invisibleName(r)
	switch {
	case name != "":
	case form == URL:
		return "", ""
	case unicode.In(r, unicode.Pd, unicode.Pi, unicode.Pf):
		name = "a dash or quote of a word processor"
	default:
		return "a character outside of ASCII", "copy it again from its source"
	}
	return fmt.Sprintf("%s (U+%04X)", name, r), takeOut
}

// invisibleName names a character that can't be seen, empty for others.
func invisibleName(r rune) string {
	switch name := names[r]; {
	case name != "":
		return name
	case unicode.IsSpace(r):
		return "a space of another kind"
	case !unicode.IsPrint(r):
		return "an invisible character"
	}
	return ""
}
