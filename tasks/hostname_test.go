package tasks

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// The tables are JSON because the tests of the PHP library read them, too.

type hostnameCase struct {
	In    string `json:"in"`
	Out   string `json:"out"`
	Error string `json:"error"`
	// Suggestion is the error's suggestion, and Says a part of its rule.
	Suggestion string `json:"suggestion"`
	Says       string `json:"says"`
}

func table[T any](t testing.TB, file string) []T {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var cases []T
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	if len(cases) == 0 {
		t.Fatalf("%s has no cases", file)
	}
	return cases
}

func TestParseDomainFollowsTheTable(t *testing.T) {
	t.Parallel()
	for _, c := range table[hostnameCase](t, "testdata/hostnames.json") {
		t.Run(c.In, func(t *testing.T) {
			t.Parallel()
			got, err := ParseDomain(c.In)
			if c.Error == "" {
				if err != nil || got != c.Out {
					t.Fatalf("ParseDomain(%q) = %q, %v; want %q", c.In, got, err, c.Out)
				}
				if again, err := ParseDomain(got); err != nil || again != got {
					t.Errorf("ParseDomain(%q) = %q, %v; a canonical name must not change", got, again, err)
				}
				return
			}
			var refused *HostnameError
			if !errors.As(err, &refused) {
				t.Fatalf("ParseDomain(%q) = %q, %v; want a HostnameError", c.In, got, err)
			}
			if refused.Code != c.Error || refused.Input != c.In || got != "" {
				t.Errorf("ParseDomain(%q) = %q, %+v; want code %q", c.In, got, refused, c.Error)
			}
			if refused.Suggestion != c.Suggestion || !strings.Contains(refused.Rule, c.Says) {
				t.Errorf("ParseDomain(%q) suggests %q and says %q; want %q and %q", c.In, refused.Suggestion, refused.Rule, c.Suggestion, c.Says)
			}
			if c.Suggestion != "" {
				if _, err := ParseDomain(c.Suggestion); err != nil || !strings.HasSuffix(refused.Error(), " (did you mean "+c.Suggestion+"?)") {
					t.Errorf("the suggestion %q is refused, or not shown: %v, %v", c.Suggestion, err, refused)
				}
			}
			if _, remedy, _ := strings.Cut(refused.Rule, "; "); remedy == "" {
				t.Errorf("rule %q doesn't say what to do", refused.Rule)
			}
		})
	}
}

