package certcheck

import (
	"strings"

	"pilotsync/internal/text"
)

// Limits on text, in characters. DNS records and certificates may hold any text, and of any length.
const (
	maxDetail = 240
	maxName   = 253
	// maxShownName is shorter, since a text may hold several of them.
	maxShownName = 40
)

// sanitize makes text from outside safe to display: no control or other invisible
// characters, no runs of spaces, at most limit characters.
func sanitize(s string, limit int) string {
	return text.Limit(strings.Join(strings.Fields(text.Printable(s)), " "), limit)
}
