package tasks

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// Which characters a host name may be typed with: those that IDNA2008 allows
// (RFC 5892), letters and digits that IDNA maps to such, and emoji, since domains with
// emoji exist. UTS #46 alone lets dashes, bullets and other symbols through, which
// come into lists by mistake. A name in its xn-- form isn't judged by this.
// The PHP library's HostnameCharacters has the same rules.

// stray is a character that a host name doesn't take.
type stray struct {
	r     rune
	place int // from 1, in characters
}

// findStray returns the first stray character of a name, whose label separators are dots.
func findStray(name string) (s stray, found bool) {
	runes := []rune(name)
	for i, r := range runes {
		if !belongs(runes, i) {
			return stray{r, i + 1}, true
		}
	}
	return stray{}, false
}

// belongs reports whether a host name may have the character at i. An asterisk is
// the wildcard's business.
func belongs(runes []rune, i int) bool {
	at := func(i int) rune {
		if i < 0 || i >= len(runes) {
			return 0
		}
		return runes[i]
	}
	r, before, after := runes[i], at(i-1), at(i+1)
	isDigit := func(r rune) bool { return r >= '0' && r <= '9' }
	switch r {
	case '-', '.', '*', '－':
		return true
	case '\u200C', '\u200D': // CONTEXTJ: IDNA judges them
		return true
	case '·': // CONTEXTO, RFC 5892 appendix A.3 to A.7, from here
		return (before == 'l' || before == 'L') && (after == 'l' || after == 'L')
	case '\u0375':
		return isIn(after, greek)
	case '\u05F3', '\u05F4':
		return isIn(before, hebrew)
	case '\u30FB', '\uFF65':
		return slices.ContainsFunc(labelAround(runes, i), func(r rune) bool { return isIn(r, japanese) })
	case '\u06FD', '\u06FE', '\u0F0B', '\u3007': // RFC 5892, section 2.6: allowed by name
		return true
	case '\u2135', '\u2136', '\u2137', '\u2138': // ℵ and the like: IDNA makes them Hebrew letters, but forgets their direction
		return false
	case '\u0640', '\u07FA', '\u302E', '\u302F', '\u3031', '\u3032', '\u3033', '\u3034', '\u3035', '\u303B': // and not allowed
		return false
	case '\uFE0F': // shows the character before it as an emoji; IDNA drops it
		return unicode.Is(emoji, before) || isDigit(before)
	case '\u20E3': // makes a keycap of a digit
		return before == '\uFE0F' || isDigit(before)
	}
	if r < 0x80 {
		return isDigit(r) || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
	}
	return unicode.Is(emoji, r) || unicode.In(r, unicode.L, unicode.Mn, unicode.Mc, unicode.Nd) && !isIgnorable(r)
}

// Letters of some scripts, by ranges: what a regular expression of PHP takes for a
// script differs between versions.
var (
	greek    = []rune{0x0370, 0x03FF, 0x1F00, 0x1FFF}
	hebrew   = []rune{0x05D0, 0x05F2}
	japanese = []rune{0x3005, 0x3007, 0x3041, 0x3096, 0x30A1, 0x30FA, 0x31F0, 0x31FF, 0x3400, 0x4DBF, 0x4E00, 0x9FFF, 0xF900, 0xFAFF, 0xFF66, 0xFF9D, 0x20000, 0x3FFFF}
)

// isIn reports whether a character is in one of some ranges, each given by its ends.
func isIn(r rune, ranges []rune) bool {
	for i := 0; i < len(ranges); i += 2 {
		if r >= ranges[i] && r <= ranges[i+1] {
			return true
		}
	}
	return false
}

// labelAround returns the label that i is in.
func labelAround(runes []rune, i int) []rune {
	isDot := func(r rune) bool { return r == '.' }
	from, to := i, len(runes)
	for from > 0 && !isDot(runes[from-1]) {
		from--
	}
	if n := slices.IndexFunc(runes[i:], isDot); n >= 0 {
		to = i + n
	}
	return runes[from:to]
}

// isIgnorable reports whether a letter or mark shows as nothing.
func isIgnorable(r rune) bool {
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

func isInvisible(r rune) bool { return isIgnorable(r) || unicode.In(r, unicode.Cc, unicode.Cf) }

func isDash(r rune) bool { return r == '−' || unicode.Is(unicode.Pd, r) }

func isQuote(r rune) bool {
	return unicode.In(r, unicode.Pi, unicode.Pf) || strings.ContainsRune("\"'`´‚„′″‵‶＂＇", r)
}

// strayNames are those of the strays that people paste most.
var strayNames = map[rune]string{
	'‐': "a hyphen of another kind", '‑': "a non-breaking hyphen", '–': "an en dash", '—': "an em dash", '−': "a minus sign",
	'\u00AD': "a soft hyphen", '\u200B': "a zero-width space", '\u2060': "a word joiner", '\uFEFF': "a byte-order mark",
	'•': "a bullet", '‣': "a bullet", '◦': "a bullet", '⁃': "a bullet", '●': "a bullet", '■': "a bullet", '·': "a middle dot", '・': "a middle dot",
	',': "a comma", ';': "a semicolon", '…': "an ellipsis",
}

// rule says what the character is, where it stands, and what to do.
func (s stray) rule() string {
	what, remedy := strayNames[s.r], "take it out"
	switch {
	case isDash(s.r):
		remedy = "use a plain hyphen (-)"
		if what == "" {
			what = "a dash"
		}
	case what != "":
	case isQuote(s.r):
		what = "a quotation mark"
	case isInvisible(s.r):
		what = "an invisible character"
	case unicode.IsPrint(s.r):
		what = `the character "` + string(s.r) + `"`
	default:
		what = "a character"
	}
	return fmt.Sprintf("it has %s (U+%04X) in place %d, which host names don't allow; %s", what, s.r, s.place, remedy)
}
