package main

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"
)

// result is a measure that was run.
type result struct {
	Name, Goal string
	Rows       []row
	Took       time.Duration
}

// Missed is the number of goals that aren't met.
func (r result) Missed() (n int) {
	for _, row := range r.Rows {
		if row.Goal != "" && !row.Met {
			n++
		}
	}
	return n
}

// Goals is the number of goals.
func (r result) Goals() (n int) {
	for _, row := range r.Rows {
		if row.Goal != "" {
			n++
		}
	}
	return n
}

// Verdict is the row's result in a word.
func (r row) Verdict() string {
	switch {
	case r.Goal == "":
		return "–"
	case r.Met:
		return "met"
	}
	return "not met"
}

// Times is the row's ratio for a table.
func (r row) Times() string {
	if r.Ratio == 0 {
		return ""
	}
	return fmt.Sprintf("%.3g", r.Ratio)
}

// details is the rest of a row on a terminal: ratio, goal and note.
func (r row) details() string {
	s := ""
	if r.Goal != "" {
		s += " (goal: " + r.Goal + ")"
	}
	if r.Note != "" {
		s += "; " + r.Note
	}
	return s
}

// printed is the result for a terminal; for a quick run, a line for each guard.
func (r result) printed(quick bool) string {
	var b strings.Builder
	if !quick {
		fmt.Fprintf(&b, "%s: %s (%s)\n", r.Name, r.Goal, r.Took.Round(time.Second))
	}
	for _, row := range r.Rows {
		switch {
		case !quick:
			fmt.Fprintf(&b, "  %-8s %s: %s%s\n", row.Verdict(), row.Title, row.Got, row.details())
		case row.Goal == "":
		case row.Met:
			fmt.Fprintf(&b, "holds   %s: %s: %s (%s)\n", r.Name, row.Title, row.Got, row.guard())
		default:
			fmt.Fprintf(&b, "BROKEN  %s: %s: %s%s\n", r.Name, row.Title, row.Got, row.details())
		}
	}
	return b.String()
}

// guard is the goal of a quick run, without its margin.
func (r row) guard() string {
	if r.Yet == "" {
		return r.Goal
	}
	return r.Goal + ", not reached yet: " + r.Yet + " is guarded"
}

//go:embed report.md.tmpl
var reportTemplate string

// report writes bench/BENCHMARKS.md and its plots; folder is the project's.
func report(ctx context.Context, folder string, results []result, plots map[string]plot, began time.Time, took time.Duration) error {
	at := filepath.Join(folder, "bench", "plots")
	if err := os.MkdirAll(at, 0o755); err != nil {
		return fmt.Errorf("write the plots: %w", err)
	}
	for name, p := range plots {
		svg, err := p.svg()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(at, name+".svg"), svg, 0o644); err != nil {
			return fmt.Errorf("write a plot: %w", err)
		}
	}
	text, err := render(results, plots, machine(ctx), began, took)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "bench", "BENCHMARKS.md"), text, 0o644); err != nil {
		return fmt.Errorf("write the report: %w", err)
	}
	return nil
}

// render is the report's text.
func render(results []result, plots map[string]plot, machine string, began time.Time, took time.Duration) ([]byte, error) {
	parsed, err := template.New("report").Funcs(template.FuncMap{"cell": cell, "seconds": seconds}).Parse(reportTemplate)
	if err != nil {
		return nil, fmt.Errorf("read the report's template: %w", err)
	}
	type shown struct{ Name, Title string }
	var pictures []shown
	for name, p := range plots {
		pictures = append(pictures, shown{name, p.Title})
	}
	slices.SortFunc(pictures, func(a, b shown) int { return strings.Compare(a.Name, b.Name) })
	goals, missed := 0, 0
	for _, r := range results {
		goals, missed = goals+r.Goals(), missed+r.Missed()
	}
	var text bytes.Buffer
	err = parsed.Execute(&text, map[string]any{
		"Results": results, "Plots": pictures, "Machine": machine,
		"Date": began.UTC().Format("2 January 2006, 15:04 UTC"), "Took": took.Round(time.Second).String(),
		"Goals": goals, "Missed": missed, "Met": goals - missed, "Latency": seconds(apiLatency),
	})
	if err != nil {
		return nil, fmt.Errorf("write the report: %w", err)
	}
	return text.Bytes(), nil
}

// cell makes a text one cell of a Markdown table.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "\n", " ").Replace(s)
}
