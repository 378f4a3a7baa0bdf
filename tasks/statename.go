package tasks

import (
	"strings"

	"golang.org/x/net/idna"
)

// Name is the state for people. Tables of commands, the dashboard and the WordPress plugin have
// the same; JSON, filters and webhooks have the state itself. A state of a later release is its
// own name.
func (s State) Name() string {
	switch s {
	case Pending:
		return "Pending"
	case CheckingDNS:
		return "Checking DNS"
	case CheckingSSL:
		return "Checking certificate"
	case Done:
		return "Done"
	case DoneWithoutSSL:
		return "No certificate"
	case Failed:
		return "DNS failed"
	case Rejected:
		return "Rejected"
	case Removed:
		return "Removed"
	}
	return string(s)
}

// NameWith is the name of the state of a domain that may have a problem. "Done" alone says that all
// is well.
func (s State) NameWith(problem bool) string {
	if s == Done && problem {
		return s.Name() + ", with a problem"
	}
	return s.Name()
}

// UnicodeName returns an international name as people write it. It is empty for a name that is
// plain ASCII, or whose punycode is invalid.
func UnicodeName(domain string) string {
	if !strings.Contains(domain, "xn--") {
		return ""
	}
	star := ""
	if IsWildcard(domain) {
		star, domain = "*.", domain[2:]
	}
	name, err := idna.Display.ToUnicode(domain)
	if err != nil || name == domain {
		return ""
	}
	return star + name
}

// ShownName is a name for people: in Unicode with the canonical form beside it, if it is
// international.
func ShownName(domain string) string {
	if name := UnicodeName(domain); name != "" {
		return name + " (" + domain + ")"
	}
	return domain
}
