package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"pilotsync/test/harness"
)

// event is a line of go test -json; see go doc test2json.
type event struct {
	Action  string
	Package string
	Test    string // empty for the package itself
	Output  string
	Elapsed float64 // in seconds
}

// timed is a test of a package and how long it took, in seconds.
type timed struct {
	name    string
	seconds float64
}

// summary sums up the events of a run.
type summary struct {
	out                           io.Writer
	passed, failed, skipped, long int               // long: left out by -short
	tests                         []timed           // without subtests
	output                        map[string]string // of a test that runs, by its name
	missing                       []string          // why tests were skipped
}

func newSummary(out io.Writer) *summary { return &summary{out: out, output: map[string]string{}} }

func (s *summary) note(e event) {
	name := e.Package + " " + e.Test
	switch e.Action {
	case "output":
		s.output[name] += e.Output
		return
	case "build-output":
		fmt.Fprint(s.out, e.Output)
		return
	case "pass", "fail", "skip":
	default:
		return
	}
	output := s.output[name]
	delete(s.output, name)
	if e.Test == "" {
		s.packageEnds(e, output)
		return
	}
	if !strings.Contains(e.Test, "/") {
		s.tests = append(s.tests, timed{name, e.Elapsed})
	}
	switch {
	case e.Action == "pass":
		s.passed++
	case e.Action == "fail":
		s.failed++
		fmt.Fprintf(s.out, "\nFAIL %s\n%s\n", name, last(output, 200))
	case strings.Contains(output, harness.TooLong):
		s.long++
	default:
		s.skipped++
		s.missing = append(s.missing, output)
	}
}

func (s *summary) packageEnds(e event, output string) {
	switch {
	case e.Action == "fail":
		fmt.Fprintf(s.out, "FAIL %s\n%s", e.Package, last(output, 200))
	case e.Action == "pass":
		fmt.Fprintf(s.out, "ok   %-50s %6.1f s\n", e.Package, e.Elapsed)
	}
}

// end writes the totals, and reports whether all that should run has passed.
func (s *summary) end() bool {
	slices.SortFunc(s.tests, func(a, b timed) int { return int(1000 * (b.seconds - a.seconds)) })
	fmt.Fprintln(s.out, "the slowest:")
	for _, t := range s.tests[:min(8, len(s.tests))] {
		fmt.Fprintf(s.out, "%6.1f s %s\n", t.seconds, t.name)
	}
	if s.skipped > 0 {
		fmt.Fprintf(s.out, "skipped, though everything they need should be there (see make setup):\n%s", strings.Join(s.missing, ""))
	}
	fmt.Fprintf(s.out, "%d passed, %d failed, %d skipped, %d left to make more\n", s.passed, s.failed, s.skipped, s.long)
	return s.failed == 0 && s.skipped == 0
}

// last is the end of a text, at most n lines, without log lines of the levels info and debug.
func last(text string, n int) string {
	var lines []string
	for line := range strings.Lines(text) {
		if !strings.Contains(line, "level=info") && !strings.Contains(line, "level=debug") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
