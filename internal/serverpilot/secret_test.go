package serverpilot

import (
	"encoding/base64"
	"strings"
	"testing"
)

// mustNotLeak fails if the text holds the test key, as it is or as sent.
func mustNotLeak(t *testing.T, text string) {
	t.Helper()
	for _, form := range []string{
		testKey,
		base64.StdEncoding.EncodeToString([]byte(testClient + ":" + testKey)),
		base64.RawStdEncoding.EncodeToString([]byte(testClient + ":" + testKey)),
		"PRIVATE KEY", "MIIE",
	} {
		if strings.Contains(text, form) {
			t.Errorf("%q is shown: %s", form, text)
		}
	}
}

func TestScrub(t *testing.T) {
	t.Parallel()
	scrub := newScrubber(testClient, testKey)
	credentials := base64.StdEncoding.EncodeToString([]byte(testClient + ":" + testKey))
	for name, tc := range map[string]struct{ in, want string }{
		"leaves a plain text alone":      {"a.example.com is taken", "a.example.com is taken"},
		"the key":                        {"key " + testKey + "!", "key [redacted]!"},
		"the credentials":                {"got " + credentials, "got [redacted]"},
		"the header, cut off":            {"got Basic " + credentials[:20] + ", bad", "got [redacted], bad"},
		"a PEM block":                    {"x -----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY----- y", "x [redacted] y"},
		"a PEM block without its end":    {"x -----BEGIN PRIVATE KEY-----\nMIIE", "x [redacted]"},
		"two PEM blocks":                 {"-----BEGIN A-----\nQ\n-----END A----- and -----BEGIN B-----\nQ\n-----END B-----.", "[redacted] and [redacted]."},
		"base64 without a head":          {strings.Repeat("MIIEabcd", 10), "[redacted]"},
		"control characters":             {"a\x00b\nc\x1b[31m\u202e", "a b c [31m"},
		"a long label is no secret":      {strings.Repeat("a", 63) + ".example.com", strings.Repeat("a", 63) + ".example.com"},
		"a long text":                    {strings.Repeat("é ", 200), strings.Repeat("é ", 149) + "é…"},
		"the key across the cut":         {strings.Repeat("- ", 145) + testKey, strings.Repeat("- ", 145) + "[redacted]"},
		"text that isn't UTF-8 survives": {"a\xffb", "a\ufffdb"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := scrub(tc.in); got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}
