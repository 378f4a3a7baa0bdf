package wpconfig

import (
	"fmt"
	"strings"
)

// The constants that WordPress and the worker have to agree on. The first three
// are Ultimate Multisite's.
const (
	ClientID      = "WU_SERVER_PILOT_CLIENT_ID"
	APIKey        = "WU_SERVER_PILOT_API_KEY"
	AppID         = "WU_SERVER_PILOT_APP_ID"
	RedisURL      = "PILOTSYNC_REDIS_URL"
	WebhookSecret = "PILOTSYNC_WEBHOOK_SECRET"
)

// Names lists the constants that [Parse] looks for.
func Names() []string { return []string{ClientID, APIKey, AppID, RedisURL, WebhookSecret} }

// Disabled is the constant that switches WordPress's plugin off.
const Disabled = "PILOTSYNC_DISABLED"

// Constants lists all constants of a wp-config.php that the plugin reads. Where
// wp-config.php takes them from the environment, a worker may see them there, too.
func Constants() []string { return append(Names(), Disabled) }

// MaxSize is the size in bytes of the largest file that is worth parsing; real
// ones have a few thousand.
const MaxSize = 1 << 20

// Config is what a file says of the constants of [Names].
type Config struct {
	// Values holds those that are certain. One that the file doesn't define is
	// neither here nor in Refused.
	Values map[string]string
	// Refused says, of those that are defined but not certain, why. The errors name
	// the constant, the line and the rule, and show no value.
	Refused map[string]error
}

// Parse reads a file's source. It never fails: from a file that isn't PHP it
// takes nothing.
func Parse(source []byte) Config {
	c := Config{Values: map[string]string{}, Refused: map[string]error{}}
	found := definitions(tokens(string(source)))
	for _, name := range Names() {
		if len(found[name]) == 0 {
			continue
		}
		value, err := decide(name, found[name])
		if err != nil {
			c.Refused[name] = err
			continue
		}
		c.Values[name] = value
	}
	return c
}

// definition is one place where a constant is defined.
type definition struct {
	value   string
	refused string // why the value isn't certain; empty if it is
	line    int
	// perhaps: only PHP knows whether it gets here.
	perhaps bool
}

// decide picks the definition that PHP would keep: the first it comes to.
func decide(name string, all []definition) (string, error) {
	for i, d := range all {
		if d.refused != "" {
			return "", fmt.Errorf("%s (line %d) %s; it takes a plain string in quotes, such as define( '%s', '…' )", name, d.line, d.refused, name)
		}
		if d.value != all[0].value {
			return "", fmt.Errorf("%s is defined in lines %d and %d with different values, and a condition decides which of them holds; it takes one value",
				name, all[0].line, all[i].line)
		}
		if !d.perhaps {
			break // PHP keeps this one, whatever follows
		}
	}
	return all[0].value, nil
}

// definitions finds where the constants of Names are defined, in the file's order.
func definitions(ts []token) map[string][]definition {
	found := map[string][]definition{}
	wanted := map[string]bool{}
	for _, name := range Names() {
		wanted[name] = true
	}
	depth, branches := 0, false
	for _, t := range ts {
		// if: … endif; has no braces to count, so that nothing in such a file is certain to be reached.
		branches = branches || t.isWord("endif") || t.isWord("endwhile") || t.isWord("endfor") || t.isWord("endforeach") || t.isWord("endswitch")
	}
	for i, t := range ts {
		switch {
		case depth == 0 && beginsStatement(ts, i) && (t.isWord("exit") || t.isWord("die") || t.isWord("return")):
			return found // PHP gets no further
		case t.is("{"):
			depth++
		case t.is("}"):
			depth = max(depth-1, 0)
		case t.isWord("define") && called(ts, i):
			name := at(ts, i+2)
			if name.kind != text || !wanted[name.value] || !at(ts, i+3).is(",") {
				continue
			}
			d := value(ts, i+4, ",", ")")
			d.line = t.line
			d.perhaps = (depth > 0 || branches || !beginsStatement(ts, i)) && !guarded(ts, i, depth, name.value)
			found[name.value] = append(found[name.value], d)
		case t.isWord("const") && depth == 0 && beginsStatement(ts, i): // in a class it would be another
			for j := i + 1; at(ts, j).kind == word && at(ts, j+1).is("="); {
				name := ts[j].value
				d := value(ts, j+2, ",", ";")
				d.line = ts[j].line
				if wanted[name] {
					found[name] = append(found[name], d)
				}
				for j < len(ts) && !ts[j].is(",") && !ts[j].is(";") {
					j++
				}
				j++
				if j-1 < len(ts) && ts[j-1].is(";") {
					break
				}
			}
		}
	}
	return found
}

