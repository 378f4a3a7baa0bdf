package text

import "testing"

func TestPrintableLeavesNothingInvisible(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain, ü and 寿司":        "plain, ü and 寿司",
		"two\nlines\tand\x1b[2J": "two lines and [2J",
		"a\u00a0b\u200bc\u202ed": "a b c d",
		"not UTF-8: \xff":        "not UTF-8: \ufffd",
		"":                       "",
	} {
		if got := Printable(in); got != want {
			t.Errorf("Printable(%q) is %q, want %q", in, got, want)
		}
	}
}

func TestLimitCountsCharacters(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		in   string
		most int
		want string
	}{{"寿司", 2, "寿司"}, {"寿司屋", 2, "寿…"}, {"abc", 1, "…"}, {"", 1, ""}} {
		if got := Limit(test.in, test.most); got != test.want {
			t.Errorf("Limit(%q, %d) is %q, want %q", test.in, test.most, got, test.want)
		}
	}
}
