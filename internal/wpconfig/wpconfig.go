package wpconfig

import (
	"fmt"
	"slices"
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

// Names lists the constants that WordPress and the worker have to agree on.
func Names() []string { return []string{ClientID, APIKey, AppID, RedisURL, WebhookSecret} }

// Constants that only WordPress's plugin reads: Disabled switches it off, MailTo says
// who gets e-mail about trouble, SharedRedis lets it use the database of WordPress's
// object cache.
const (
	Disabled    = "PILOTSYNC_DISABLED"
	MailTo      = "PILOTSYNC_MAIL_TO"
	SharedRedis = "PILOTSYNC_SHARED_REDIS"
)

// CacheConfig is the one constant, an array, by which Object Cache Pro is set up.
const CacheConfig = "WP_REDIS_CONFIG"

// CacheNames lists the constants that say where WordPress's object cache keeps its
// data, as the plugin redis-cache and others read them.
func CacheNames() []string {
	return []string{"WP_REDIS_SCHEME", "WP_REDIS_HOST", "WP_REDIS_PORT", "WP_REDIS_PATH", "WP_REDIS_DATABASE",
		"WP_REDIS_SERVERS", "WP_REDIS_SHARDS", "WP_REDIS_CLUSTER", "WP_REDIS_SENTINEL", "WP_REDIS_DISABLED", CacheConfig}
}

// takesLiteral reports whether a constant may also be a number, true or false.
func takesLiteral(name string) bool {
	return name == SharedRedis || slices.Contains(CacheNames(), name)
}

// sought lists all constants that [Parse] looks for.
func sought() []string { return append(append(Names(), SharedRedis), CacheNames()...) }

// Constants lists all constants of a wp-config.php that the plugin reads. Where
// wp-config.php takes them from the environment, a worker may see them there, too.
func Constants() []string { return append(Names(), Disabled, MailTo, SharedRedis) }

// MaxSize is the size in bytes of the largest file that is worth parsing; real
// ones have a few thousand.
const MaxSize = 1 << 20

// Config is what a file says of the constants of [Names] and [CacheNames], and of
// [SharedRedis]. Of the latter two a number is there as it is written, and true and
// false as these words. [CacheConfig] is there as a query string of the entries scheme, host,
// port and database, and of url, servers, shards, cluster and sentinels without their values.
type Config struct {
	// Values holds those that are certain. One that the file doesn't define is
	// neither here nor in Refused.
	Values map[string]string
	// Refused says, of those that are defined but not certain, why. The errors name
	// the constant, the line and the rule, and show no value.
	Refused map[string]error
	// Unknown are the lines of constants whose names begin like pilotsync's, and which
	// nothing reads, by name.
	Unknown map[string]int
}

// Parse reads a file's source. It never fails: from a file that isn't PHP it
// takes nothing.
func Parse(source []byte) Config {
	ts := tokens(string(source))
	c := Config{Values: map[string]string{}, Refused: map[string]error{}, Unknown: map[string]int{}}
	for i, t := range ts {
		if name := at(ts, i+2); t.isWord("define") && at(ts, i+1).is("(") && name.kind == text && strings.HasPrefix(name.value, "PILOTSYNC_") && !slices.Contains(Constants(), name.value) {
			c.Unknown[name.value] = name.line
		}
	}
	found := definitions(ts)
	for _, name := range sought() {
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

// LateError is about a constant that is defined only after WordPress was loaded.
type LateError struct {
	Name           string
	Line, Settings int // lines of the definition, and of the require of wp-settings.php
}

// Error names the constant and both lines.
func (e *LateError) Error() string {
	return fmt.Sprintf("%s (line %d) is defined too late: WordPress and its plugins are loaded by the require of wp-settings.php in line %d; it takes a place above that line",
		e.Name, e.Line, e.Settings)
}

// definition is one place where a constant is defined.
type definition struct {
	value   string
	refused string // why the value isn't certain; empty if it is
	literal bool   // it is a number, true or false, and refused where text is needed
	unread  bool   // the name occurs in a form that isn't understood
	line    int
	// perhaps: only PHP knows whether it gets here.
	perhaps bool
	// settings is the line of the require of wp-settings.php that comes before; 0 for none.
	settings int
}

// decide picks the definition that PHP would keep: the first it comes to.
func decide(name string, all []definition) (string, error) {
	if first := all[0]; first.settings > 0 {
		return "", &LateError{name, first.line, first.settings}
	}
	for i, d := range all {
		switch {
		case d.settings > 0:
			return all[0].value, nil // those above it were there in time
		case d.unread:
			return "", fmt.Errorf("%s (line %d) stands in a form that this check doesn't understand; see what WordPress has with 'wp config get %s', or write define( '%s', '…' )",
				name, d.line, name, name)
		case d.refused != "" && !(d.literal && takesLiteral(name)):
			return "", fmt.Errorf("%s (line %d) %s; it takes a plain string in quotes, such as define( '%s', '…' )", name, d.line, d.refused, name)
		case d.value != all[0].value:
			return "", fmt.Errorf("%s is defined in lines %d and %d with different values, and a condition decides which of them holds; it takes one value",
				name, all[0].line, all[i].line)
		}
		if !d.perhaps {
			break // PHP keeps this one, whatever follows
		}
	}
	return all[0].value, nil
}

// typographic are quotes that a word processor puts in place of ' and ".
const typographic = "‘’‚“”„«»"

// block is what a pair of braces holds.
type block int

const (
	code         block = iota // statements, of which only PHP knows whether it gets there
	class                     // constants in it are another matter
	namespace                 // statements that are reached; a const in it isn't global
	globalSpace               // the same of namespace { … }, where it is
	functionBody              // statements that run when it is called
)

// definitions finds where the constants of sought are defined, in the file's order.
func definitions(ts []token) map[string][]definition {
	found := map[string][]definition{}
	wanted := map[string]bool{}
	for _, name := range sought() {
		wanted[name] = true
	}
	branches, ownDefine := false, true
	for i, t := range ts {
		// if: … endif; has no braces to count, so that nothing in such a file is certain to be reached.
		branches = branches || t.isWord("endif") || t.isWord("endwhile") || t.isWord("endfor") || t.isWord("endforeach") || t.isWord("endswitch")
		ownDefine = ownDefine && !importsDefine(ts, i)
	}
	var open []block
	next, space, settings := code, globalSpace, 0
	add := func(name string, d definition) {
		d.settings = settings
		found[name] = append(found[name], d)
	}
	inner := func() block { // of the braces that we are in, or of the file
		if len(open) == 0 {
			return space
		}
		return open[len(open)-1]
	}
	depth := func() (n int) { // braces around us that aren't a namespace's
		for _, b := range open {
			if b != namespace && b != globalSpace {
				n++
			}
		}
		return n
	}
	read := map[int]bool{} // tokens that are part of a form that is understood
	for i, t := range ts {
		begins := beginsStatement(ts, i)
		switch {
		case depth() == 0 && begins && (t.isWord("exit") || t.isWord("die") || t.isWord("return")):
			return found // PHP gets no further
		case t.is("{"):
			open, next = append(open, next), code
		case t.is("}"):
			open = open[:max(len(open)-1, 0)]
		case t.is(";"):
			next = code
		case t.isWord("namespace") && begins && at(ts, i+1).is("{"):
			next = globalSpace
		case t.isWord("namespace") && begins && !at(ts, i+1).is(`\`): // its braces, or the rest of the file
			next, space = namespace, namespace
		case (t.isWord("class") || t.isWord("interface") || t.isWord("trait") || t.isWord("enum")) && !at(ts, i-1).is("::"):
			next = class
		case t.isWord("function") && !at(ts, i-1).isWord("use"):
			next = functionBody
		case loadsWordPress(ts, i) && inner() != functionBody && settings == 0:
			settings = t.line
		case t.isWord("define") && called(ts, i) && ownDefine:
			name := at(ts, i+2)
			if name.kind != text || !wanted[name.value] || !at(ts, i+3).is(",") {
				continue
			}
			read[i+2] = true
			d := valueOf(name.value, ts, i+4, ",", ")")
			d.line = t.line
			d.perhaps = (depth() > 0 || branches || !begins) && !guarded(ts, i, depth(), name.value)
			add(name.value, d)
		case t.isWord("const") && depth() == 0 && begins: // in a class it would be another
			for j := i + 1; at(ts, j).kind == word && at(ts, j+1).is("="); {
				name := ts[j].value
				d := valueOf(name, ts, j+2, ",", ";")
				d.line = ts[j].line
				if inner() == namespace {
					d = definition{refused: "is defined by const in a namespace, where WordPress doesn't see it", line: d.line}
				}
				if wanted[name] {
					add(name, d)
				}
				for j < len(ts) && !ts[j].is(",") && !ts[j].is(";") {
					j++
				}
				j++
				if j-1 < len(ts) && ts[j-1].is(";") {
					break
				}
			}
		case t.kind == text && wanted[t.value] && !read[i] && !isLookup(ts, i):
			add(t.value, definition{unread: true, line: t.line})
		case t.kind == word && wanted[strings.Trim(t.value, typographic)] && strings.Trim(t.value, typographic) != t.value:
			add(strings.Trim(t.value, typographic), definition{refused: "stands in typographic quotes, which PHP takes for a part of the name", line: t.line})
		}
	}
	return found
}

// loadsWordPress reports whether the statement at i loads wp-settings.php, and with it
// WordPress and its plugins.
func loadsWordPress(ts []token, i int) bool {
	if t := ts[i]; !t.isWord("require") && !t.isWord("require_once") && !t.isWord("include") && !t.isWord("include_once") {
		return false
	}
	for ; i < len(ts) && !ts[i].is(";") && !ts[i].is("?>"); i++ {
		if ts[i].kind == text && (ts[i].value == "wp-settings.php" || strings.HasSuffix(ts[i].value, "/wp-settings.php")) {
			return true
		}
	}
	return false
}

// importsDefine reports whether the statement at i makes define another function than
// PHP's: use function Some\define;
func importsDefine(ts []token, i int) bool {
	if !ts[i].isWord("use") || !at(ts, i+1).isWord("function") {
		return false
	}
	for ; i < len(ts) && !ts[i].is(";"); i++ {
		if ts[i].isWord("define") {
			return true
		}
	}
	return false
}

// isLookup reports whether the string at i names a constant, or a variable of the
// environment, that is only looked up there: defined( 'NAME' ), $_ENV['NAME'].
func isLookup(ts []token, i int) bool {
	before, function := at(ts, i-1), at(ts, i-2)
	if before.is("[") {
		return function.kind == variable && (function.value == "_ENV" || function.value == "_SERVER")
	}
	for _, name := range []string{"defined", "constant", "getenv", "env"} {
		if before.is("(") && function.isWord(name) && !at(ts, i-3).is("->") && !at(ts, i-3).is("::") {
			return true
		}
	}
	return false
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

// valueOf reads a constant's value, which begins at i and must be followed by one of ends.
func valueOf(name string, ts []token, i int, ends ...string) definition {
	if t := at(ts, i); name == CacheConfig && (t.is("[") || t.isWord("array")) {
		return array(ts, i, ends...)
	}
	return value(ts, i, ends...)
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
		return definition{value: t.value, literal: alone, refused: "is a number"}
	case t.kind == variable:
		return definition{refused: "is a variable"}
	case t.kind == word && next.is("("):
		return definition{refused: "is the result of a function"}
	case t.kind == word:
		return definition{value: strings.ToLower(t.value), literal: alone && (t.isWord("true") || t.isWord("false")), refused: "is another constant, or a string without quotes"}
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
