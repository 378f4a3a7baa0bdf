package wpconfig

import (
	"slices"
	"strings"
)

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
	alone := slices.ContainsFunc(ends, next.is)
	switch {
	case t.isWord("getenv"), t.isEnvironment():
		return definition{refused: "is taken from the environment as PHP runs"}
	case t.kind == text && alone:
		return definition{value: t.value}
	case t.kind == number:
		return definition{value: t.value, literal: alone, refused: "is a number"}
	case t.kind == word && !next.is("("):
		return definition{value: strings.ToLower(t.value), literal: alone && t.isAnyWord("true", "false"), refused: "is another constant, or a string without quotes"}
	}
	return definition{refused: refusal(t, next)}
}

// refusal says why a value that begins with t, before next, isn't certain.
func refusal(t, next token) string {
	switch t.kind {
	case text:
		if next.is(".") {
			return "is put together from several parts"
		}
	case interpolated:
		return "holds a variable"
	case malformed:
		return "is a string that can't be read"
	case heredoc:
		return "is a heredoc"
	case variable:
		return "is a variable"
	case word:
		return "is the result of a function"
	}
	return "is an expression"
}

// isEnvironment reports whether a token is $_ENV or $_SERVER.
func (t token) isEnvironment() bool {
	return t.kind == variable && (t.value == "_ENV" || t.value == "_SERVER")
}
