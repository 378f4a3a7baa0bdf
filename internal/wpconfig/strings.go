package wpconfig

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// singleQuoted reads 'such a string', in which only \\ and \' are escapes.
func (s *scanner) singleQuoted() {
	from := s.pos
	var value strings.Builder
	for s.pos++; s.pos < len(s.source); s.pos++ {
		c := s.source[s.pos]
		switch {
		case c == '\'':
			s.pos++
			s.emit(text, value.String(), from)
			return
		case c == '\\' && s.pos+1 < len(s.source) && (s.source[s.pos+1] == '\\' || s.source[s.pos+1] == '\''):
			s.pos++
			c = s.source[s.pos]
		}
		value.WriteByte(c)
	}
	s.emit(malformed, "", from)
}

// quoted reads a string in double quotes, or a command in backticks, which is
// never a plain string.
func (s *scanner) quoted(quote byte) {
	from, k := s.pos, text
	if quote == '`' {
		k = interpolated
	}
	var value strings.Builder
	for s.pos++; s.pos < len(s.source); {
		rest := s.rest()
		switch c := rest[0]; {
		case c == quote:
			s.pos++
			if k != text {
				value.Reset()
			}
			s.emit(k, value.String(), from)
			return
		case c == '\\' && len(rest) > 1:
			unescaped, n, ok := unescape(rest, quote)
			if !ok {
				k = malformed
			}
			value.WriteString(unescaped)
			s.pos += n
		case strings.HasPrefix(rest, "{$"), strings.HasPrefix(rest, "${"):
			k = interpolated
			s.skipBraces(rest[0] == '$')
		case c == '$' && len(rest) > 1 && startsName(rest[1]):
			k = interpolated
			s.pos++
		default:
			value.WriteByte(c)
			s.pos++
		}
	}
	s.emit(malformed, "", from)
}

// skipBraces skips code within a string, which may hold strings itself. Its tokens are
// dropped.
func (s *scanner) skipBraces(dollarFirst bool) {
	s.pos++
	if dollarFirst {
		s.pos++
	}
	inner := &scanner{source: s.source, pos: s.pos}
	inner.code(true)
	s.pos = inner.pos
}

// unescape reads the escape that rest begins with, of n bytes. A backslash
// before anything else stands for itself.
func unescape(rest string, quote byte) (value string, n int, ok bool) {
	c := rest[1]
	if i := strings.IndexByte("ntrvef\\$", c); i >= 0 {
		return "\n\t\r\v\x1b\f\\$"[i : i+1], 2, true
	}
	switch {
	case c == quote:
		return string(c), 2, true
	case c >= '0' && c <= '7':
		n = 1 + digits(rest[1:], 3, "01234567")
		v, _ := strconv.ParseUint(rest[1:n], 8, 16)
		return string([]byte{byte(v)}), n, true // PHP cuts what is above 255, too
	case c == 'x':
		if n = digits(rest[2:], 2, "0123456789abcdefABCDEF"); n > 0 {
			v, _ := strconv.ParseUint(rest[2:2+n], 16, 8)
			return string([]byte{byte(v)}), 2 + n, true
		}
	case strings.HasPrefix(rest[1:], "u{"):
		hex, _, closed := strings.Cut(rest[3:], "}")
		v, err := strconv.ParseUint(hex, 16, 32)
		if !closed || err != nil || v > utf8.MaxRune || strings.ContainsAny(hex, "_+") {
			return "", 3, false
		}
		if v >= 0xD800 && v <= 0xDFFF { // PHP encodes these as if they were characters
			return string([]byte{0xE0 | byte(v>>12), 0x80 | byte(v>>6)&0x3F, 0x80 | byte(v)&0x3F}), len("\\u{}") + len(hex), true
		}
		return string(rune(v)), len("\\u{}") + len(hex), true
	}
	return `\`, 1, true
}

// digits counts those at the beginning, up to most.
func digits(s string, most int, of string) int {
	n := 0
	for n < len(s) && n < most && strings.IndexByte(of, s[n]) >= 0 {
		n++
	}
	return n
}
