package wpconfig

import "strings"

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
// environment, that is only read there: defined( 'NAME' ), $_ENV['NAME'].
func isLookup(ts []token, i int) bool {
	before, function := at(ts, i-1), at(ts, i-2)
	if before.is("[") {
		return function.isEnvironment()
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

// guarded reports whether the call at i in the given depth runs exactly if the constant
// isn't defined yet:
//
//	defined( 'NAME' ) || define(        if ( ! defined( 'NAME' ) ) define(
//	defined( 'NAME' ) or define(        if ( ! defined( 'NAME' ) ) { define(
func guarded(ts []token, i, depth int, name string) bool {
	if at(ts, i-1).is(`\`) {
		i--
	}
	if or := at(ts, i-1); or.is("||") || or.isWord("or") {
		return depth == 0 && isTest(ts, i-5, name) && beginsStatement(ts, i-5)
	}
	if at(ts, i-1).is("{") {
		i, depth = i-1, depth-1
	}
	first := i - 8 // if ( ! defined ( 'NAME' ) )
	return depth == 0 && at(ts, first).isWord("if") && areSigns(ts, first+1, "(", "!") &&
		isTest(ts, first+3, name) && at(ts, first+7).is(")") && beginsStatement(ts, first)
}

// isTest reports whether defined( 'NAME' ) begins at i.
func isTest(ts []token, i int, name string) bool {
	return at(ts, i).isWord("defined") && at(ts, i+1).is("(") && at(ts, i+2) == (token{text, name, at(ts, i+2).line}) && at(ts, i+3).is(")")
}

// areSigns reports whether the tokens from i are the given signs.
func areSigns(ts []token, i int, signs ...string) bool {
	for n, sign := range signs {
		if !at(ts, i+n).is(sign) {
			return false
		}
	}
	return true
}
