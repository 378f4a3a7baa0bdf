package tasks

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The characters of a host name as people type it. IDNA2008 allows some (RFC 5892), and IDNA
// maps other letters and digits to these. Emoji are among them, since domains with emoji exist.
// UTS #46 alone also allows dashes, bullets and other symbols, which usually enter a list by
// mistake. A name in its xn-- form isn't checked by these rules. The PHP library's
// HostnameCharacters has the same rules.

// invalidChar is a character that a host name must not contain.
type invalidChar struct {
	r        rune
	position int // from 1, in characters
}

// findInvalidChar returns the first invalid character of a name whose label separators
// are dots.
func findInvalidChar(name string) (c invalidChar, found bool) {
	runes := []rune(name)
	for i, r := range runes {
		if !isAllowedAt(runes, i) {
			return invalidChar{r, i + 1}, true
		}
	}
	return invalidChar{}, false
}

// The characters to which the general rule doesn't apply, wherever they are.
const (
	// The full-width hyphen, the joiners (CONTEXTJ, which IDNA itself checks), and those
	// that RFC 5892 allows by name in section 2.6.
	alwaysAllowed = "－\u200C\u200D\u06FD\u06FE\u0F0B\u3007"
	// ℵ and its like, which IDNA maps to Hebrew letters without their direction; then
	// those that RFC 5892 forbids by name in section 2.6.
	neverAllowed = "\u2135\u2136\u2137\u2138" + "\u0640\u07FA\u302E\u302F\u3031\u3032\u3033\u3034\u3035\u303B"
)

// isAllowedAt reports whether a host name may have the character at i. It allows
// asterisks; parseDomain checks where a wildcard may be.
func isAllowedAt(runes []rune, i int) bool {
	r := runes[i]
	switch {
	case r < 0x80:
		return isASCIIDigit(r) || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' || r == '.' || r == '*'
	case strings.ContainsRune(alwaysAllowed, r):
		return true
	case strings.ContainsRune(neverAllowed, r):
		return false
	}
	if allowed, applies := allowedByNeighbours(runes, i); applies {
		return allowed
	}
	return unicode.Is(emoji, r) || unicode.In(r, unicode.L, unicode.Mn, unicode.Mc, unicode.Nd) && !isIgnorable(r)
}

// allowedByNeighbours judges the characters that depend on those around them: CONTEXTO
// (RFC 5892, appendix A.3 to A.7) and the parts of an emoji.
func allowedByNeighbours(runes []rune, i int) (allowed, applies bool) {
	at := func(i int) rune {
		if i < 0 || i >= len(runes) {
			return 0
		}
		return runes[i]
	}
	before, after := at(i-1), at(i+1)
	switch runes[i] {
	case '·':
		return unicode.ToLower(before) == 'l' && unicode.ToLower(after) == 'l', true
	case '\u0375':
		return inRanges(after, greek), true
	case '\u05F3', '\u05F4':
		return inRanges(before, hebrew), true
	case '\u30FB', '\uFF65':
		return slices.ContainsFunc(labelAround(runes, i), func(r rune) bool { return inRanges(r, japanese) }), true
	case '\uFE0F': // shows the character before it as an emoji; IDNA drops it
		return unicode.Is(emoji, before) || isASCIIDigit(before), true
	case '\u20E3': // makes a keycap of a digit
		return before == '\uFE0F' || isASCIIDigit(before), true
	}
	return false, false
}

func isASCIIDigit(r rune) bool { return r >= '0' && r <= '9' }

// Letters of some scripts, by ranges, because PHP's versions disagree on which
// characters a script has in a regular expression.
var (
	greek    = []rune{0x0370, 0x03FF, 0x1F00, 0x1FFF}
	hebrew   = []rune{0x05D0, 0x05F2}
	japanese = []rune{0x3005, 0x3007, 0x3041, 0x3096, 0x30A1, 0x30FA, 0x31F0, 0x31FF, 0x3400, 0x4DBF, 0x4E00, 0x9FFF, 0xF900, 0xFAFF, 0xFF66, 0xFF9D, 0x20000, 0x3FFFF}
)

// inRanges reports whether a character is in one of the ranges, each given by its first
// and last character.
func inRanges(r rune, ranges []rune) bool {
	for i := 0; i < len(ranges); i += 2 {
		if r >= ranges[i] && r <= ranges[i+1] {
			return true
		}
	}
	return false
}

// labelAround returns the label that contains position i.
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

// isIgnorable reports whether a letter or mark is displayed as nothing.
func isIgnorable(r rune) bool {
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

func isInvisible(r rune) bool { return isIgnorable(r) || unicode.In(r, unicode.Cc, unicode.Cf) }

func isDash(r rune) bool { return r == '−' || unicode.Is(unicode.Pd, r) }

func isQuote(r rune) bool {
	return unicode.In(r, unicode.Pi, unicode.Pf) || strings.ContainsRune("\"'`´‚„′″‵‶＂＇", r)
}

// charNames names the invalid characters that people paste most.
var charNames = map[rune]string{
	'‐': "a hyphen of another kind", '‑': "a non-breaking hyphen", '–': "an en dash", '—': "an em dash", '−': "a minus sign",
	'\u00AD': "a soft hyphen", '\u200B': "a zero-width space", '\u2060': "a word joiner", '\uFEFF': "a byte-order mark",
	'•': "a bullet", '‣': "a bullet", '◦': "a bullet", '⁃': "a bullet", '●': "a bullet", '■': "a bullet", '·': "a middle dot", '・': "a middle dot",
	',': "a comma", ';': "a semicolon", '…': "an ellipsis",
}

// spaceName names the space with which a text begins.
func spaceName(text string) string {
	r, _ := utf8.DecodeRuneInString(text)
	switch r {
	case ' ':
		return "a space"
	case '\t':
		return "a tab"
	case '\u00A0':
		return "a no-break space"
	case '\n', '\r':
		return "a line break"
	}
	return "a space of another kind"
}

// rule describes the character, its position and the remedy.
func (c invalidChar) rule() string {
	description, remedy := charNames[c.r], "remove it"
	switch {
	case isDash(c.r):
		remedy = "use a plain hyphen (-)"
		if description == "" {
			description = "a dash"
		}
	case description != "":
	case isQuote(c.r):
		description = "a quotation mark"
	case isInvisible(c.r):
		description = "an invisible character"
	case unicode.IsPrint(c.r):
		description = `the character "` + string(c.r) + `"`
	default:
		description = "a character"
	}
	return fmt.Sprintf("it has %s (U+%04X) at position %d, which host names don't allow; %s", description, c.r, c.position, remedy)
}
