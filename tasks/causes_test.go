package tasks

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEveryCodeHasTextsAnActorAndDocumentation(t *testing.T) {
	t.Parallel()
	states, err := os.ReadFile("../docs/states.md")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{"value": true, "ipv6": true}
	for field := range reflect.TypeFor[Params]().Fields() {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		known[name] = true
	}
	for _, e := range Causes() {
		t.Run(string(e.Code), func(t *testing.T) {
			if e.Sentence == "" || strings.HasSuffix(e.Sentence, ".") {
				t.Errorf("the sentence is %q; it is a clause without a full stop", e.Sentence)
			}
			for _, text := range []string{e.Remedy, e.Detected} {
				if !strings.HasSuffix(text, ".") {
					t.Errorf("%q is no full sentence", text)
				}
			}
			for _, text := range []string{e.Sentence, e.Remedy} {
				for _, name := range placeholders(text) {
					if !known[name] {
						t.Errorf("%q has the parameter %s, which no cause has", text, name)
					}
				}
				if strings.Count(text, "[") != strings.Count(text, "]") || strings.Count(text, "{") != strings.Count(text, "}") {
					t.Errorf("%q has a bracket or brace without its other half", text)
				}
			}
			if e.Actor != ActorOwner && e.Actor != ActorOperator && e.Actor != ActorNone {
				t.Errorf("the actor is %q", e.Actor)
			}
			if !strings.Contains(string(states), "\n| `"+string(e.Code)+"` | ") {
				t.Error("docs/states.md lacks it: run 'make docs'")
			}
		})
	}
}

func TestEveryCodeIsInTheCatalogueOnce(t *testing.T) {
	t.Parallel()
	constants := constantsOf(t, "Code")
	codes := map[string]int{}
	for _, e := range Causes() {
		codes[string(e.Code)]++
		if found, ok := Lookup(e.Code); !ok || found != e {
			t.Errorf("looked up, %s is %+v", e.Code, found)
		}
	}
	if diff := cmp.Diff(constants, codes); diff != "" {
		t.Errorf("how often each code is a constant, and in the catalogue (-constants +catalogue):\n%s", diff)
	}
}

func TestEveryRuleHasAText(t *testing.T) {
	t.Parallel()
	rules := map[string]int{}
	for _, r := range Rules() {
		rules[string(r)]++
		if text := r.Text(); text == string(r) || strings.HasSuffix(text, ".") {
			t.Errorf("the text of %s is %q; it is a clause without a full stop", r, text)
		}
	}
	if diff := cmp.Diff(constantsOf(t, "Rule"), rules); diff != "" {
		t.Errorf("how often each rule is a constant, and listed (-constants +listed):\n%s", diff)
	}
}

// constantsOf counts the values of the constants of a type in causes.go.
func constantsOf(t *testing.T, kind string) map[string]int {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "causes.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, isValue := n.(*ast.ValueSpec)
		if !isValue || len(spec.Values) != 1 {
			return true
		}
		name, named := spec.Type.(*ast.Ident)
		literal, isLiteral := spec.Values[0].(*ast.BasicLit)
		if named && isLiteral && name.Name == kind {
			value, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			found[value]++
		}
		return true
	})
	if len(found) == 0 {
		t.Fatalf("causes.go has no constants of type %s", kind)
	}
	return found
}
