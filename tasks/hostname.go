package tasks

import (
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Lengths of RFC 1035, in bytes of the ASCII form; a name's without the dot of the root.
const (
	maxLabel = 63
	maxName  = 253
)

const wildcard = "*."

// HostnameError says why a value isn't a host name that can be mapped.
type HostnameError struct {
	Input string // the value as it was given
	// Code is the broken rule in a word, for programs; it stays the same over
	// versions: empty, space, scheme, path, user, ip, port, underscore,
	// wildcard, length, idna, empty-label, label-length, hyphen, labels, tld
	// or suffix.
	Code string
	Rule string // the broken rule and what to do about it, for people
	// Suggestion is the name that was meant, as far as that is clear; otherwise empty.
	Suggestion string
}

func (e *HostnameError) Error() string {
	const shown = 80 // runes; enough to recognise a name, too few to flood a log
	input := e.Input
	if utf8.RuneCountInString(input) > shown {
		input = string([]rune(input)[:shown]) + "…"
	}
	text := fmt.Sprintf("domain %q is refused: %s", input, e.Rule)
	if e.Suggestion != "" {
		text += fmt.Sprintf(" (did you mean %s?)", e.Suggestion)
	}
	return text
}

// ParseDomain returns the canonical form of a host name: trimmed, lower case,
// without the root's dot, and in ASCII (IDNA as in UTS #46, non-transitional:
// ß stays ß, as in browsers). A canonical name comes back as it is. The name
// has at least two labels and isn't a public suffix, whose names belong to many
// owners. A wildcard is allowed as the first label, as on ServerPilot's list.
//
// Dashes, quotes, bullets, invisible characters and others that IDNA2008 doesn't allow
// are refused, but for emoji, though UTS #46 lets many of them through: they come into a
// list by mistake. Who means one gives the name in its xn-- form.
//
// Any other value is refused with a [*HostnameError].
func ParseDomain(raw string) (string, error) {
	domain, err := parseDomain(raw)
	if refused, ok := err.(*HostnameError); ok && len(raw) <= utf8.UTFMax*maxName {
		refused.Suggestion = suggest(raw)
	}
	return domain, err
}

// parseDomain is ParseDomain without suggestions.
func parseDomain(raw string) (string, error) {
	refuse := func(code, format string, args ...any) (string, error) {
		return "", &HostnameError{Input: raw, Code: code, Rule: fmt.Sprintf(format, args...)}
	}

	// What people paste instead of a name, before IDNA would blame a single rune.
	name := strings.TrimSuffix(spelling.Replace(strings.TrimSpace(raw)), ".")
	switch {
	case name == "":
		return refuse("empty", "it is empty; give a name such as example.com")
	case len(name) > utf8.UTFMax*maxName:
		// No real name is this long, and punycode would take quadratic time.
		return refuse("length", "it is longer than %d characters; give a shorter name", maxName)
	case !utf8.ValidString(name) || strings.ContainsRune(name, utf8.RuneError):
		// IDNA would encode the replacement character, and then refuse its own result.
		return refuse("idna", "it has bytes that are no UTF-8; send it in UTF-8")
	case strings.ContainsFunc(name, unicode.IsSpace):
		return refuse("space", "it has a space inside; give one name without spaces")
	case strings.Contains(name, "://"):
		return refuse("scheme", "it has a scheme; leave out everything up to ://")
	case strings.ContainsAny(name, `/\?#`):
		return refuse("path", `it has a path; leave out the first of / \ ? # and all that follows`)
	case strings.Contains(name, "@"):
		return refuse("user", "it has a user part; leave out everything up to the @")
	case isIP(name):
		return refuse("ip", "it is an IP address; give the name that points to it")
	case strings.Contains(name, ":"):
		return refuse("port", "it has a port; leave out the colon and the number")
	case strings.Contains(name, "_"):
		return refuse("underscore", "it has an underscore, which host names don't allow; use a hyphen")
	}
	if s, found := findStray(name); found {
		return refuse("idna", "%s", s.rule())
	}

	host := strings.TrimPrefix(name, wildcard)
	prefix := name[:len(name)-len(host)]
	if strings.Contains(host, "*") {
		return refuse("wildcard", "a wildcard is the whole first label or nothing; give it as in *.example.com")
	}
	ascii, err := toASCII.ToASCII(host)
	if err != nil {
		return refuse("idna", "international names don't allow this spelling (%v); check it for stray characters", err)
	}
	if len(prefix)+len(ascii) > maxName {
		return refuse("length", "it has %d characters in ASCII; shorten it to %d", len(prefix)+len(ascii), maxName)
	}
	labels := strings.Split(ascii, ".")
	for _, label := range labels {
		switch {
		case label == "":
			return refuse("empty-label", "it has an empty label; take out the dot that is too much")
		case len(label) > maxLabel:
			return refuse("label-length", "the label %.10q… has %d characters in ASCII; shorten it to %d", label, len(label), maxLabel)
		case strings.HasPrefix(label, "-"), strings.HasSuffix(label, "-"):
			return refuse("hyphen", "the label %q starts or ends with a hyphen; take the hyphen off", label)
		}
	}
	if isIP(ascii) { // in digits that only IDNA made into ASCII ones
		return refuse("ip", "it is an IP address; give the name that points to it")
	}
	if len(labels) < 2 {
		return refuse("labels", "it has one label only; give the full name, such as %s.example.com", ascii)
	}
	if tld := labels[len(labels)-1]; strings.Trim(tld, "0123456789") == "" {
		return refuse("tld", "its last label, %q, is a number; no top-level domain is one", tld)
	}
	// A top-level domain that the list doesn't know is a suffix of one label, so
	// a name of two is never taken for a suffix by mistake.
	if suffix, _ := publicsuffix.PublicSuffix(ascii); suffix == ascii {
		return refuse("suffix", "%s is a public suffix, under which anyone can register; give a name below it, such as example.%s", ascii, ascii)
	}
	return prefix + ascii, nil
}

// IsWildcard reports whether a canonical domain stands for all names below
// another, such as *.example.com.
func IsWildcard(domain string) bool { return strings.HasPrefix(domain, wildcard) }

// Names returns what a canonical domain stands for on the list: the domain,
// then its www form where www gives it one. Wildcards, names that start with
// www, and names that www would make too long have none; nor has any name if
// www isn't one of the three values.
func Names(domain string, www WWW) []string {
	form := "www." + domain
	if IsWildcard(domain) || strings.HasPrefix(domain, "www.") || len(form) > maxName {
		return []string{domain}
	}
	switch www {
	case WWWAlways:
		return []string{domain, form}
	case WWWMainOnly:
		if main, err := publicsuffix.EffectiveTLDPlusOne(domain); err == nil && main == domain {
			return []string{domain, form}
		}
	}
	return []string{domain}
}

// spelling makes IDNA's other three label separators into dots, so that the
// rules about dots hold for them too, and the capital ẞ into ß: Unicode says so
// since 15.1, while older tables, of Go or of PHP, make it ss, another name.
var spelling = strings.NewReplacer("。", ".", "．", ".", "｡", ".", "ẞ", "ß")

// toASCII is the profile for look-ups, but with hyphens in the third and fourth
// place let through: my--shop.example.com is a name that DNS and ServerPilot
// take. Empty labels, lengths and the hyphens at a label's ends are checked by
// ParseDomain, in words of its own.
var toASCII = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(true),
	idna.CheckHyphens(false),
	idna.BidiRule(),
)

// isIP reports whether s is an address, also in brackets or with a port.
func isIP(s string) bool {
	if strings.HasPrefix(s, "[") {
		return true // no name has brackets
	}
	if _, err := netip.ParseAddr(s); err == nil {
		return true
	}
	_, err := netip.ParseAddrPort(s)
	return err == nil
}

// Canonical returns a name of an app's list in the form in which names are compared:
// as [ParseDomain] has it, or, where that refuses it, in lower case.
func Canonical(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" && !strings.HasSuffix(name, ".") {
		return name // as ParseDomain leaves it; most names are, and each plan asks for hundreds
	}
	if domain, err := ParseDomain(name); err == nil {
		return domain
	}
	return strings.ToLower(name)
}
