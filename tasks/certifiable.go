package tasks

import (
	"strings"

	"golang.org/x/net/publicsuffix"
)

// maxCertifiedLabels is how many labels Let's Encrypt accepts in a name.
const maxCertifiedLabels = 10

// NotCertifiable reports whether Let's Encrypt never certifies a canonical name in the way
// that ServerPilot uses (HTTP-01), and by which rule. The rules are those of Boulder, the
// authority's program: policy/pa.go.
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
	for {
		suffix, icann := publicsuffix.PublicSuffix(name)
		switch {
		case icann:
			return suffix != name
		case !strings.Contains(suffix, "."):
			return false // the list doesn't have it
		}
		_, name, _ = strings.Cut(suffix, ".")
		name = "x." + name // the part below may be a suffix itself
	}
}