// called reports whether the word at i is a call of PHP's own function.
func called(ts []token, i int) bool {
	before := at(ts, i-1)
	return at(ts, i+1).is("(") && !before.is("->") && !before.is("?->") && !before.is("::") && !before.isWord("function") && !before.isWord("new") &&
		!(before.is(`\`) && at(ts, i-2).kind == word)
}

// beginsStatement reports whether a statement begins at i, so that it is reached if its block is.
func beginsStatement(ts []token, i int) bool {
	if at(ts, i-1).is(`\`) || at(ts, i-1).is("@") {
		i--
	}
	before := at(ts, i-1)
	return before.kind == none || before.is(";") || before.is("{") || before.is("}") || before.is("?>")
}

// guarded reports whether what stands at i in the given depth runs exactly if the
// constant isn't defined yet:
//
//	defined( 'NAME' ) || define(        if ( ! defined( 'NAME' ) ) define(
//	defined( 'NAME' ) or define(        if ( ! defined( 'NAME' ) ) { define(
func guarded(ts []token, i, depth int, name string) bool {
	if at(ts, i-1).is(`\`) {
		i--
	}
	isTest := func(i int) bool { // defined( 'NAME' ) begins at i
		return at(ts, i).isWord("defined") && at(ts, i+1).is("(") && at(ts, i+2).kind == text && at(ts, i+2).value == name && at(ts, i+3).is(")")
	}
	if or := at(ts, i-1); or.is("||") || or.isWord("or") {
		return depth == 0 && isTest(i-5) && beginsStatement(ts, i-5)
	}
	if at(ts, i-1).is("{") {
		i, depth = i-1, depth-1
	}
	first := i - 8 // if ( ! defined ( 'NAME' ) )
	return depth == 0 && at(ts, first).isWord("if") && at(ts, first+1).is("(") && at(ts, first+2).is("!") &&
		isTest(first+3) && at(ts, first+7).is(")") && beginsStatement(ts, first)
}

// value reads an expression that begins at i and must be followed by one of ends.
func value(ts []token, i int, ends ...string) definition {
	t, next := at(ts, i), at(ts, i+1)
	alone := false
	for _, end := range ends {
		alone = alone || next.is(end)
	}
	switch {
	case t.isWord("getenv") || t.kind == variable && (t.value == "_ENV" || t.value == "_SERVER"):
		return definition{refused: "is taken from the environment as PHP runs"}
	case t.kind == text && alone:
		return definition{value: t.value}
	case t.kind == text && next.is("."):
		return definition{refused: "is put together from several parts"}
	case t.kind == text:
		return definition{refused: "is an expression"}
	case t.kind == interpolated:
		return definition{refused: "holds a variable"}
	case t.kind == malformed:
		return definition{refused: "is a string that can't be read"}
	case t.kind == heredoc:
		return definition{refused: "is a heredoc"}
	case t.kind == number:
		return definition{refused: "is a number"}
	case t.kind == variable:
		return definition{refused: "is a variable"}
	case t.kind == word && next.is("("):
		return definition{refused: "is the result of a function"}
	case t.kind == word:
		return definition{refused: "is another constant, or a string without quotes"}
	}
	return definition{refused: "is an expression"}
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
