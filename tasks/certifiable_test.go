package tasks

import (
	"strings"
	"testing"
)

func TestNamesThatAreNeverCertifiedBreakARule(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 63)
	for name, want := range map[string]Rule{
		"example.com":                            "",
		"www.example.co.uk":                      "",
		"shop.github.io":                         "", // a private suffix
		"a.s3.dualstack.us-east-1.amazonaws.com": "",
		"xn--mnchen-3ya.de":                      "",
		"a--b.example.com":                       "", // hyphens in the second and third place
		"1.2.3.4.5.6.7.8.example.com":            "",
		long + ".example.com":                    "",
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
