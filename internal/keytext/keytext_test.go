package keytext

import (
	"strings"
	"testing"
)

func TestWhatIsWrongIsNamedWithItsPlaceAndTheKeyIsNot(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		raw  string
		form Form
		want string
	}{
		{"\uFEFFsecret", Word, "begins with a byte-order mark (the bytes EF BB BF); save it as UTF-8 without a byte-order mark"},
		{"\xFF\xFEs\x00e\x00c\x00", Word, "is in UTF-16, with a byte-order mark (the bytes FF FE); save it as UTF-8 without"},
		{"\xFE\xFF\x00s\x00e\x00c", Word, "is in UTF-16, with a byte-order mark (the bytes FE FF)"},
		{"s\x00e\x00c\x00", Word, "is in UTF-16; save it"},
		{"\x00s\x00e", Word, "is in UTF-16; save it"},
		{"sec\xE4ret", Word, "isn't in UTF-8: see byte 4"},
		{"\"secret\"\n", Word, `stands in quotes (" and "); take it without quotes`},
		{"'secret'", URL, "stands in quotes (' and ')"},
		{"“secret”", Word, "stands in quotes (“ and ”)"},
		{"„secret“", Word, "stands in quotes"},
		{"secret”", Word, "ends with a quote (”)"},
		{"\"", Word, `begins with a quote (")`},
		{"sec\u00A0ret", Word, "holds a no-break space (U+00A0) at character 4; take it out"},
		{"secret\u00A0\n", Word, "holds a no-break space (U+00A0) at character 7"},
		{"\n sec\u200Bret", Word, "holds a zero-width space (U+200B) at character 6"},
		{"secret\uFEFF", URL, "holds a byte-order mark (U+FEFF) at character 7"},
		{"sec\u00ADret", List, "holds a soft hyphen (U+00AD) at character 4"},
		{"sec\rret", Word, "holds a carriage return at character 4; it takes one word on one line"},
		{"secret\nsecret2\n", Word, "holds a line break at character 7"},
		{"redis://h\nx", URL, "holds a line break at character 10"},
		{"sec ret", Word, "holds a space at character 4"},
		{"sec\tret", Word, "holds a tab at character 4"},
		{"sec\x1bret", List, "holds a control character (U+001B) at character 4"},
		{"sec\u0085ret", List, "holds a control character (U+0085) at character 4"},
		{"sec–ret", Word, "holds a dash or quote of a word processor (U+2013) at character 4"},
		{"sécret", Word, "holds a character outside of ASCII at character 2; copy it again"},
		{"sec\u2003ret", URL, "holds a space of another kind (U+2003) at character 4"},
		{"sec\u202Eret", URL, "holds an invisible character (U+202E) at character 4"},
	} {
		got, err := Clean(test.raw, test.form)
		if err == nil || got != "" || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("Clean(%q): %q, %v; want %s", test.raw, got, err, test.want)
		} else if strings.Contains(err.Error(), "sec") || strings.Contains(err.Error(), "cret") || strings.Contains(err.Error(), "é") {
			t.Errorf("the key is shown: %v", err)
		}
	}
}

func TestWhatMayBeThereStays(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		raw, want string
		form      Form
	}{
		{" secret+/=\r\n", "secret+/=", Word},
		{"", "", Word},
		{" \r\n", "", Word},
		{"a\"b'c", "a\"b'c", Word}, // only around it quotes are a mistake
		{"whsec_a whsec_b\r\nwhsec_c\n", "whsec_a whsec_b\r\nwhsec_c", List},
		{"app1, app2", "app1, app2", List},
		{"redis://:pässwörd@h/0\n", "redis://:pässwörd@h/0", URL},
	} {
		if got, err := Clean(test.raw, test.form); err != nil || got != test.want {
			t.Errorf("Clean(%q): %q, %v; want %q", test.raw, got, err, test.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("secret", 0)
	f.Add("\xFF\xFEs\x00", 1)
	f.Fuzz(func(t *testing.T, raw string, form int) {
		got, err := Clean(raw, Form(form))
		if err == nil && strings.Trim(got, blanks) != got {
			t.Errorf("Clean(%q) = %q", raw, got)
		}
	})
}
