package dashboard

import (
	"fmt"
	"html/template"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// funcMap returns the functions of the templates.
func funcMap() template.FuncMap {
	return template.FuncMap{
		"at":            func(now, t time.Time) moment { return moment{t, now} },
		"number":        formatNumber,
		"domainPath":    domainPath,
		"pathOf":        pathOf,
		"appPath":       appPath,
		"stateLabel":    tasks.State.Name,
		"sentence":      sentence,
		"unicode":       tasks.UnicodeName,
		"withUnicode":   withUnicode,
		"plural":        plural,
		"attention":     func(a ledger.App) attention { return attentionOf([]ledger.App{a}, a.ID) },
		"room":          listUsage,
		"tilesOf":       func(a ledger.App) []tile { return nonEmptyTiles(tiles([]ledger.App{a})) },
		"appRows":       func(now time.Time, apps []ledger.App) appRows { return appRows{now, apps} },
		"firstApps":     func(apps []string) firstOf[string] { return newFirstOf(maxNotices, apps) },
		"writeLabel":    writeLabel,
		"markOf":        markOf,
		"troubled":      troubled,
		"troubledEntry": func(e listsync.HistoryEntry) bool { return e.State == tasks.Done && e.HasProblem() },
		"troubledLabel": func(s tasks.State) string { return s.NameWith(true) },
		"addForm":       func(app string) addPage { return addPage{App: app} },
		"removeForm":    func(app string) removalList { return removalList{App: app} },
		"stateURL":      func(s tasks.State) string { return search{States: []tasks.State{s}}.url(nil) },
		"appStateURL": func(app string, s tasks.State) string {
			return search{Apps: []string{app}, States: []tasks.State{s}}.url(nil)
		},
	}
}

var international = regexp.MustCompile(`[a-z0-9*.-]*xn--[a-z0-9.-]*[a-z0-9]`)

// withUnicode adds the Unicode form to each international name in a text. Commands to copy stay
// unchanged.
func withUnicode(text string) string {
	if strings.Contains(text, "run: pilotsync") {
		return text
	}
	return international.ReplaceAllStringFunc(text, tasks.ShownName)
}

// troubled reports whether a domain is done, and yet has a problem.
func troubled(v ledger.View) bool { return v.State == tasks.Done && len(v.Record.Problems()) > 0 }

// moment is a time to be shown: relative to now, and in full.
type moment struct{ T, Now time.Time }

// RFC3339 is the value of <time datetime>.
func (m moment) RFC3339() string { return m.T.UTC().Format(time.RFC3339) }

// Full is the date and time in UTC.
func (m moment) Full() string { return m.T.UTC().Format("2006-01-02 15:04:05 UTC") }

// Clock is the time of day in UTC, with the date if it isn't today.
func (m moment) Clock() string {
	if t, now := m.T.UTC(), m.Now.UTC(); t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		return t.Format("2006-01-02 15:04 UTC")
	}
	return m.T.UTC().Format("15:04 UTC")
}

// Relative is "just now", "3 min ago", "in 2 h".
func (m moment) Relative() string {
	away := m.T.Sub(m.Now)
	switch {
	case away > -2*time.Second && away < 2*time.Second:
		return "just now"
	case away < 0:
		return formatDuration(-away) + " ago"
	}
	return "in " + formatDuration(away)
}

// formatDuration returns a duration in its largest unit, rounded down: "12 s", "3 min",
// "2 h", "5 days".
func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d < day:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d < 2*day:
		return "1 day"
	}
	return fmt.Sprintf("%d days", d/day)
}

// formatNumber groups digits by three: 50,000.
func formatNumber(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

func domainPath(v ledger.View) string { return pathOf(v.AppID, v.Domain) }

func pathOf(app, domain string) string {
	return "/domains/" + url.PathEscape(app) + "/" + url.PathEscape(domain)
}

func appPath(app string) string { return "/apps/" + url.PathEscape(app) }
