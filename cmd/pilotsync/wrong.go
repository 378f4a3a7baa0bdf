package main

import (
	"errors"
	"fmt"
	"strings"

	"pilotsync/internal/redisurl"
)

// wrong gathers what is wrong with the settings, a line for each.
type wrong struct {
	lines    []string
	keyFiles []string // that keys and secrets were read from
}

// add notes a setting whose value may be shown; rule says what it takes.
func (w *wrong) add(variable, value, rule string) {
	is := "is not set"
	if value != "" {
		is = fmt.Sprintf("is %q", value)
		if strings.Contains(value, "://") {
			is = fmt.Sprintf("is %q", redisurl.Redacted(value))
		}
	}
	w.say(variable, is+"; "+rule)
}

// say notes a setting in words of its own, as for a secret.
func (w *wrong) say(variable, what string) {
	w.lines = append(w.lines, fmt.Sprintf("%s (--%s) %s", variable, flagOf(variable), what))
}

func (w *wrong) err() error {
	switch len(w.lines) {
	case 0:
		return nil
	case 1:
		return usageError{errors.New(w.lines[0])}
	}
	return usageError{fmt.Errorf("%d settings are wrong:\n%s", len(w.lines), strings.Join(w.lines, "\n"))}
}

// flagOf is the flag of a variable: its name without the prefix.
func flagOf(variable string) string {
	for _, prefix := range []string{"PILOTSYNC_", "SERVERPILOT_", "WU_SERVER_PILOT_"} {
		variable = strings.TrimPrefix(variable, prefix)
	}
	return strings.ReplaceAll(strings.ToLower(variable), "_", "-")
}

// take returns a setting's value; parse's error says what it takes.
func take[T any](w *wrong, variable, value string, parse func(string) (T, error)) T {
	v, err := parse(value)
	if err != nil {
		w.add(variable, value, err.Error())
	}
	return v
}
