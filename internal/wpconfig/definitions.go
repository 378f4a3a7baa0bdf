package wpconfig

import "strings"

// typographic are quotes that a word processor puts in place of ' and ".
const typographic = "‘’‚“”„«»"

// block is what a pair of braces holds.
type block int

const (
	code         block = iota // statements that PHP may or may not reach
	class                     // its constants aren't global
	namespace                 // statements that are reached; a const in it isn't global
	globalSpace               // the same of namespace { … }, where a const is global
	functionBody              // statements that run when the function is called
)

// definitions finds where the constants of searched are defined, in the file's order.
func definitions(ts []token) map[string][]definition {
	w := walker{ts: ts, found: map[string][]definition{}, wanted: map[string]bool{}, read: map[int]bool{}, space: globalSpace, ownDefine: true}
	for _, name := range searched() {
		w.wanted[name] = true
	}
	for i, t := range ts {
		// if: … endif; has no braces to count, so nothing in such a file is certain to be reached.
		w.branches = w.branches || t.isAnyWord("endif", "endwhile", "endfor", "endforeach", "endswitch")
		w.ownDefine = w.ownDefine && !importsDefine(ts, i)
	}
	for i := range ts {
		if !w.step(i) {
			break
		}
	}
	return w.found
}

// walker goes through a file's tokens, and keeps what PHP's state would be.
type walker struct {
	ts     []token
	found  map[string][]definition
	wanted map[string]bool
	read   map[int]bool // tokens that are part of a form that is understood

	branches  bool // the file has branches without braces
	ownDefine bool // define is PHP's own function
	open      []block
	next      block // of the next pair of braces
	space     block // of the file outside of all braces
	settings  int   // line of the require of wp-settings.php; 0 before it
}

// step reads the token at i. It reports whether PHP gets any further.
func (w *walker) step(i int) bool {
	t, begins := w.ts[i], beginsStatement(w.ts, i)
	switch {
	case w.depth() == 0 && begins && t.isAnyWord("exit", "die", "return"):
		return false
	case w.changesBlock(i, begins):
	case loadsWordPress(w.ts, i) && w.inner() != functionBody && w.settings == 0:
		w.settings = t.line
	case t.isWord("define") && called(w.ts, i) && w.ownDefine:
		w.define(i, begins)
	case t.isWord("const") && w.depth() == 0 && begins: // one in a class isn't global
		w.constants(i + 1)
	default:
		w.mention(i)
	}
	return true
}

// changesBlock keeps track of blocks, and reports whether the token at i is about one.
func (w *walker) changesBlock(i int, begins bool) bool {
	switch t := w.ts[i]; {
	case t.is("{"):
		w.open, w.next = append(w.open, w.next), code
	case t.is("}"):
		w.open = w.open[:max(len(w.open)-1, 0)]
	case t.is(";"):
		w.next = code
	case t.isWord("namespace") && begins && at(w.ts, i+1).is("{"):
		w.next = globalSpace
	case t.isWord("namespace") && begins && !at(w.ts, i+1).is(`\`): // its braces, or the rest of the file
		w.next, w.space = namespace, namespace
	case t.isAnyWord("class", "interface", "trait", "enum") && !at(w.ts, i-1).is("::"):
		w.next = class
	case t.isWord("function") && !at(w.ts, i-1).isWord("use"):
		w.next = functionBody
	default:
		return false
	}
	return true
}

// inner is the block of the innermost braces, or of the file.
func (w *walker) inner() block {
	if len(w.open) == 0 {
		return w.space
	}
	return w.open[len(w.open)-1]
}

// depth counts the braces around a token that aren't a namespace's.
func (w *walker) depth() (n int) {
	for _, b := range w.open {
		if b != namespace && b != globalSpace {
			n++
		}
	}
	return n
}

func (w *walker) add(name string, d definition) {
	d.settings = w.settings
	w.found[name] = append(w.found[name], d)
}

// define reads a call of define at i.
func (w *walker) define(i int, begins bool) {
	name := at(w.ts, i+2)
	if name.kind != text || !w.wanted[name.value] || !at(w.ts, i+3).is(",") {
		return
	}
	w.read[i+2] = true
	d := valueOf(name.value, w.ts, i+4, ",", ")")
	d.line = w.ts[i].line
	d.conditional = (w.depth() > 0 || w.branches || !begins) && !guarded(w.ts, i, w.depth(), name.value)
	w.add(name.value, d)
}

// constants reads the names and values of a const statement from i on.
func (w *walker) constants(i int) {
	for at(w.ts, i).kind == word && at(w.ts, i+1).is("=") {
		name, line := w.ts[i].value, w.ts[i].line
		d := valueOf(name, w.ts, i+2, ",", ";")
		d.line = line
		if w.inner() == namespace {
			d = definition{refused: "is defined by const in a namespace, where WordPress doesn't see it", line: line}
		}
		if w.wanted[name] {
			w.add(name, d)
		}
		for i < len(w.ts) && !w.ts[i].is(",") && !w.ts[i].is(";") {
			i++
		}
		if at(w.ts, i).is(";") {
			return
		}
		i++
	}
}

// mention records a name at i in a form that isn't understood.
func (w *walker) mention(i int) {
	t := w.ts[i]
	unquoted := strings.Trim(t.value, typographic)
	switch {
	case t.kind == text && w.wanted[t.value] && !w.read[i] && !isLookup(w.ts, i):
		w.add(t.value, definition{unread: true, line: t.line})
	case t.kind == word && w.wanted[unquoted] && unquoted != t.value:
		w.add(unquoted, definition{refused: "stands in typographic quotes, which PHP takes for a part of the name", line: t.line})
	}
}
