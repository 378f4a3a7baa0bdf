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

// suggest returns the name that a refused value probably meant, or "" if that is unclear.
// It never chooses between two names. From the middle of a name it removes only quotes and
// invisible characters. The PHP library's Hostname has the same rules.
func suggest(raw string) string {
	if !utf8.ValidString(raw) {
		return ""
	}
	word, ok := onlyWord(raw)
	if !ok {
		return ""
	}
	cleaned, ok := replaceInvalid(trimPunctuation(hostPart(trimPunctuation(word))))
	if !ok {
		return ""
	}
	cleaned = strings.Trim(dots.ReplaceAllString(cleaned, "."), ".")
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

// onlyWord returns the one word of a value that isn't the bullet or number of a list. It
// reports false if there are several.
func onlyWord(raw string) (word string, ok bool) {
	separates := func(r rune) bool { return unicode.IsSpace(r) || r == ',' || r == ';' }
	for _, w := range strings.FieldsFunc(raw, separates) {
		if numbering.MatchString(w) || !strings.ContainsFunc(w, func(r rune) bool { return unicode.In(r, unicode.L, unicode.Nd) }) {
			continue
		}
		if word != "" {
			return "", false
		}
		word = w
	}
	return word, true
}

// hostPart returns the host of what may be a URL.
func hostPart(word string) string {
	word = scheme.ReplaceAllString(word, "")
	if i := strings.IndexAny(word, `/\?#`); i >= 0 {
		word = word[:i]
	}
	word = word[strings.LastIndex(word, "@")+1:]
	return port.ReplaceAllString(word, "")
}

// replaceInvalid replaces or removes the invalid characters of a word. It reports false if
// it can't be known what one of them was meant to be.
func replaceInvalid(word string) (cleaned string, ok bool) {
	var b strings.Builder
	runes := []rune(separators.Replace(word))
	for i, r := range runes {
		switch {
		case isAllowedAt(runes, i):
			b.WriteRune(r)
		case isDash(r), r == '_', r == '＿':
			b.WriteByte('-')
		case r == '＊':
			b.WriteByte('*')
		case !isQuote(r) && !isInvisible(r):
			return "", false
		}
	}
	return b.String(), true
}

func isLetterOrDigit(r rune) bool {
	return unicode.In(r, unicode.L, unicode.Nd) || unicode.Is(emoji, r)
}

// trimPunctuation removes quotes, brackets and other signs from a word's ends. A leading
// asterisk or underscore stays, because it is part of a name, even of one that is refused.
func trimPunctuation(word string) string {
	word = strings.TrimRightFunc(word, func(r rune) bool {
		return !isLetterOrDigit(r) && !unicode.In(r, unicode.Mn, unicode.Mc) && r != '\uFE0F' && r != '\u20E3'
	})
	return strings.TrimLeftFunc(word, func(r rune) bool { return !isLetterOrDigit(r) && !strings.ContainsRune("*＊_/", r) })
}
