package tasks

import (
	"strings"
	"testing"
)

func TestNamesThatAreNeverCertifiedBreakARule(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for name, want := range map[string]Rule{
		"example.com":                                 "",
		"www.example.co.uk":                           "",
		"shop.github.io":                              "", // a private suffix
		"foo.compute.amazonaws.com":                   "", // below a private wildcard, as the next
		"ec2-1-2-3-4.eu-west-1.compute.amazonaws.com": "",
		"a.s3.dualstack.us-east-1.amazonaws.com":      "",
		"xn--mnchen-3ya.de":                           "",
		"a--b.example.com":                            "", // hyphens in the second and third place
		"1.2.3.4.5.6.7.8.example.com":                 "",
		long + ".example.com":                         "",
		strings.Repeat(long+".", 3) + strings.Repeat("b", 57) + ".com": "",

		"*.example.com":                        RuleWildcard,
		"ab--c.example.com":                    RuleHyphens,
		"shop.ab--c.com":                       RuleHyphens,
		"1.2.3.4.5.6.7.8.9.example.com":        RuleLabels,
		long + "a.example.com":                 RuleLength,
		strings.Repeat(long+".", 4) + "com":    RuleLength,
		"shop.local":                           RulePublicSuffix,
		"shop.internal":                        RulePublicSuffix,
		"shop.test":                            RulePublicSuffix,
		"shop.nosuchtopleveldomain":            RulePublicSuffix,
		"co.uk":                                RulePublicSuffix,
		"a.b.c.d.e.f.g.h.i.j.nosuchtoplevel":   RuleLabels,
		"xn--bcher-kva.ab--c.nosuchtoplevel":   RuleHyphens,
		"*.shop.local":                         RuleWildcard,
		"under.a.wildcard.rule.nosuchtoplevel": RulePublicSuffix,
	} {
		if rule, never := NotCertifiable(name); rule != want || never != (want != "") {
			t.Errorf("%s: %q, %v; want %q", name, rule, never, want)
		}
	}
}

// Whatever the name, an answer comes: a private wildcard suffix once led to an endless loop.
func FuzzNotCertifiable(f *testing.F) {
	for _, name := range []string{"foo.compute.amazonaws.com", "a.b.c.compute.amazonaws.com", "www.example.ck", "com", "", "..", "a..b", ".com", "shop.github.io"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if rule, never := NotCertifiable(name); never != (rule != "") {
			t.Errorf("%q: rule %q, never %v", name, rule, never)
		}
	})
}
