package wpconfig

import "strings"

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

// scanner takes PHP's source apart as far as it matters here: what is a string,
// a comment, or text outside of <?php.
type scanner struct {
	source string
	pos    int
	out    []token
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

// code reads up to the closing tag, or, within a string's braces, to the brace
// that ends them. It reports whether something follows.
func (s *scanner) code(braces bool) bool {
	depth := 0
	for s.pos < len(s.source) {
		from, rest := s.pos, s.rest()
		c := rest[0]
		switch {
		case isSpace(c):
			s.pos++
		case strings.HasPrefix(rest, "?>"):
			s.emit(punctuation, "?>", from)
			s.pos += 2
			return true
		case c == '#' && !strings.HasPrefix(rest, "#["), strings.HasPrefix(rest, "//"):
			s.lineComment()
		case strings.HasPrefix(rest, "/*"):
			i := strings.Index(rest[2:], "*/")
			if i < 0 {
				return false
			}
			s.pos += i + 4
		case c == '\'':
			s.singleQuoted()
		case c == '"' || c == '`':
			s.quoted(c)
		case strings.HasPrefix(rest, "<<<") && s.heredoc():
		case c == '$' && len(rest) > 1 && startsName(rest[1]):
			n := nameLength(rest[1:])
			s.emit(variable, rest[1:1+n], from)
			s.pos += 1 + n
		case startsName(c):
			n := nameLength(rest)
			if strings.EqualFold(rest[:n], "__halt_compiler") {
				return false
			}
			s.emit(word, rest[:n], from)
			s.pos += n
		case c >= '0' && c <= '9':
			n := nameLength(rest)
			s.emit(number, rest[:n], from)
			s.pos += n
		default:
			n := signLength(rest)
			s.emit(punctuation, rest[:n], from)
			s.pos += n
			switch {
			case c == '{':
				depth++
			case c == '}' && depth == 0 && braces:
				return true
			case c == '}':
				depth--
			}
		}
	}
	return false
}

// lineComment ends with its line, or before a closing tag in it.
func (s *scanner) lineComment() {
	for ; s.pos < len(s.source); s.pos++ {
		if c := s.source[s.pos]; c == '\n' || c == '\r' || strings.HasPrefix(s.rest(), "?>") {
			return
		}
	}
}

// heredoc skips one and reports whether it was one.
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
	// Of what stands in it only the end matters; that a variable's braces could
	// hold the label at the beginning of a line is left out of account.
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

// signLength is 2 or 3 for the signs that are told apart here, else 1.
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
