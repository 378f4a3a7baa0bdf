package tasks

import (
	"encoding/json"
	"testing"
	"unicode"
	"unicode/utf8"
)

// maxRendered is how long a rendered text gets at most: a template, and in it a few
// parameters of three items each.
const maxRendered = 16 * MaxParamText

// What is stored as a cause renders to one printable line of bounded length, whatever it is.
// DNS records and certificates may hold any text, and records come from other releases.
func FuzzCause(f *testing.F) {
	full := Params{
		Name: "example.com", App: "app1", Names: []string{"a.example", "b.example", "c.example", "d.example"}, Found: []string{"203.0.113.9"},
		Expected: []string{"198.51.100.4"}, Target: "t.example", Provider: "Relay", Record: "example.com", Issuers: []string{"ca.example"},
		Rule: RuleHyphens, Address: "198.51.100.4", Issuer: "R11", Message: "a {name} [and] \x1b[31m\u202e more", By: "ada", Would: "be listed", Count: 1, Need: 2, Limit: 3,
	}
	for _, e := range Causes() {
		for _, params := range []Params{{}, full} {
			encoded, err := json.Marshal(Cause{Code: e.Code, Params: params})
			if err != nil {
				f.Fatal(err)
			}
			f.Add(encoded)
		}
	}
	f.Add([]byte("\xff\xfe \x1b[2J\r\n a\u202eb"))
	f.Add([]byte(`{"cause":"FromALaterRelease\n","params":{"name":"\u0000{name}","rule":"new\u202e","since":"0001-01-01T00:00:00Z","other":[1]}}`))
	f.Fuzz(func(t *testing.T, encoded []byte) {
		var c Cause
		_ = json.Unmarshal(encoded, &c) // what could be read
		// What a server says needn't be UTF-8 before it is stored.
		raw := Cause{Code: CauseAutoSSLRefused, Params: Params{Name: string(encoded), Message: string(encoded)}}
		for name, text := range map[string]string{"sentence": c.Sentence(), "remedy": c.Remedy(), "raw text's sentence": raw.Sentence()} {
			if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxRendered {
				t.Errorf("the %s has %d characters, valid UTF-8: %v", name, utf8.RuneCountInString(text), utf8.ValidString(text))
			}
			for _, r := range text {
				if !unicode.IsPrint(r) {
					t.Fatalf("the %s holds %U: %q", name, r, text)
				}
			}
		}
		if again, err := json.Marshal(c); err != nil {
			t.Errorf("it can't be stored again: %v", err)
		} else if json.Unmarshal(again, &c) != nil {
			t.Errorf("what was stored again can't be read: %s", again)
		}
	})
}
