package tasks

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	scheme    = regexp.MustCompile(`^(?i:(?:[a-z][a-z0-9+.-]*:)?//|https?:)`)
	port      = regexp.MustCompile(`:[0-9]*$`)
	dots      = regexp.MustCompile(`\.\.+`)
	numbering = regexp.MustCompile(`^[0-9]{1,4}[.):]$`)
)

// suggest returns the name that was meant by a value that was refused, or nothing where
// that isn't clear. It never picks one of two names, and takes nothing out of the midst of
// one but quotes and what nobody sees.
// The PHP library's Hostname has the same rules.
func suggest(raw string) string {
	if !utf8.ValidString(raw) {
		return ""
	}
	var word string
	separates := func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' }
	for _, w := range strings.FieldsFunc(raw, separates) {
		if numbering.MatchString(w) || !strings.ContainsFunc(w, func(r rune) bool { return unicode.In(r, unicode.L, unicode.Nd) }) {
			continue // a list's bullet or number
		}
		if word != "" {
			return ""
		}
		word = w
	}
	word = bare(word)
	word = scheme.ReplaceAllString(word, "")
	if i := strings.IndexAny(word, `/\?#`); i >= 0 {
		word = word[:i]
	}
	word = word[strings.LastIndex(word, "@")+1:]
	word = port.ReplaceAllString(word, "")
	var b strings.Builder
	runes := []rune(spelling.Replace(bare(word)))
	for i, r := range runes {
		switch {
		case belongs(runes, i):
			b.WriteRune(r)
		case isDash(r), r == '_', r == '＿':
			b.WriteByte('-')
		case r == '＊':
			b.WriteByte('*')
		case !isQuote(r) && !isInvisible(r):
			return ""
		}
	}
	cleaned := strings.Trim(dots.ReplaceAllString(b.String(), "."), ".")
	for _, name := range []string{cleaned, strings.NewReplacer("\u200C", "", "\u200D", "").Replace(cleaned)} {
		if domain, err := parseDomain(name); err == nil {
			if strings.Contains(domain, "xn--") {
				return name
			}
			return domain
		}
	}
	return ""
}

func isLetterOrDigit(r rune) bool {
	return unicode.In(r, unicode.L, unicode.Nd) || unicode.Is(emoji, r)
}

// bare cuts quotes, brackets and other signs off a word's ends. An asterisk and an
// underscore at the beginning stay: they are part of a name, if not of ours.
func bare(word string) string {
	word = strings.TrimRightFunc(word, func(r rune) bool {
		return !isLetterOrDigit(r) && !unicode.In(r, unicode.Mn, unicode.Mc) && r != '\uFE0F' && r != '\u20E3'
	})
	return strings.TrimLeftFunc(word, func(r rune) bool { return !isLetterOrDigit(r) && !strings.ContainsRune("*＊_/", r) })
}
