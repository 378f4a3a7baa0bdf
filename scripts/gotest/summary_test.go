package main

import (
	"strings"
	"testing"

	"pilotsync/test/harness"
)

// sumUp returns what a run of go test -json comes to, its log, and whether it passed.
func sumUp(t *testing.T, lines ...string) (written, log string, passed bool) {
	t.Helper()
	var out, all strings.Builder
	s := newSummary(&out)
	if err := read(strings.NewReader(strings.Join(lines, "\n")), s, &all); err != nil {
		t.Fatal(err)
	}
	passed = s.end()
	return out.String(), all.String(), passed
}

func TestARunIsSummedUp(t *testing.T) {
	t.Parallel()
	const (
		good   = `{"Action":"pass","Package":"p","Test":"TestGood","Elapsed":1.5}`
		end    = `{"Action":"pass","Package":"p","Elapsed":2}`
		output = `{"Action":"output","Package":"p","Test":"Test","Output":"WHY\n"}`
		skip   = `{"Action":"skip","Package":"p","Test":"Test"}`
	)
	for name, c := range map[string]struct {
		lines  []string
		passed bool
		want   string
	}{
		"passed":          {[]string{good, end}, true, "1 passed, 0 failed, 0 skipped, 0 left"},
		"failed":          {[]string{good, output, `{"Action":"fail","Package":"p","Test":"Test"}`}, false, "FAIL p Test\nWHY"},
		"skipped":         {[]string{output, skip, end}, false, "WHY\n0 passed, 0 failed, 1 skipped"},
		"left out":        {[]string{strings.Replace(output, "WHY", harness.TooLong, 1), skip, good, end}, true, "1 passed, 0 failed, 0 skipped, 1 left"},
		"the slowest":     {[]string{good}, true, "1.5 s p TestGood"},
		"does not build":  {[]string{`{"Action":"build-output","ImportPath":"p","Output":"x.go:1: WHY\n"}`}, true, "x.go:1: WHY"},
		"no line of JSON": {[]string{"go: WHY"}, true, "go: WHY"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			written, log, passed := sumUp(t, c.lines...)
			if passed != c.passed || !strings.Contains(written, c.want) {
				t.Errorf("passed: %v, want %v and %q in\n%s", passed, c.passed, c.want, written)
			}
			if strings.Contains(strings.Join(c.lines, ""), "WHY") && !strings.Contains(log, "WHY") {
				t.Errorf("the log lacks the output:\n%s", log)
			}
		})
	}
}

func TestOnlyTheLastLinesAreShownWithoutChatter(t *testing.T) {
	t.Parallel()
	if got := last("one\nlevel=info two\nthree\nfour\n", 2); got != "three\nfour\n" {
		t.Errorf("got %q", got)
	}
}
