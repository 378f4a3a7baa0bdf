package config

import (
	"fmt"
	"slices"
	"strings"

	"pilotsync/internal/nearest"
	"pilotsync/internal/text"
	"pilotsync/internal/wpconfig"
)

// prefixes begin the names that belong to pilotsync alone. REDIS_URL and
// SERVERPILOT_API_URL have none, since other programs have variables like them.
var prefixes = []string{"PILOTSYNC_", "WU_SERVER_PILOT_"}

// refuseUnknown refuses variables that are named like settings but are none: with a misspelt
// PILOTSYNC_DRY_RUN a worker would write. known are the names of the
// program's settings. An empty variable counts as unset.
func refuseUnknown(environ, known []string) error {
	var lines []string
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		if value != "" && looksLikeSetting(name) && !slices.Contains(known, name) &&
			!slices.Contains(wpconfig.Constants(), name) && !isServiceLink(name, environ) {
			lines = append(lines, fmt.Sprintf("%s is not a setting; did you mean %s?", text.Printable(name), NearestSetting(strings.ToUpper(name), known)))
		}
	}
	slices.Sort(lines)
	const remedy = "Correct the name or unset the variable; 'pilotsync worker --help' lists the settings"
	switch len(lines) {
	case 0:
		return nil
	case 1:
		return Error{lines[0] + " " + remedy}
	}
	return Error{fmt.Sprintf("%d variables of the environment are not settings:\n%s\n%s", len(lines), strings.Join(lines, "\n"), remedy)}
}

func looksLikeSetting(name string) bool {
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(strings.ToUpper(name), prefix) })
}

// isServiceLink reports whether Kubernetes made the variable for a Service, such as
// PILOTSYNC_PAGE_PORT for one named pilotsync-page. It does so in each pod of the namespace
// (https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables).
func isServiceLink(name string, environ []string) bool {
	for _, variable := range environ {
		other, _, _ := strings.Cut(variable, "=")
		service, ok := strings.CutSuffix(other, "_SERVICE_HOST")
		if !ok {
			continue
		}
		switch rest, of := strings.CutPrefix(name, service); {
		case !of:
		case rest == "_SERVICE_HOST", rest == "_PORT", strings.HasPrefix(rest, "_SERVICE_PORT"), strings.HasPrefix(rest, "_PORT_"):
			return true
		}
	}
	return false
}

// NearestSetting returns the name in known that is most similar to name. Prefixes hardly
// count: PILOTSYNC_API_KEY leads to WU_SERVER_PILOT_API_KEY. Common words count more than
// letters: PILOTSYNC_DNS_SERVER leads to PILOTSYNC_DNS.
func NearestSetting(name string, known []string) string {
	known = slices.DeleteFunc(slices.Clone(known), func(k string) bool { return k == "CREDENTIALS_DIRECTORY" }) // systemd sets it
	distance := func(a, b string) int {
		flagA, flagB := FlagOf(a), FlagOf(b)
		words, common := strings.Split(flagB, "-"), 0
		for _, word := range strings.Split(flagA, "-") {
			if slices.Contains(words, word) {
				common++
			}
		}
		return 4*(nearest.Distance(flagA, flagB)-4*common) + min(nearest.Distance(a, b), 3)
	}
	return slices.MinFunc(known, func(a, b string) int { return distance(name, a) - distance(name, b) })
}
