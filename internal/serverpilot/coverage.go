package serverpilot

import (
	"fmt"
	"strings"

	"pilotsync/tasks"
)

// Coverage compares an app's list with the certificate that ServerPilot has ready for it.
type Coverage struct {
	Names   int `json:"names"`   // number of names on the list
	Covered int `json:"covered"` // number of those that the certificate is for
	// Missing are names that the certificate isn't for, at most [tasks.MaxParamItems].
	Missing []string `json:"missing,omitempty"`
}

// MaxCertificateNames is how many names Let's Encrypt puts on a certificate
// (letsencrypt.org/docs/rate-limits).
const MaxCertificateNames = 100

// CoverageOf compares the list of an app with its certificate. It returns nil if the list fits
// on one certificate of Let's Encrypt. It also does so if the app has a custom certificate,
// whose names ServerPilot's API doesn't have.
func CoverageOf(app App) *Coverage {
	if len(app.Domains) <= MaxCertificateNames || app.SSL.Custom {
		return nil
	}
	on := map[string]bool{}
	for _, name := range app.AutoSSL.Domains {
		on[tasks.Canonical(name)] = true
	}
	c := &Coverage{Names: len(app.Domains)}
	for _, name := range app.Domains {
		switch name = tasks.Canonical(name); {
		case on[name]:
			c.Covered++
		case len(c.Missing) < tasks.MaxParamItems:
			c.Missing = append(c.Missing, name)
		}
	}
	return c
}

// Uncovered are the names without a certificate, as a text: "a, b and 7 more".
func (c Coverage) Uncovered() string {
	text := strings.Join(c.Missing, ", ")
	if more := c.Names - c.Covered - len(c.Missing); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
