// Command bench measures pilotsync against the other ways of doing the same
// work, side by side in one run, and writes what it saw: BENCHMARKS.md, and
// plots beside it. Nothing in the report is remembered from an earlier run.
//
//	go run ./bench                 everything; some eight minutes on two cores
//	go run ./bench -quick          small sizes, wide margins; fails if a ratio is broken
//	go run ./bench -only burst     one measure, printed and not written
//
// It needs redis-server on PATH and the Go tool, and no other right.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// A measure is one line of the goals, or several that share a set-up.
type measure struct {
	name string // for -only
	goal string // what is measured, as the heading of its table
	run  func(ctx context.Context, b *bench) ([]row, error)
}

// A row is one result. What makes the goal is decided by the measure that knows
// it, by [bench.atMost] or [bench.atLeast], so that -quick has its margin.
type row struct {
	What  string
	Goal  string  // empty for a row that is there for comparison only; Met is true then
	Got   string  // with its unit
	Ratio float64 // of what the goal compares, 0 where it compares nothing
	Met   bool
	Note  string // how it was measured, or why it isn't met
}

// measures are all of them, in the order in which they are run and reported.
func measures() []measure {
	return slices.Concat(listMeasures(), costMeasures())
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

// errBroken: a goal with the wide margin of -quick isn't met.
var errBroken = errors.New("goals are missed, even with the margins of -quick")

func run(ctx context.Context) (err error) {
	quick := flag.Bool("quick", false, "small sizes; exit with 1 if a goal is missed by more than a wide margin; write nothing")
	only := flag.String("only", "", "run this measure, or several separated by commas, and write nothing")
	out := flag.String("out", ".", "folder for BENCHMARKS.md and bench/plots")
	flag.Parse()
	chosen, err := choose(measures(), *only)
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "pilotsync-bench-")
	if err != nil {
		return fmt.Errorf("make a folder for the run: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	b := &bench{quick: *quick, folder: folder, binary: filepath.Join(folder, "pilotsync"), plots: map[string]plot{}}
	if err := b.build(ctx); err != nil {
		return err
	}

	began := time.Now()
	var results []result
	for _, m := range chosen {
		r, err := b.measure(ctx, m)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	if !*quick && *only == "" {
		return report(ctx, *out, results, b.plots, began, time.Since(began))
	}
	if *quick && slices.ContainsFunc(results, func(r result) bool { return r.Missed() > 0 }) {
		return errBroken
	}
	return nil
}

// choose returns the measures named, separated by commas, or all for none.
func choose(all []measure, only string) ([]measure, error) {
	if only == "" {
		return all, nil
	}
	var chosen []measure
	var known []string
	for _, m := range all {
		known = append(known, m.name)
	}
	for name := range strings.SplitSeq(only, ",") {
		i := slices.Index(known, name)
		if i < 0 {
			return nil, fmt.Errorf("there is no measure %q; there are %s", name, strings.Join(known, ", "))
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}

// measure runs one and prints its rows at once, since a run takes minutes.
func (b *bench) measure(ctx context.Context, m measure) (result, error) {
	began := time.Now()
	rows, err := m.run(ctx, b)
	if err != nil {
		return result{}, fmt.Errorf("measure %s: %w", m.name, err)
	}
	r := result{Name: m.name, Goal: m.goal, Rows: rows, Took: time.Since(began)}
	fmt.Printf("%s: %s (%s)\n", r.Name, r.Goal, r.Took.Round(time.Second))
	for _, row := range rows {
		fmt.Printf("  %-8s %s: %s%s\n", row.Verdict(), row.What, row.Got, row.aside())
	}
	return r, nil
}
