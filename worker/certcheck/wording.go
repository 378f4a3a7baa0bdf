package certcheck

import (
	"fmt"
	"pilotsync/internal/text"
	"strings"
)

// Limits on text, in characters. DNS records and certificates come from strangers.
const (
	maxReason = 800 // it can end with a command that contains a name of up to 253
	maxDetail = 240
	maxName   = 80
	// maxShownName limits each of several names in a row.
	maxShownName = 40
)

// sanitize makes text from outside safe to display: no control or other invisible
// characters, no runs of spaces, at most limit characters.
func sanitize(s string, limit int) string {
	return text.Limit(strings.Join(strings.Fields(text.Printable(s)), " "), limit)
}

// list joins the first shown items with commas: "a, b, c and 12 more". atLeast precedes
// the count of the rest.
func list(items []string, shown int, atLeast string) string {
	if len(items) <= shown {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %s%d more", strings.Join(items[:shown], ", "), atLeast, len(items)-shown)
}
