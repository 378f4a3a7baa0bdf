package main

import (
	"context"
	"time"
)

// result is a measure that was run.
type result struct {
	Name, Goal string
	Rows       []row
	Took       time.Duration
}

// missed is the number of goals that aren't met.
func (r result) missed() (n int) {
	for _, row := range r.Rows {
		if row.Goal != "" && !row.Met {
			n++
		}
	}
	return n
}

// verdict is the row's result in a word.
func (r row) verdict() string {
	switch {
	case r.Goal == "":
		return "–"
	case r.Met:
		return "met"
	}
	return "not met"
}

// aside is what else there is to say of a row, on a terminal.
func (r row) aside() string {
	s := ""
	if r.Goal != "" {
		s += " (goal: " + r.Goal + ")"
	}
	if r.Note != "" {
		s += "; " + r.Note
	}
	return s
}

func report(ctx context.Context, folder string, results []result, plots map[string]plot, began time.Time, took time.Duration) error {
	return nil
}
