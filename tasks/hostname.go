package tasks

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Lengths of RFC 1035, in bytes of the ASCII form. A name's excludes the dot of the root.
const (
	maxLabel = 63
	maxName  = 253
)

const wildcard = "*."

// HostnameError says why a value isn't a host name that can be mapped.
type HostnameError struct {
	Input string // the value as given
	// Code names the broken rule for programs, and stays the same across versions. The codes
	// are empty, space, scheme, path, user, ip, port, underscore, wildcard, length, idna,
	// empty-label, label-length, hyphen, labels, tld or suffix.
	Code string
	Rule string // the broken rule and its remedy, for people
	// Suggestion is the name that was probably meant; empty where that is unclear.
	Suggestion string
}

func (e *HostnameError) Error() string {
	const shown = 80 // runes: enough to recognise a name, too few to flood a log
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

// ParseDomain returns the canonical form of a host name: trimmed, lower case, without the
// root's dot, and in ASCII. IDNA is that of UTS #46, non-transitional: ß stays ß, as in
// browsers. A canonical name is returned unchanged. The name must have at least two labels and
// must not be a public suffix, because the names below a suffix have many owners. The first
// label may be a wildcard, as on ServerPilot's list.
//
// ParseDomain refuses dashes, quotes, bullets, invisible characters and other
// characters that IDNA2008 forbids, except emoji. UTS #46 allows many of them, but they
// usually enter a list by mistake. A name that needs one can be given in its xn-- form.
//
// Any other value is refused with a [*HostnameError].
func ParseDomain(raw string) (string, error) {
	domain, err := parseDomain(raw)
	var refused *HostnameError
	if errors.As(err, &refused) && len(raw) <= utf8.UTFMax*maxName {
		refused.Suggestion = suggest(raw)
	}
	return domain, err
}

// parseDomain is ParseDomain without suggestions.
func parseDomain(raw string) (string, error) {
	refuse := func(v *violation) (string, error) {
		return "", &HostnameError{Input: raw, Code: v.code, Rule: v.rule}
	}

	if isPlain(raw) {
		if v := checkLabels(raw); v != nil {
			return refuse(v)
		}
		return raw, nil
	}
	name := strings.TrimSuffix(separators.Replace(strings.TrimSpace(raw)), ".")
	if v := checkTyped(name); v != nil {
		return refuse(v)
	}
	host := strings.TrimPrefix(name, wildcard)
	prefix := name[:len(name)-len(host)]
	if strings.Contains(host, "*") {
		return refuse(violates("wildcard", "a wildcard is the whole first label or nothing; give it as in *.example.com"))
	}
	ascii, err := toASCII.ToASCII(host)
	if err != nil {
		return refuse(violates("idna", "international names don't allow this spelling (%v); check it for characters that don't belong there", err))
	}
	if n := len(prefix) + len(ascii); n > maxName {
		return refuse(violates("length", "it has %d characters in ASCII; shorten it to %d", n, maxName))
	}
	if v := checkLabels(ascii); v != nil {
		return refuse(v)
	}
	return prefix + ascii, nil
}

// isPlain reports whether a name has only characters that IDNA leaves as they are, as most names
// do. Then only its labels and its length can be wrong.
func isPlain(name string) bool {
	if len(name) == 0 || len(name) > maxName || name[len(name)-1] == '.' || strings.Contains(name, "xn--") {
		return false
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return true
}

// violation is the rule that a value breaks, as in [HostnameError].
type violation struct{ code, rule string }

func violates(code, format string, args ...any) *violation {
	return &violation{code: code, rule: fmt.Sprintf(format, args...)}
}

// checkTyped finds what people paste instead of a name. It runs before IDNA, whose error
// would only name one character.
func checkTyped(name string) *violation {
	switch {
	case name == "":
		return violates("empty", "it is empty; give a name such as example.com")
	case len(name) > utf8.UTFMax*maxName:
		// No real name is this long, and punycode takes quadratic time.
		return violates("length", "it is longer than %d characters; give a shorter name", maxName)
	case !utf8.ValidString(name) || strings.ContainsRune(name, utf8.RuneError):
		// IDNA would encode the replacement character, and then refuse its own result.
		return violates("idna", "it has bytes that are no UTF-8; send it in UTF-8")
	case strings.ContainsFunc(name, unicode.IsSpace):
		return violates("space", "it has %s inside; give one name without spaces", spaceName(name[strings.IndexFunc(name, unicode.IsSpace):]))
	case strings.Contains(name, "://"):
		return violates("scheme", "it has a scheme; leave out everything up to ://")
	case strings.ContainsAny(name, `/\?#`):
		return violates("path", `it has a path; leave out the first of / \ ? # and all that follows`)
	case strings.Contains(name, "@"):
		return violates("user", "it has a user part; leave out everything up to the @")
	case isIP(name):
		return violates("ip", "it is an IP address; give the name that points to it")
	case strings.Contains(name, ":"):
		return violates("port", "it has a port; leave out the colon and the number")
	case strings.Contains(name, "_"):
		return violates("underscore", "it has an underscore, which host names don't allow; use a hyphen")
	}
	if c, found := findInvalidChar(name); found {
		return violates("idna", "%s", c.rule())
	}
	return nil
}

// checkLabels checks a name in ASCII, without the wildcard.
func checkLabels(ascii string) *violation {
	labels := strings.Split(ascii, ".")
	for _, label := range labels {
		switch {
		case label == "":
			return violates("empty-label", "it has an empty label; remove the extra dot")
		case len(label) > maxLabel:
			return violates("label-length", "the label %.10q… has %d characters in ASCII; shorten it to %d", label, len(label), maxLabel)
		case strings.HasPrefix(label, "-"), strings.HasSuffix(label, "-"):
			return violates("hyphen", "the label %q starts or ends with a hyphen; remove the hyphen", label)
		}
	}
	tld := labels[len(labels)-1]
	number := strings.Trim(tld, "0123456789") == ""
	switch {
	case number && isIP(ascii): // also if written with digits that IDNA maps to ASCII
		return violates("ip", "it is an IP address; give the name that points to it")
	case len(labels) < 2:
		return violates("labels", "it has one label only; give the full name, such as %s.example.com", ascii)
	case number:
		return violates("tld", "its last label, %q, is a number; no top-level domain is one", tld)
	}
	// The list treats an unknown top-level domain as a suffix of one label. So a name of
	// two labels is never mistaken for a suffix.
	if suffix, _ := publicsuffix.PublicSuffix(ascii); suffix == ascii {
		return violates("suffix", "%s is a public suffix, under which anyone can register; give a name below it, such as example.%s", ascii, ascii)
	}
	return nil
}

// IsWildcard reports whether a canonical domain stands for all names below
// another, such as *.example.com.
func IsWildcard(domain string) bool { return strings.HasPrefix(domain, wildcard) }

// Names returns the names that a canonical domain has on the list: the domain itself, then its
// www form if the rule www has one. Wildcards, names that start with www., and names that www.
// would make too long have no www form. A rule that isn't one of the three values gives none.
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

// separators replaces IDNA's other three label separators by dots, so that the rules
// about dots cover them. It also replaces the capital ẞ by ß, as Unicode does since
// 15.1. Older tables of Go and PHP make it ss, which is another name.
var separators = strings.NewReplacer("。", ".", "．", ".", "｡", ".", "ẞ", "ß")

// toASCII is IDNA's profile for lookups, except that it allows hyphens in the third and
// fourth place: DNS and ServerPilot accept my--shop.example.com. checkLabels checks
// empty labels, lengths and hyphens at a label's ends, with clearer messages.
var toASCII = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.StrictDomainName(true),
	idna.CheckHyphens(false),
	idna.BidiRule(),
)

// isIP reports whether s is an address, with or without brackets and port.
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

// Canonical returns a name of an app's list in the form in which names are compared.
// This is the form of [ParseDomain], or lower case if ParseDomain refuses the name.
func Canonical(name string) string {
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-.") == "" && !strings.HasSuffix(name, ".") {
		return name // already canonical, as most names; each plan calls this for hundreds
	}
	if domain, err := ParseDomain(name); err == nil {
		return domain
	}
	return strings.ToLower(name)
}
