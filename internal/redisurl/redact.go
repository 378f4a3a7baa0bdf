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

// Options of a query whose values may be shown: those of Redis URLs that hold no password.
var (
	option = regexp.MustCompile(`([^?&=]*)=[^&]*`)
	shown  = regexp.MustCompile(`^(db|protocol|client_name|master|addr|skip_verify|(ca|cert|key)_file|[a-z_]+_(timeout|retries|backoff|conns|lifetime|time|size|fifo))$`)
)

// hideOptions hides the values of a query's other options.
func hideOptions(query string) string {
	return option.ReplaceAllStringFunc(query, func(given string) string {
		name, _, _ := strings.Cut(given, "=")
		if shown.MatchString(name) {
			return given
		}
		return name + "=" + redacted
	})
}

// Redacted returns a Redis URL, valid or not, without anything that may be a password. A user's
// name stays if a password follows it.
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
