package enqueue

import (
	"encoding/base64"
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"pilotsync/tasks"
)

// PHPUnit tests the table of cases; this test compares both sides on random names. A
// change would be lost if PHP accepted a name that a worker refuses.
func TestPHPAcceptsTheSameHostNamesAsGo(t *testing.T) {
	t.Parallel()
	php := requirePHP(t)
	random := rand.New(rand.NewPCG(1, 2))
	inputs := randomNames(random, 20000)
	got := php.parseNames(t, inputs)
	accepted, codes, otherCode := 0, map[string]int{}, 0
	for i, in := range inputs {
		want, err := tasks.ParseDomain(in)
		if want != got[i].Out && !(got[i].Error == "idna" && mixedPunycode.MatchString(in)) {
			t.Errorf("%q: Go says %q, %v; PHP says %+v", in, want, err, got[i])
		}
		if err == nil {
			accepted++
			continue
		}
		var refused *tasks.HostnameError
		if !errors.As(err, &refused) {
			t.Fatal(err)
		}
		codes[refused.Code]++
		if strings.Contains(refused.Rule, "which host names don't allow;") && refused.Rule != got[i].Rule {
			t.Errorf("%q: Go says %s; PHP says %s", in, refused.Rule, got[i].Rule)
		}
		if refused.Code == "space" && got[i].Error == "space" && refused.Rule != got[i].Rule {
			t.Errorf("%q: Go says %s; PHP says %s", in, refused.Rule, got[i].Rule)
		}
		if refused.Suggestion != got[i].Suggestion && !mixedPunycode.MatchString(in) {
			t.Errorf("%q: Go suggests %q, PHP %q", in, refused.Suggestion, got[i].Suggestion)
		}
		if refused.Code != got[i].Error {
			otherCode++
			t.Logf("%q: Go's code is %s, PHP's is %s", in, refused.Code, got[i].Error)
		}
	}
	// If a name breaks several rules, ICU may find another one first.
	if otherCode > len(inputs)/100 {
		t.Errorf("%d of %d names are refused with another code", otherCode, len(inputs))
	}
	t.Logf("accepted: %d; refused: %v; with another code: %d", accepted, codes, otherCode)
	if accepted < len(inputs)/10 || len(codes) < 15 {
		t.Errorf("the names are too similar for this test")
	}
}

// phpName is hostnames.php's result for a name.
type phpName struct{ Out, Error, Rule, Suggestion string }

// parseNames has PHP parse the names.
func (p phpBinary) parseNames(t *testing.T, names []string) []phpName {
	t.Helper()
	encoded := make([]string, len(names))
	for i, name := range names {
		encoded[i] = base64.StdEncoding.EncodeToString([]byte(name)) // not every name is UTF-8
	}
	var got []phpName
	p.run(t, encoded, &got, "hostnames.php")
	if len(got) != len(names) {
		t.Fatalf("%d results for %d names", len(got), len(names))
	}
	return got
}

// Go's and PHP's tables of characters may come from different versions of Unicode. So
// this test ignores characters that one side doesn't know.
func TestPHPAcceptsTheSameCharactersAsGo(t *testing.T) {
	t.Parallel()
	php := requirePHP(t)
	var inputs []string
	for _, plane := range [][2]rune{{0x21, 0xD7FF}, {0xE000, 0xFFFF}, {0x1F000, 0x1FAFF}, {0xE0000, 0xE01FF}} {
		for r := plane[0]; r <= plane[1]; r++ {
			inputs = append(inputs, "a"+string(r)+"a.example.com")
		}
	}
	got := php.parseNames(t, inputs)
	accepted, refused, unknown := 0, 0, 0
	for i, in := range inputs {
		out, err := tasks.ParseDomain(in)
		var hostErr *tasks.HostnameError
		invalid := errors.As(err, &hostErr) && strings.Contains(hostErr.Rule, "which host names don't allow;")
		switch {
		case invalid == strings.Contains(got[i].Rule, "which host names don't allow;") && out == got[i].Out && (!invalid || hostErr.Rule == got[i].Rule):
			if err == nil {
				accepted++
			} else {
				refused++
			}
		case out == "" && got[i].Error == "idna", strings.HasPrefix(got[i].Rule, "it has a character ("):
			unknown++
		default:
			t.Errorf("%q (%U): Go says %q, %v; PHP says %+v", in, []rune(in)[1], out, err, got[i])
		}
	}
	t.Logf("%d accepted, %d refused, %d unknown to one side", accepted, refused, unknown)
	if accepted < 20000 || refused < 5000 || unknown > 500 {
		t.Error("the tables differ too much, or are too small for this test")
	}
}

