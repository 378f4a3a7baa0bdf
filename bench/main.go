// Command bench measures pilotsync against other ways of doing the same work, in one run. It writes
// bench/BENCHMARKS.md and plots beside it, from this run alone.
//
//	go run ./bench                 everything; some eight minutes on two cores
//	go run ./bench -quick          small sizes, wide margins, no absolute times; fails if a guard is broken
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

	"golang.org/x/sync/errgroup"
)

// A measure has one goal, or several that share a fixture.
type measure struct {
	name string // for -only
	goal string // what is measured, as the heading of its table
	run  func(ctx context.Context, b *bench) ([]row, error)
	kind kind
}

// kind says which measures may run at the same time.
type kind int

const (
	alone  kind = iota // its times depend on the machine
	waits              // it mostly waits, and -quick's wide margins cover its times
	counts             // it counts things or bytes, or waits so long that other work matters little
	speed              // like alone, and its goals are absolute times: a busy machine misses them, so -quick leaves it out
)

// together reports whether a measure may run with others of its kind.
func (b *bench) together(m measure) bool {
	return m.kind == counts || m.kind == waits && b.quick
}

// A row is one result. The measure decides whether the goal is met, by [bench.atMost] or
// [bench.atLeast], which apply -quick's margin.
type row struct {
	Title string
	Goal  string  // empty for a row that is there for comparison only; Met is true then
	Got   string  // with its unit
	Ratio float64 // of what the goal compares, 0 for no comparison
	Met   bool
	Yet   string // for a goal known to be missed, the limit that -quick guards instead
	Note  string // how it was measured, or why it isn't met
}

// measures are all of them, in the order in which they are run and reported.
func measures() []measure {
	return slices.Concat(listMeasures(), costMeasures(), scaleMeasures())
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

// errBroken means that a goal is missed by more than -quick's margin.
var errBroken = errors.New("guards are broken, even with the margins of -quick")

func run(ctx context.Context) (err error) {
	quick := flag.Bool("quick", false, "small sizes; exit with 1 if a goal is missed by more than a wide margin, or one known to be missed gets worse; write nothing")
	only := flag.String("only", "", "run this measure, or several separated by commas, and write nothing")
	out := flag.String("out", ".", "folder of the project, for bench/BENCHMARKS.md and bench/plots")
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
	if *quick && *only == "" {
		chosen = slices.DeleteFunc(chosen, func(m measure) bool { return m.kind == speed })
	}
	b := &bench{quick: *quick, folder: folder, binary: filepath.Join(folder, "pilotsync"), plots: map[string]plot{}}
	began := time.Now()
	if err := b.build(ctx); err != nil {
		return err
	}
	results, err := b.measureAll(ctx, chosen)
	switch {
	case err != nil:
		return err
	case *quick:
		return verdict(results, time.Since(began))
	case *only == "":
		return report(ctx, *out, results, b.plots, began, time.Since(began))
	}
	return nil
}

// measureAll runs the measures: first those that may run together, then the others in turn. The
// results have the measures' order.
func (b *bench) measureAll(ctx context.Context, chosen []measure) ([]result, error) {
	results := make([]result, len(chosen))
	group, groupCtx := errgroup.WithContext(ctx)
	for i, m := range chosen {
		if b.together(m) {
			group.Go(func() (err error) {
				results[i], err = b.measure(groupCtx, m)
				return err
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	for i, m := range chosen {
		if b.together(m) {
			continue
		}
		var err error
		if results[i], err = b.measure(ctx, m); err != nil {
			return nil, err
		}
	}
	return results, nil
}

// verdict prints a quick run's end, and returns its error.
func verdict(results []result, took time.Duration) error {
	var broken []string
	held := 0
	for _, r := range results {
		for _, row := range r.Rows {
			switch {
			case row.Goal == "":
			case row.Met:
				held++
			default:
				broken = append(broken, fmt.Sprintf("%s: %s is %s, and should be %s", r.Name, row.Title, row.Got, row.Goal))
			}
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("%w:\n  %s", errBroken, strings.Join(broken, "\n  "))
	}
	fmt.Printf("%d guards hold; it took %s\n", held, took.Round(time.Second))
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
	fmt.Print(r.printed(b.quick))
	return r, nil
}
