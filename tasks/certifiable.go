package tasks

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// maxCertifiedLabels is how many labels Let's Encrypt accepts in a name.
const maxCertifiedLabels = 10

// NotCertifiable reports whether Let's Encrypt never certifies a canonical name in the way
// that ServerPilot uses (HTTP-01), and by which rule. The rules are those of policy/pa.go in
// Boulder, the program of Let's Encrypt.
func NotCertifiable(name string) (rule Rule, never bool) {
	if IsWildcard(name) {
		return RuleWildcard, true
	}
	labels := strings.Split(name, ".")
	if len(name) > maxName {
		return RuleLength, true
	}
	for _, label := range labels {
		if len(label) > maxLabel {
			return RuleLength, true
		}
	}
	if len(labels) > maxCertifiedLabels {
		return RuleLabels, true
	}
	for _, label := range labels {
		if len(label) >= 4 && label[2:4] == "--" && !strings.HasPrefix(label, "xn--") {
			return RuleHyphens, true
		}
	}
	if !belowPublicSuffix(name) {
		return RulePublicSuffix, true
	}
	return "", false
}

// belowPublicSuffix reports whether a name is below a suffix of the ICANN section of the
// public suffix list. Suffixes of the private section, such as github.io, are below one.
func belowPublicSuffix(name string) bool {
	for part, more := name, true; more; _, part, more = strings.Cut(part, ".") {
		if suffix, icann := publicsuffix.PublicSuffix(part); icann {
			return suffix != name
		}
	}
	return false
}
