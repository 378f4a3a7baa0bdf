package text

import (
	"regexp"
	"strings"
)

const redacted = "[redacted]"

// urlParts are scheme, user, host, port, and the rest.
var urlParts = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9+.-]*://)([^/?#]*@)?(\[[^\]/?#@]*\]|[^/?#@:\[\]]*)(:[0-9]*)?(.*)$`)

// HostOnly returns a URL with nothing but its scheme, host and port, since its user, path and
// query can hold a key. Of text that isn't a URL it shows nothing.
func HostOnly(url string) string {
	p := urlParts.FindStringSubmatch(url)
	if p == nil || p[5] != "" && !strings.ContainsAny(p[5][:1], "/?#") || strings.Contains(p[5], "@") {
		return redacted // what looks like the host may be a part of a password
	}
	shown := p[1]
	if p[2] != "" {
		shown += redacted + "@"
	}
	shown += p[3] + p[4]
	switch p[5] {
	case "", "/":
		return shown + p[5]
	}
	return shown + "/" + redacted
}

var urlInText = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"']+`)

// HideURLs returns a text with each URL in it as [HostOnly] shows it.
func HideURLs(s string) string { return urlInText.ReplaceAllStringFunc(s, HostOnly) }
