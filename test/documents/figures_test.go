package documents_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The README's section Why has the figures of the last benchmarks.
func TestFiguresOfTheREADMEAreMeasured(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	benchmarks, err := os.ReadFile(filepath.Join(root, "bench/BENCHMARKS.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line, measured := range map[string][2]string{
		"60 domains, two writers at once":       {"plugin: two writers at once", "pilotsync: two producers at once, and one call in ten fails"},
		"60 domains, one API call in ten fails": {"plugin: one writer, and one call in ten fails", "pilotsync: two producers at once, and one call in ten fails"},
	} {
		for i, what := range measured {
			row := regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(what) + `[^|]*\| (\d+) of 60 lost \|`).FindSubmatch(benchmarks)
			if row == nil {
				t.Fatalf("bench/BENCHMARKS.md has no line %q", what)
			}
			_, after, _ := strings.Cut(string(readme), "| "+line+" |")
			cells := strings.SplitN(after, "|", 3)
			if got, want := strings.TrimSpace(cells[i%len(cells)]), string(row[1])+" lost"; got != want {
				t.Errorf("README.md, %s: %q; bench/BENCHMARKS.md has %q", line, got, want)
			}
		}
	}
}
