package tasks

import (
	"slices"
	"strings"
	"unicode"
)

// NeedsPerson reports whether a domain in this state waits for a person because of a cause, which
// is its own or a warning. A person acts on each cause that has an [Actor]. Where all attempts have
// ended, a person also looks at problems that usually end by themselves, and at codes that this
// release doesn't know.
func (s State) NeedsPerson(code Code) bool {
	e, known := Lookup(code)
	switch s {
	case Failed, Rejected, DoneWithoutSSL:
		return !known || e.Problem || e.Actor != ActorNone
	case CheckingDNS, CheckingSSL, Done:
		return e.Problem && e.Actor != ActorNone
	}
	return false // a pending change waits for its app; a removed domain needs nothing
}

// StatesByUrgency returns all states. Those that most need a person come first.
func StatesByUrgency() []State {
	return []State{Failed, Rejected, DoneWithoutSSL, Pending, CheckingDNS, CheckingSSL, Done, Removed}
}

// Label names the code for people: "DNS elsewhere" for DNSElsewhere.
func (c Code) Label() string {
	if c == "" {
		return "Other causes"
	}
	var words []string
	for rest := string(c); rest != ""; {
		n := wordLength(rest)
		word := rest[:n]
		if rest = rest[n:]; len(words) > 0 && strings.ToUpper(word) != word && !slices.Contains(properNames(), word) {
			word = strings.ToLower(word)
		}
		words = append(words, word)
	}
	return sanitize(strings.Join(words, " "))
}

// properNames are the words of codes that aren't split, and keep their case.
func properNames() []string {
	return []string{"AutoSSL", "DNSSEC", "DNS", "CAA", "TLS", "IPv6", "ServerPilot"}
}

// wordLength is the length of the first word of a code.
func wordLength(code string) int {
	for _, name := range properNames() {
		if strings.HasPrefix(code, name) {
			return len(name)
		}
	}
	if end := strings.IndexFunc(code[1:], unicode.IsUpper); end >= 0 {
		return end + 1
	}
	return len(code)
}

// GeneralRemedy is the remedy of a code for many domains, without their names and addresses. It is
// empty for a code that this release doesn't know.
func (c Code) GeneralRemedy() string {
	e, _ := Lookup(c)
	remedy := strings.NewReplacer("record {found} of", "record of", "app {app}", "its app", "point to {value}", "point to the app's server", "enqueue add {name}", "enqueue add DOMAIN", "property {message} of", "property of").Replace(e.Remedy)
	return fill(remedy, map[string]string{"name": "the domain", "found": "the address", "app": "APP",
		"provider": "the proxy", "record": "the domain or its parent"})
}
