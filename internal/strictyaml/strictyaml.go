// Package strictyaml reads a YAML file into structs, and describes mistakes for a
// person: line, key, and what the key takes. It shows no value of the file,
// which may be a secret in the wrong place, and no name of a Go type.
//
// Fields are named by the tag yaml. The tag takes says what a field takes, with an example.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Error lists all that is wrong with a file, in its order.
type Error []string

// Error puts all on one line.
func (e Error) Error() string { return strings.Join(e, "; ") }

// Decode reads source, which holds one YAML document, into a pointer to a struct of
// strings, slices, string-keyed maps and structs. An empty file sets nothing. Its error
// is an [Error].
func Decode(source []byte, into any) error {
	var document yaml.Node
	decoder := yaml.NewDecoder(bytes.NewReader(source))
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return syntaxError(source, err)
	}
	var second yaml.Node
	switch err := decoder.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		return syntaxError(source, err)
	default:
		return Error{fmt.Sprintf("line %d: a second document begins; the file takes one", second.Line)}
	}
	c := checker{}
	c.check(document.Content[0], reflect.TypeOf(into).Elem(), field{takes: "keys and values"})
	if c.found != nil {
		return c.found
	}
	decoder = yaml.NewDecoder(bytes.NewReader(source))
	decoder.KnownFields(true)
	if err := decoder.Decode(into); err != nil {
		return Error{withoutValues(err)}
	}
	return nil
}

var (
	tabbed = regexp.MustCompile(`^ *\t`)
	// Values are quoted like this in the errors of the YAML package; signs such as ',' stay.
	quoted = regexp.MustCompile("(?s) (?:`.*?`|'[^' ]{2,}')")
	inLine = regexp.MustCompile(`^yaml: (?:line [0-9]+: )?`)
)

// syntaxError is about a file that isn't YAML.
func syntaxError(source []byte, err error) Error {
	n := 0
	for line := range bytes.Lines(source) {
		n++
		if tabbed.Match(line) && len(bytes.TrimSpace(line)) > 0 {
			return Error{fmt.Sprintf("line %d begins with a tab; YAML allows only spaces for indentation", n)}
		}
	}
	return Error{fmt.Sprintf("line %d isn't valid YAML: %s", wrongLine(source), withoutValues(err))}
}

// wrongLine is the line after the most lines from the beginning that are YAML by
// themselves. The YAML package often names the line where the list or mapping began.
func wrongLine(source []byte) int {
	lines := bytes.SplitAfter(source, []byte("\n"))
	const most = 1000 // lines that are tried from the end; each try reads all lines before it
	for n := len(lines) - 1; n > max(0, len(lines)-most); n-- {
		if yaml.Unmarshal(bytes.Join(lines[:n], nil), new(yaml.Node)) == nil {
			return n + 1
		}
	}
	return 1
}

// withoutValues makes one line of an error of the YAML package.
func withoutValues(err error) string {
	text := quoted.ReplaceAllString(inLine.ReplaceAllString(err.Error(), ""), "")
	return strings.Join(strings.Fields(text), " ")
}