func TestHostnameErrorGivesCauseAndRemedy(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, in, want string }{
		{"the value is quoted", "http://example.com",
			`domain "http://example.com" is refused: it has a scheme; leave out everything up to :// (did you mean example.com?)`},
		{"a public suffix is explained", "Co.Uk",
			`domain "Co.Uk" is refused: co.uk is a public suffix, under which anyone can register; give a name below it, such as example.co.uk`},
		{"a long value is cut at a rune", strings.Repeat("ü", 300) + ".com",
			`domain "` + strings.Repeat("ü", 80) + `…" is refused: `},
		{"control characters are escaped", "\x1b[31m.com",
			`domain "\x1b[31m.com" is refused: `},
		{"invalid UTF-8 is escaped", "\xff.com",
			`domain "\xff.com" is refused: it has bytes that are no UTF-8; send it in UTF-8`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := ParseDomain(c.in)
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestNamesFollowTheTable(t *testing.T) {
	t.Parallel()
	type wwwCase struct {
		Domain string   `json:"domain"`
		WWW    WWW      `json:"www"`
		Names  []string `json:"names"`
	}
	for _, c := range table[wwwCase](t, "testdata/www.json") {
		t.Run(string(c.WWW)+" "+c.Domain, func(t *testing.T) {
			t.Parallel()
			if parsed, err := ParseDomain(c.Domain); err != nil || parsed != c.Domain {
				t.Errorf("the table's %q isn't canonical: %q, %v", c.Domain, parsed, err)
			}
			if _, err := ParseWWW(string(c.WWW)); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(c.Names, Names(c.Domain, c.WWW)); diff != "" {
				t.Errorf("Names(%q, %q) (-want +got):\n%s", c.Domain, c.WWW, diff)
			}
		})
	}
}

func TestAnUnknownWWWRuleGivesNoWWWForm(t *testing.T) {
	t.Parallel()
	for _, www := range []WWW{"", "sometimes"} {
		if diff := cmp.Diff([]string{"example.com"}, Names("example.com", www)); diff != "" {
			t.Errorf("www %q (-want +got):\n%s", www, diff)
		}
	}
}

func TestOnlyANameWithALeadingStarIsAWildcard(t *testing.T) {
	t.Parallel()
	for domain, want := range map[string]bool{"*.example.com": true, "example.com": false, "www.example.com": false} {
		if got := IsWildcard(domain); got != want {
			t.Errorf("IsWildcard(%q) = %v, want %v", domain, got, want)
		}
	}
}

// A space before a name makes it one that may need IDNA.
func TestPlainNamesNeedNoIDNA(t *testing.T) {
	t.Parallel()
	check := func(name string) {
		t.Helper()
		domain, err := ParseDomain(name)
		other, otherErr := ParseDomain(" " + name)
		var refused, otherRefused *HostnameError
		if domain != other || errors.As(err, &refused) != errors.As(otherErr, &otherRefused) {
			t.Fatalf("%q is %q, %v; with a space it is %q, %v", name, domain, err, other, otherErr)
		}
		if refused != nil && (refused.Code != otherRefused.Code || refused.Rule != otherRefused.Rule) {
			t.Fatalf("%q is refused by %v; with a space by %v", name, err, otherErr)
		}
	}
	for _, name := range []string{"co.uk", "1.2.3.4", "1.2.3.4.5", "a..com", "xn--a.com", "xn--bcher-kva.com", strings.Repeat("a", 64) + ".com", strings.Repeat("a.", 127) + "com"} {
		check(name)
	}
	rapid.Check(t, func(r *rapid.T) {
		check(rapid.StringMatching(`[a-z0-9.-]{0,12}(\.(com|co\.uk|7|x--y))?`).Draw(r, "name"))
	})
}

func FuzzParseDomain(f *testing.F) {
	for _, c := range table[hostnameCase](f, "testdata/hostnames.json") {
		f.Add(c.In)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		got, err := ParseDomain(raw)
		if err != nil {
			var refused *HostnameError
			if !errors.As(err, &refused) || refused.Code == "" || refused.Error() == "" {
				t.Fatalf("ParseDomain(%q): %#v isn't a complete HostnameError", raw, err)
			}
			return
		}
		if again, err := ParseDomain(got); err != nil || again != got {
			t.Fatalf("ParseDomain(%q) = %q, but that gives %q, %v", raw, got, again, err)
		}
		if len(got) > 253 {
			t.Fatalf("ParseDomain(%q) has %d bytes", raw, len(got))
		}
		labels := strings.Split(strings.TrimPrefix(got, "*."), ".")
		if len(labels) < 2 {
			t.Fatalf("ParseDomain(%q) = %q has one label", raw, got)
		}
		for _, label := range labels {
			if label == "" || len(label) > 63 || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" ||
				strings.HasPrefix(label, "-") || strings.HasSuffix(label, "-") {
				t.Fatalf("ParseDomain(%q) = %q has the label %q", raw, got, label)
			}
		}
	})
}

func TestCanonicalFallsBackToLowerCase(t *testing.T) {
	t.Parallel()
	for _, c := range table[hostnameCase](t, "testdata/hostnames.json") {
		want := c.Out
		if c.Error != "" {
			want = strings.ToLower(c.In)
		}
		if got := Canonical(c.In); got != want {
			t.Errorf("Canonical(%q) = %q, want %q", c.In, got, want)
		}
	}
	for in, want := range map[string]string{
		"Dot.Example.com.": "dot.example.com", "münchen.example": "xn--mnchen-3ya.example", "XN--Mnchen-3ya.example": "xn--mnchen-3ya.example",
		"*.A.com": "*.a.com", "under_Score.com": "under_score.com", "localhost": "localhost", "a.com": "a.com",
	} {
		if got := Canonical(in); got != want {
			t.Errorf("Canonical(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestTheSpaceInANameIsCalledWhatItIs(t *testing.T) {
	t.Parallel()
	for space, want := range map[string]string{" ": "a space", "\t": "a tab", "\u00A0": "a no-break space", "\r\n": "a line break", "\u2003": "a space of another kind", "\u200B": "a zero-width space (U+200B)"} {
		if _, err := ParseDomain("a" + space + "b.example.com"); err == nil || !strings.Contains(err.Error(), "it has "+want+" ") {
			t.Errorf("%q: %v, want %s", space, err, want)
		}
	}
}
