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

// The table of cases is PHPUnit's business; here both sides see names that
// nobody thought of. What PHP lets through and a worker refuses would be lost.
func TestPHPTakesTheSameHostNamesAsGo(t *testing.T) {
	t.Parallel()
	php := lookPHP(t)
	random := rand.New(rand.NewPCG(1, 2))
	inputs := randomNames(random, 20000)

	encoded := make([]string, len(inputs))
	for i, in := range inputs {
		encoded[i] = base64.StdEncoding.EncodeToString([]byte(in))
	}
	var got []phpName
	php.run(t, encoded, &got, "hostnames.php")
	if len(got) != len(inputs) {
		t.Fatalf("%d results for %d names", len(got), len(inputs))
	}
	taken, codes, otherCode := 0, map[string]int{}, 0
	for i, in := range inputs {
		want, err := tasks.ParseDomain(in)
		if want != got[i].Out && !(got[i].Error == "idna" && mixed.MatchString(in)) {
			t.Errorf("%q: Go says %q, %v; PHP says %+v", in, want, err, got[i])
		}
		if err == nil {
			taken++
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
		if refused.Suggestion != got[i].Suggestion && !mixed.MatchString(in) {
			t.Errorf("%q: Go suggests %q, PHP %q", in, refused.Suggestion, got[i].Suggestion)
		}
		if refused.Code != got[i].Error {
			otherCode++
			t.Logf("%q: Go's code is %s, PHP's is %s", in, refused.Code, got[i].Error)
		}
	}
	// Where a name breaks several rules, ICU may see another one first.
	if otherCode > len(inputs)/100 {
		t.Errorf("%d of %d names are refused with another code", otherCode, len(inputs))
	}
	t.Logf("taken: %d; refused: %v; with another code: %d", taken, codes, otherCode)
	if taken < len(inputs)/10 || len(codes) < 15 {
		t.Errorf("the names are too much alike to prove anything")
	}
}

// phpName is what hostnames.php makes of a name.
type phpName struct{ Out, Error, Rule, Suggestion string }

// Both sides have tables of their own of what a character is. They may come from
// different versions of Unicode, so characters that one doesn't know are left out.
func TestPHPTakesTheSameCharactersAsGo(t *testing.T) {
	t.Parallel()
	php := lookPHP(t)
	var inputs, encoded []string
	for _, plane := range [][2]rune{{0x21, 0xD7FF}, {0xE000, 0xFFFF}, {0x1F000, 0x1FAFF}, {0xE0000, 0xE01FF}} {
		for r := plane[0]; r <= plane[1]; r++ {
			in := "a" + string(r) + "a.example.com"
			inputs, encoded = append(inputs, in), append(encoded, base64.StdEncoding.EncodeToString([]byte(in)))
		}
	}
	var got []phpName
	php.run(t, encoded, &got, "hostnames.php")
	taken, refused, unknown := 0, 0, 0
	for i, in := range inputs {
		out, err := tasks.ParseDomain(in)
		var why *tasks.HostnameError
		strange := errors.As(err, &why) && strings.Contains(why.Rule, "which host names don't allow;")
		switch {
		case strange == strings.Contains(got[i].Rule, "which host names don't allow;") && out == got[i].Out && (!strange || why.Rule == got[i].Rule):
			if err == nil {
				taken++
			} else {
				refused++
			}
		case out == "" && got[i].Error == "idna", strings.HasPrefix(got[i].Rule, "it has a character ("):
			unknown++
		default:
			t.Errorf("%q (%U): Go says %q, %v; PHP says %+v", in, []rune(in)[1], out, err, got[i])
		}
	}
	t.Logf("%d taken, %d refused, %d that one side doesn't know", taken, refused, unknown)
	if taken < 20000 || refused < 5000 || unknown > 500 {
		t.Error("the tables are too different, or prove nothing")
	}
}

// mixed are labels that claim to be in punycode and aren't even in ASCII. ICU
// refuses them, as UTS #46 says; Go's decoder lets some through. Nobody owns one.
var mixed = regexp.MustCompile(`(?i)xn--[^.。．｡]*[^\x00-\x7f]`)

// randomNames has names of pieces that mean something to some rule.
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
	php := lookPHP(t)
	var names []string
	for _, rule := range suffixRules(t) {
		name := strings.TrimPrefix(rule, "!")
		name = strings.Replace(name, "*", "any", 1)
		names = append(names, name, "shop."+name)
	}
	encoded := make([]string, len(names))
	for i, in := range names {
		encoded[i] = base64.StdEncoding.EncodeToString([]byte(in))
	}
	var got []struct{ Out, Error string }
	php.run(t, encoded, &got, "hostnames.php")
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
