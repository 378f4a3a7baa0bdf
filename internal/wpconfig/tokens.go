package wpconfig

import (
	"slices"
	"strings"
)

type kind int

const (
	none         kind = iota
	word              // a name: of a function, a constant, a keyword
	variable          // its name, without the $
	number            //
	text              // a plain string, unescaped
	interpolated      // a string with variables in it
	malformed         // a string that PHP would refuse
	heredoc           //
	punctuation       // one sign, or two or three that belong together
)

type token struct {
	kind  kind
	value string
	line  int
}

// scanner splits PHP's source into tokens: it tells strings, comments and text outside
// of <?php from code.
type scanner struct {
	source string
	pos    int
	out    []token
	// stopped: nothing that follows is code that runs.
	stopped bool
}

// tokens are those of a whole file, up to an error or __halt_compiler.
func tokens(source string) []token {
	s := &scanner{source: source}
	for s.html() && s.code(false) {
	}
	line, from := 1, 0
	for i, t := range s.out { // token.line is a position until here
		line += strings.Count(source[from:t.line], "\n")
		from = t.line
		s.out[i].line = line
	}
	return s.out
}

func (s *scanner) rest() string { return s.source[s.pos:] }

func (s *scanner) emit(k kind, value string, from int) {
	s.out = append(s.out, token{k, value, from})
}

// html skips to the code behind the next opening tag.
func (s *scanner) html() bool {
	for {
		i := strings.Index(s.rest(), "<?")
		if i < 0 {
			return false
		}
		s.pos += i + 2
		switch rest := s.rest(); {
		case strings.HasPrefix(rest, "="):
			s.pos++
			return true
		case len(rest) >= 3 && strings.EqualFold(rest[:3], "php") && (len(rest) == 3 || isSpace(rest[3])):
			s.pos += 3
			return true
		}
	}
}

// code reads up to the closing tag, or, within a string's braces, to the brace that
// ends them. It reports whether something follows.
func (s *scanner) code(inBraces bool) bool {
	depth := 0
	for s.pos < len(s.source) && !s.stopped {
		rest := s.rest()
		switch {
		case strings.HasPrefix(rest, "?>"):
			s.take(punctuation, "?>")
			return true
		case s.skipBlank(), s.scanString(), s.scanName():
			continue
		}
		sign := rest[:signLength(rest)]
		s.take(punctuation, sign)
		switch {
		case rest[0] == '{':
			depth++
		case rest[0] == '}' && depth == 0 && inBraces:
			return true
		case rest[0] == '}':
			depth--
		}
	}
	return false
}

// take emits the token that value is, which is next in the source.
func (s *scanner) take(k kind, value string) {
	s.emit(k, value, s.pos)
	s.pos += len(value)
}

// skipBlank skips white space or a comment, and reports whether there was one.
func (s *scanner) skipBlank() bool {
	switch rest := s.rest(); {
	case isSpace(rest[0]):
		s.pos++
	case rest[0] == '#' && !strings.HasPrefix(rest, "#["), strings.HasPrefix(rest, "//"):
		s.lineComment()
	case strings.HasPrefix(rest, "/*"):
		i := strings.Index(rest[2:], "*/")
		if s.stopped = i < 0; !s.stopped {
			s.pos += i + 4
		}
	default:
		return false
	}
	return true
}

// scanString reads a string in any form, and reports whether there was one.
func (s *scanner) scanString() bool {
	switch rest := s.rest(); {
	case rest[0] == '\'':
		s.singleQuoted()
	case rest[0] == '"' || rest[0] == '`':
		s.quoted(rest[0])
	default:
		return strings.HasPrefix(rest, "<<<") && s.heredoc()
	}
	return true
}

// scanName reads a variable, a word or a number, and reports whether there was one.
func (s *scanner) scanName() bool {
	rest := s.rest()
	name := rest[:nameLength(rest)]
	switch {
	case rest[0] == '$' && len(rest) > 1 && startsName(rest[1]):
		s.pos++
		name = rest[1 : 1+nameLength(rest[1:])]
		s.emit(variable, name, s.pos-1)
		s.pos += len(name)
	case name == "":
		return false
	case !startsName(name[0]):
		s.take(number, name)
	case strings.EqualFold(name, "__halt_compiler"):
		s.stopped = true
	default:
		s.take(word, name)
	}
	return true
}

// lineComment ends with its line, or before a closing tag in it.
func (s *scanner) lineComment() {
	for ; s.pos < len(s.source); s.pos++ {
		if c := s.source[s.pos]; c == '\n' || c == '\r' || strings.HasPrefix(s.rest(), "?>") {
			return
		}
	}
}

// heredoc skips a heredoc, and reports whether there was one.
func (s *scanner) heredoc() bool {
	from := s.pos
	rest := strings.TrimLeft(s.rest()[3:], " \t")
	quote := ""
	if rest != "" && (rest[0] == '\'' || rest[0] == '"') {
		quote, rest = rest[:1], rest[1:]
	}
	if rest == "" || !startsName(rest[0]) {
		return false
	}
	n := nameLength(rest)
	label := rest[:n]
	rest, ok := strings.CutPrefix(rest[n:], quote)
	if !ok || rest == "" || rest[0] != '\n' && rest[0] != '\r' {
		return false
	}
	// Only its end matters. A variable's braces could hold the label at the beginning of
	// a line; that isn't considered.
	for rest != "" {
		i := strings.IndexAny(rest, "\r\n")
		if i < 0 {
			break
		}
		rest = rest[i+1:]
		line := strings.TrimLeft(rest, " \t")
		if after, ends := strings.CutPrefix(line, label); ends && (after == "" || nameLength(after[:1]) == 0) {
			s.emit(heredoc, "", from)
			s.pos = len(s.source) - len(after)
			return true
		}
	}
	s.emit(malformed, "", from)
	s.pos = len(s.source)
	return true
}

// signLength is 2 or 3 for the signs that matter here, else 1.
func signLength(rest string) int {
	for _, sign := range []string{"?->", "->", "::", "||", "=="} {
		if strings.HasPrefix(rest, sign) {
			return len(sign)
		}
	}
	return 1
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func startsName(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}

// nameLength counts the bytes of a name, or of a number, at the beginning.
func nameLength(rest string) int {
	n := 0
	for n < len(rest) && (startsName(rest[n]) || rest[n] >= '0' && rest[n] <= '9') {
		n++
	}
	return n
}

// at returns the token at i, or one of kind none.
func at(ts []token, i int) token {
	if i < 0 || i >= len(ts) {
		return token{}
	}
	return ts[i]
}

func (t token) is(sign string) bool { return t.kind == punctuation && t.value == sign }

// isWord compares as PHP does with keywords and functions: in any letter case.
func (t token) isWord(w string) bool { return t.kind == word && strings.EqualFold(t.value, w) }

// isAnyWord is isWord with several words.
func (t token) isAnyWord(words ...string) bool { return slices.ContainsFunc(words, t.isWord) }
