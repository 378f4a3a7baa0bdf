package redisurl

import (
	"regexp"
	"strings"
)

const redacted = "[redacted]"

// parts are the parts of a URL. net/url can't split it: it rejects several hosts with ports,
// and even a wrong URL must be shown without its password.
type parts struct {
	scheme  string // without ://
	user    string // the text before the @
	hasUser bool
	hosts   string
	rest    string // path, query and fragment
}

func split(raw string) (p parts) {
	rest := raw
	if scheme, after, ok := strings.Cut(raw, "://"); ok {
		p.scheme, rest = scheme, after
	}
	authority := rest
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		authority, p.rest = rest[:i], rest[i:]
	}
	p.hosts = authority
	if i := strings.LastIndexByte(authority, '@'); i >= 0 {
		p.user, p.hasUser, p.hosts = authority[:i], true, authority[i+1:]
	}
	return p
}

func (p parts) userAt() string {
	if !p.hasUser {
		return ""
	}
	return p.user + "@"
}

var hostPort = regexp.MustCompile(`^(\[[^\]]*\]|[^:]*)(:[0-9]*)?$`)

// numericPorts reports whether all ports are numbers; otherwise one may be a password without
// a host.
func (p parts) numericPorts() bool {
	for _, h := range strings.Split(p.hosts, ",") {
		if !hostPort.MatchString(h) {
			return false
		}
	}
	return true
}

// Options of a query that may hold a password; the path of a key's file doesn't.
var secretOption = regexp.MustCompile(`(?i)([^?&=]*(?:pass|pwd|secret|token|key|auth)[^?&=]*=)[^&]*`)

const keyFile = "key_file="

// hideOptions hides the secret options of a query.
func hideOptions(query string) string {
	return secretOption.ReplaceAllStringFunc(query, func(option string) string {
		if strings.HasPrefix(strings.TrimLeft(option, "?&"), keyFile) {
			return option
		}
		return secretOption.ReplaceAllString(option, "${1}"+redacted)
	})
}

// Redacted returns a URL, valid or not, without anything that may be a password. A user's name
// stays if a password follows it.
func Redacted(raw string) string {
	var b strings.Builder
	p := split(raw)
	if strings.Contains(raw, "://") {
		b.WriteString(p.scheme + "://")
	}
	if strings.ContainsRune(p.rest, '@') {
		// A / ? or # in a password that should have been escaped: the @ is its end.
		p.hosts = p.rest[strings.LastIndexByte(p.rest, '@')+1:]
		b.WriteString(redacted + "@")
		p.hosts, p.rest = split(p.hosts).hosts, split(p.hosts).rest
	} else if p.hasUser {
		if name, _, ok := strings.Cut(p.user, ":"); ok {
			b.WriteString(name + ":")
		}
		b.WriteString(redacted + "@")
	}
	if p.numericPorts() {
		b.WriteString(p.hosts)
	} else {
		b.WriteString(redacted)
	}
	if strings.ContainsRune(p.rest, '#') {
		return b.String() + redacted
	}
	b.WriteString(hideOptions(p.rest))
	return b.String()
}
