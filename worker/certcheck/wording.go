package certcheck

import (
	"fmt"
	"pilotsync/internal/text"
	"strings"
)

// Limits on text, in characters. Anyone can write DNS records and certificates.
const (
	maxReason = 800 // the command at its end holds a name of up to 253
	maxDetail = 240
	maxName   = 80
	// maxShownName is shorter, as several of them stand in a row.
	maxShownName = 40
)

// sanitize makes text from outside fit to show: no control or other invisible
// characters, no runs of spaces, at most limit characters.
func sanitize(s string, limit int) string {
	return text.Limit(strings.Join(strings.Fields(text.Printable(s)), " "), limit)
}

// list joins items with commas, the first few only: "a, b, c and 12 more".
// atLeast stands before the count of the rest.
func list(items []string, shown int, atLeast string) string {
	if len(items) <= shown {
		return strings.Join(items, ", ")
	}
	return fmt.Sprintf("%s and %s%d more", strings.Join(items[:shown], ", "), atLeast, len(items)-shown)
}
