package strictyaml

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type file struct {
	Name  string           `yaml:"name" takes:"a name"`
	List  []string         `yaml:"list" takes:"a list such as [a, b]"`
	Items []item           `yaml:"items" takes:"a list of items"`
	ByApp map[string]thing `yaml:"by_app" takes:"things by app"`
}

type item struct {
	ID   string   `yaml:"id" takes:"an id"`
	Apps []string `yaml:"apps" takes:"a list of app ids such as [appA, appB]"`
}

type thing struct {
	URL string `yaml:"url" takes:"a URL"`
}

func TestAFileThatFitsIsRead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, source string
		want         file
	}{
		{"all", "name: n\nlist: [a, 22, on]\nitems:\n  - {id: 1e3, apps: [x]}\n  -\nby_app: {22: {url: u}}\n",
			file{Name: "n", List: []string{"a", "22", "on"}, Items: []item{{ID: "1e3", Apps: []string{"x"}}}, ByApp: map[string]thing{"22": {URL: "u"}}}},
		{"nothing", "", file{}},
		{"comments only", "# a\n\n# b\n", file{}},
		{"keys without values", "name:\nlist:\n", file{}},
		{"a byte-order mark and carriage returns", "\uFEFFname: n\r\nlist:\r\n  - a\r\n", file{Name: "n", List: []string{"a"}}},
		{"an alias and a merge", "items:\n  - &a {id: i, apps: &l [x]}\n  - {<<: *a, id: j}\nlist: *l\n",
			file{List: []string{"x"}, Items: []item{{"i", []string{"x"}}, {"j", []string{"x"}}}}},
		{"a tab within a value", "name: 'a\tb'\n", file{Name: "a\tb"}},
	} {
		var got file
		if err := Decode([]byte(test.source), &got); err != nil {
			t.Errorf("%s: %v", test.name, err)
		} else if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

func TestWhatIsWrongIsSaidWithLineKeyAndWhatItTakes(t *testing.T) {
	t.Parallel()
	const hush = "hunter2"
	for _, test := range []struct{ source, want string }{
		{"\n\nlist: " + hush, "line 3: list: expected a list such as [a, b], got a text"},
		{"items:\n  - apps: " + hush, "line 2: apps: expected a list of app ids such as [appA, appB], got a text"},
		{"list: 7", "line 1: list: expected a list such as [a, b], got a number"},
		{"list: yes\nname: [" + hush + "]", "line 2: name: expected a name, got a list"},
		{"list: true", "line 1: list: expected a list such as [a, b], got true or false"},
		{"name: {" + hush + ": " + hush + "}", "line 1: name: expected a name, got keys and values"},
		{"items: {id: x}", "line 1: items: expected a list of items, got keys and values"},
		{"items:\n  - " + hush, "line 2: items: expected an entry with the keys id, apps, got a text"},
		{"list:\n  - a\n  - [" + hush + "]", "line 3: list: expected a list such as [a, b], got a list"},
		{"list: [a,\n null]", "line 2: list: an entry of the list is empty"},
		{"by_app:\n  appA: " + hush, "line 2: appA: expected an entry with the keys url, got a text"},
		{"- " + hush, "line 1: expected keys and values, got a list"},
		{hush, "line 1: expected keys and values, got a text"},
		{"name: a\nitem: []", `line 2: unknown key "item"; did you mean items? the keys here are name, list, items, by_app`},
		{"items:\n  - id: a\n    app: [x]", `line 3: unknown key "app"; did you mean apps? the keys here are id, apps`},
		{"7" + hush + ": x", "line 1: unknown key in this line; the keys here are name"},
		{"? [a]\n: b", "line 1: a key is expected here, one of name, list, items, by_app; got a list"},
		{"name: a\nlist: []\nname: b", `line 3: the key "name" is there already, in line 1; it takes each key once`},
		{"by_app:\n  x: {url: a}\n  x: {url: b}", `line 3: the key "x" is there already, in line 2`},
		{"items:\n  - <<: {idd: " + hush + "}", `line 2: unknown key "idd"; did you mean id?`},
		{"items:\n  - id: a\n\t  apps: [x]\n", "line 3 begins with a tab; YAML allows only spaces for indentation"},
		{"items:\n \t- id: a\n", "line 2 begins with a tab"},
		{"name: a\n---\nname: b\n", "a second document begins; the file takes one"},
		{"name: [\n", "line 1 isn't valid YAML: "},
		{"items:\n  - id: a\n    apps: [x\n  - id: b\n", "line 3 isn't valid YAML: did not find expected ',' or ']'"},
		{"items:\n  - id: a\n   apps: [x]\n", "line 3 isn't valid YAML: "},
		{"list: [\n  a,\n  b]\nitems:\n- id: a\n  apps\n- id: b\n", "line 6 isn't valid YAML: "},
		{"name: \"" + hush + "\nlist: []\n", "line 1 isn't valid YAML: "},
		{"name: *" + hush, "line 1 isn't valid YAML: "},
		{"list: x\nname: [x]", "line 1: list: expected a list such as [a, b], got a text; line 2: name: expected a name, got a list"},
	} {
		err := Decode([]byte(test.source), new(file))
		var all Error
		if !errors.As(err, &all) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: %v; want %s", test.source, err, test.want)
		} else if strings.Contains(err.Error(), hush) || strings.Contains(err.Error(), "strictyaml.") || strings.Contains(err.Error(), "!!") {
			t.Errorf("%q: a value or a type is shown: %v", test.source, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"name: n", "items: [{<<: &a [*a]}]", "&a [*a]", "? a", "a: &x {<<: *x}", "\t"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		_ = Decode(source, new(file)) // it must end, without a panic
	})
}
