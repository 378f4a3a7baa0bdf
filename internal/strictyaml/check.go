package strictyaml

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"

	"pilotsync/internal/nearest"
)

// field is a key of a struct, or the whole file, which has no key.
type field struct {
	key   string
	takes string
	typ   reflect.Type
}

// checker compares a document with a type.
type checker struct{ found Error }

func (c *checker) add(n *yaml.Node, f field, format string, args ...any) {
	where := fmt.Sprintf("line %d: ", n.Line)
	if f.key != "" {
		where += f.key + ": "
	}
	c.found = append(c.found, where+fmt.Sprintf(format, args...))
}

// check compares the value n of a field with a type, which may be that of the field's entries.
func (c *checker) check(n *yaml.Node, t reflect.Type, f field) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return // as if the key weren't there
	}
	switch kind := nodeKind(t); {
	case n.Kind != kind:
		c.add(n, f, "expected %s, got %s", f.takes, kindOf(n))
	case t.Kind() == reflect.Struct:
		c.mapping(n, fieldsOf(t))
	case t.Kind() == reflect.Map:
		c.entries(n, t.Elem(), f)
	case t.Kind() == reflect.Slice:
		c.list(n, t.Elem(), f)
	}
}

// nodeKind is the kind of YAML node for a type.
func nodeKind(t reflect.Type) yaml.Kind {
	switch t.Kind() {
	case reflect.Struct, reflect.Map:
		return yaml.MappingNode
	case reflect.Slice:
		return yaml.SequenceNode
	}
	return yaml.ScalarNode
}

// entries compares the values of a map with their type.
func (c *checker) entries(n *yaml.Node, t reflect.Type, f field) {
	c.eachOnce(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Tag != "!!merge" {
			c.check(n.Content[i+1], t, entryOf(field{key: n.Content[i].Value, takes: f.takes}, t))
		}
	}
}

// list compares the entries of a list with their type.
func (c *checker) list(n *yaml.Node, t reflect.Type, f field) {
	for _, entry := range n.Content {
		if t.Kind() == reflect.String && entry.Tag == "!!null" { // the YAML package would leave it out
			c.add(entry, f, "an entry of the list is empty")
			continue
		}
		c.check(entry, t, entryOf(f, t))
	}
}

// mapping compares keys and values with the fields of a struct.
func (c *checker) mapping(n *yaml.Node, fields []field) {
	c.eachOnce(n)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Tag == "!!merge" { // <<: *other
			c.merge(value, fields)
			continue
		}
		f, ok := named(fields, key.Value)
		if !ok {
			c.unknown(key, fields)
			continue
		}
		c.check(value, f.typ, f)
	}
}

// merge compares the mappings that another one merges with the same fields. Mappings that
// they merge themselves are left to the YAML package, which detects circles.
func (c *checker) merge(n *yaml.Node, fields []field) {
	from := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		from = n.Content
	}
	for _, m := range from {
		if m.Kind == yaml.AliasNode {
			m = m.Alias
		}
		for i := 0; m.Kind == yaml.MappingNode && i+1 < len(m.Content); i += 2 {
			if f, ok := named(fields, m.Content[i].Value); ok {
				c.check(m.Content[i+1], f.typ, f)
			} else if m.Content[i].Tag != "!!merge" {
				c.unknown(m.Content[i], fields)
			}
		}
	}
}

// eachOnce refuses a key that is given twice: one of the values would be ignored.
func (c *checker) eachOnce(n *yaml.Node) {
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if line, twice := first[key.Value]; twice {
			c.add(key, field{}, "the key %s is there already, in line %d; it takes each key once", shown(key), line)
			continue
		}
		first[key.Value] = key.Line
	}
}

func (c *checker) unknown(key *yaml.Node, fields []field) {
	var keys []string
	for _, f := range fields {
		keys = append(keys, f.key)
	}
	known := strings.Join(keys, ", ")
	if key.Kind != yaml.ScalarNode {
		c.add(key, field{}, "a key is expected here, one of %s; got %s", known, kindOf(key))
		return
	}
	meant := ""
	if word := nearest.Word(key.Value, keys); nearest.Distance(key.Value, word) <= 1+len(word)/3 {
		meant = " did you mean " + word + "?"
	}
	c.add(key, field{}, "unknown key %s;%s the keys here are %s", shown(key), meant, known)
}

// plainKey matches keys that may be shown: another could be a misplaced secret.
var plainKey = regexp.MustCompile(`^[A-Za-z][A-Za-z_.-]{0,31}$`)

func shown(key *yaml.Node) string {
	if plainKey.MatchString(key.Value) {
		return fmt.Sprintf("%q", key.Value)
	}
	return "in this line"
}

func named(fields []field, key string) (field, bool) {
	for _, f := range fields {
		if f.key == key {
			return f, true
		}
	}
	return field{}, false
}

// fieldsOf are the fields of a struct that have a key.
func fieldsOf(t reflect.Type) []field {
	var all []field
	for i := range t.NumField() {
		f := t.Field(i)
		if key := f.Tag.Get("yaml"); key != "" && key != "-" {
			all = append(all, field{key, f.Tag.Get("takes"), f.Type})
		}
	}
	return all
}

// entryOf is the field of an entry of a list or a map.
func entryOf(f field, t reflect.Type) field {
	if t.Kind() == reflect.Struct {
		var keys []string
		for _, k := range fieldsOf(t) {
			keys = append(keys, k.key)
		}
		f.takes = "an entry with the keys " + strings.Join(keys, ", ")
	}
	return f
}

// kindOf names the kind of a value, not the value.
func kindOf(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "keys and values"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.Tag {
	case "!!int", "!!float":
		return "a number"
	case "!!bool":
		return "true or false"
	case "!!null":
		return "nothing"
	}
	return "a text"
}
