package serverpilot

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"pilotsync/internal/text"
)

const redacted = "[redacted]"

// secret holds the API key in a closure, not in a string. fmt prints an unexported field by
// reflection, without its methods, but can't look into a closure.
type secret struct{ reveal func() string }

func newSecret(s string) secret { return secret{reveal: func() string { return s }} }

// String, GoString, Format and MarshalJSON show that there is a secret, without its value.
func (secret) String() string               { return redacted }
func (secret) GoString() string             { return redacted }
func (secret) Format(f fmt.State, _ rune)   { _, _ = f.Write([]byte(redacted)) }
func (secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }

// maxText is how many characters of a foreign text an error shows.
const maxText = 300

// looksSecret matches text that must not be shown, even if it isn't the API key. It finds Basic
// credentials (also cut off ones), PEM blocks (also without their end), and long runs of
// base64. A DNS label has at most 63 characters, so no host name is one.
var looksSecret = regexp.MustCompile(`(?s)(?i:\bBasic)\s+[A-Za-z0-9+/=_-]{4,}` +
	`|-----\s*BEGIN.*?(-----\s*END.*?-----|\z)` +
	`|[A-Za-z0-9+/=]{64,}`)

// newScrubber returns a function that makes a foreign text safe to show. It replaces the key
// in each form that an answer could contain, text that looks like a secret, and control
// characters. It limits the rest to [maxText]. It is a closure for the same
// reason as [secret].
func newScrubber(clientID, key string) func(string) string {
	quoted := strconv.Quote(key) // as net/http quotes a malformed answer
	credentials := clientID + ":" + key
	var pairs []string
	for _, form := range []string{
		base64.StdEncoding.EncodeToString([]byte(credentials)),
		base64.RawStdEncoding.EncodeToString([]byte(credentials)),
		base64.RawURLEncoding.EncodeToString([]byte(credentials)),
		base64.RawStdEncoding.EncodeToString([]byte(key)),
		quoted[1 : len(quoted)-1],
		url.QueryEscape(key),
		url.PathEscape(key),
		key,
	} {
		if form != "" { // an empty one would match everywhere
			pairs = append(pairs, form, redacted)
		}
	}
	replacer := strings.NewReplacer(pairs...)

	return func(s string) string {
		s = replacer.Replace(s)
		s = looksSecret.ReplaceAllString(s, redacted)
		return text.Limit(strings.TrimSpace(text.Printable(s)), maxText)
	}
}

// scrubError returns err, with its chain, if its text may be shown. Otherwise it returns only
// the scrubbed text: net/http quotes malformed answers in its errors.
func scrubError(scrub func(string) string, err error) error {
	if err == nil {
		return nil
	}
	if text := scrub(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}
