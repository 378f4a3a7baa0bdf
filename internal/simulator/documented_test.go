package simulator

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// The files in testdata/api have the requests and answers of ServerPilot's documentation, in
// their order, with a simulator for each file:
//
//	# why
//	> METHOD PATH BODY
//	< STATUS ANSWER
//
// Body and answer may go on in further lines. The answer of an error is its message. In the
// others "<time>" stands for unix seconds, "<text>" for a text, "<any>" for anything. Any other
// name in angle brackets is a text that is kept, and has its place wherever it is in braces.
func TestTheAPIIsAsDocumented(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/api/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no files", err)
	}
	certificate, key, err := MakeCA()
	if err != nil {
		t.Fatal(err)
	}
	called := map[Call]bool{}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			s := startSimulator(t, Options{})
			kept := map[string]string{"CERT": inJSON(t, string(certificate)), "KEY": inJSON(t, string(key))}
			for _, e := range readExchanges(t, file) {
				e.check(t, s, kept)
			}
			for call := range s.callsByKind("") {
				called[call] = true
			}
		})
	}
	for _, r := range routes() {
		if !called[r.call] {
			t.Errorf("no file has %s", r.pattern)
		}
	}
}

// documented is a request and its answer.
type documented struct {
	place, method, path, body string
	status                    int
	answer                    string
}

func readExchanges(t *testing.T, file string) (all []documented) {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var part *string // that the next line continues
	for i, line := range strings.Split(string(content), "\n") {
		sign, text, _ := strings.Cut(line, " ")
		switch {
		case line == "", sign == "#":
		case sign == ">":
			words := append(strings.SplitN(text, " ", 3), "")
			all = append(all, documented{place: fmt.Sprintf("line %d", i+1), method: words[0], path: words[1], body: words[2]})
			part = &all[len(all)-1].body
		case sign == "<":
			e := &all[len(all)-1]
			if _, err := fmt.Sscanf(text, "%d", &e.status); err != nil {
				t.Fatalf("line %d: %v", i+1, err)
			}
			_, e.answer, _ = strings.Cut(text, " ")
			part = &e.answer
		default:
			*part += line
		}
	}
	return all
}

func (e documented) check(t *testing.T, s *Simulator, kept map[string]string) {
	t.Helper()
	for name, value := range kept {
		for _, text := range []*string{&e.path, &e.body, &e.answer} {
			*text = strings.ReplaceAll(*text, "{"+name+"}", value)
		}
	}
	got := call(t, s, e.method, e.path, e.body)
	what := fmt.Sprintf("%s: %s %s %s", e.place, e.method, e.path, e.body)
	if got.err != nil || got.status != e.status {
		t.Errorf("%s\n got %d %s (%v)\nwant %d", what, got.status, got.raw, got.err, e.status)
		return
	}
	if e.status != 200 {
		if got.Error.Message != e.answer {
			t.Errorf("%s\n got %q\nwant %q", what, got.Error.Message, e.answer)
		}
		return
	}
	var want, have any
	if err := json.Unmarshal([]byte(e.answer), &want); err != nil {
		t.Fatalf("%s: %v", e.place, err)
	}
	if err := json.Unmarshal([]byte(got.raw), &have); err != nil {
		t.Fatal(err)
	}
	if where := mismatch(want, have, kept); where != "" {
		t.Errorf("%s\nanswer%s\n got %s\nwant %s", what, where, got.raw, e.answer)
	}
}

// mismatch returns where an answer differs from the documented one, or "". It keeps the texts
// that have a name.
func mismatch(want, have any, kept map[string]string) string {
	switch want := want.(type) {
	case string:
		name, isName := strings.CutPrefix(want, "<")
		name, closed := strings.CutSuffix(name, ">")
		if !isName || !closed {
			break
		}
		text, isText := have.(string)
		number, isNumber := have.(float64)
		switch {
		case name == "any", name == "time" && isNumber && number > 0, name == "text" && text != "":
			return ""
		case name != "time" && isText && text != "" && kept[name] == "":
			kept[name] = text
			return ""
		}
		return fmt.Sprintf(" is %v, want %s", have, want)
	case []any:
		list, ok := have.([]any)
		if !ok || len(list) != len(want) {
			return " is another list"
		}
		for i := range want {
			if where := mismatch(want[i], list[i], kept); where != "" {
				return fmt.Sprintf("[%d]%s", i, where)
			}
		}
		return ""
	case map[string]any:
		object, ok := have.(map[string]any)
		if !ok {
			return " is no object"
		}
		for name := range object {
			if _, documented := want[name]; !documented {
				return "." + name + " isn't documented"
			}
		}
		names := make([]string, 0, len(want))
		for name := range want {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			if _, has := object[name]; !has {
				return "." + name + " is missing"
			}
			if where := mismatch(want[name], object[name], kept); where != "" {
				return "." + name + where
			}
		}
		return ""
	}
	if !reflect.DeepEqual(want, have) {
		return fmt.Sprintf(" is %v, want %v", have, want)
	}
	return ""
}

// inJSON is a text as it is between the quotes of a JSON string.
func inJSON(t *testing.T, text string) string {
	t.Helper()
	quoted, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Trim(string(quoted), `"`)
}