// mixedPunycode matches labels with the prefix of punycode that aren't in ASCII. ICU
// refuses them, as UTS #46 requires; Go's decoder accepts some. No such domain exists.
var mixedPunycode = regexp.MustCompile(`(?i)xn--[^.。．｡]*[^\x00-\x7f]`)

// randomNames returns names made of pieces to which some rule applies.
func randomNames(random *rand.Rand, n int) []string {
	pieces := []string{"a", "b", "shop", "Example", "x", "7", "123", "-", "--", "ab--", "xn--", "xn--mnchen-3ya", "www", "co", "uk", "com", "de",
		"github", "io", "ck", "kawasaki", "jp", "ü", "Ü", "é", "ß", "ẞ", "例え", "пример", "א", "שלום", "ش", "١", "💩", "❤", "ﬁ", "ｅ", "１", "İ", "ς",
		"\u00ad", "\u200b", "\u200c", "\u200d", "न्", "क", "\u0301", "_", "*", "*.", "/", ":", "@", "://", " ", "\t", "\u00a0", "\u3000", "\ufeff", "\x00",
		"!", ",", "\xff", "\xc2", "\ufffd", "。", "．", "｡", "[", "]", "::1", "192.168.1.1", "80", "%", "~", "'", "–", "“", "”", "•", "• ", "- ", "1. ", "·", "l·l", "・", "カ", "™", "✔", "❤\ufe0f", ";", "(", ">", strings.Repeat("a", 62), strings.Repeat("ü", 30)}
	plain := []string{"a", "shop", "Example", "x", "7", "12", "-", "--", "ü", "ß", "例え", "пример", "שלום", "ا", "💩", "www", "xn--mnchen-3ya", "co", "github"}
	ends := []string{".com", ".de", ".co.uk", ".github.io", ".ck", ".kawasaki.jp", ".公司.cn", ".unknowntld", ".רח.com", ".local", ".", "", ".com.", "。jp"}
	names := make([]string, n)
	for i := range names {
		from := plain
		if i%2 == 0 {
			from = pieces
		}
		var b strings.Builder
		for range 1 + random.IntN(4) {
			b.WriteString(from[random.IntN(len(from))])
			if random.IntN(3) == 0 {
				b.WriteByte('.')
			}
		}
		names[i] = b.String() + ends[random.IntN(len(ends))]
	}
	return names
}

func TestPHPKnowsTheSamePublicSuffixesAsGo(t *testing.T) {
	t.Parallel()
	php := requirePHP(t)
	var names []string
	for _, rule := range suffixRules(t) {
		name := strings.TrimPrefix(rule, "!")
		name = strings.Replace(name, "*", "any", 1)
		names = append(names, name, "shop."+name)
	}
	got := php.parseNames(t, names)
	refused := 0
	for i, in := range names {
		want, err := tasks.ParseDomain(in)
		if want != got[i].Out {
			t.Errorf("%q: Go says %q, %v; PHP says %+v", in, want, err, got[i])
		}
		if got[i].Error == "suffix" {
			refused++
		}
	}
	if refused < 5000 {
		t.Errorf("only %d names were found to be suffixes", refused)
	}
}
