package main

import (
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReportMarksWhatIsMissedAndCountsIt(t *testing.T) {
	t.Parallel()
	text, err := render([]result{{Name: "burst", Goal: "A burst", Rows: []row{
		{Title: "limit", Got: "400 ms"},
		{Title: "writes", Goal: "≤ 4", Got: "1", Ratio: 1, Met: true},
		{Title: "time | all", Goal: "≤ 3 ×", Got: "2 s", Ratio: 5, Note: "why"},
	}}}, map[string]plot{"burst": {Title: "Time"}}, "2 cores", time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"1 of 2 goals are\nmet; the tables mark the others",
		"2 January 2026, 03:04 UTC; the run took 1m0s",
		"| limit | 400 ms |  |  |  |\n",
		"| writes | 1 | 1 | ≤ 4 | met |\n",
		`| time \| all<br>*why* | 2 s | 5 | ≤ 3 × | **not met** |` + "\n",
		"![Time](plots/burst.svg)",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the report lacks %q:\n%s", want, text)
		}
	}
}

func TestPlotIsWellFormedWithAnyText(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]plot{
		"any text": {Title: "a < b & c", Lines: []line{{Name: `"x"`, Points: []point{{1, 0.4}, {300, 180}}}, {Name: "y", Points: []point{{1, 0}}}}},
		"a point":  {Lines: []line{{Points: []point{{3, 4}}, Dashed: true}}},
		"empty":    {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			svg, err := p.svg()
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(svg, []byte("NaN")) || bytes.Contains(svg, []byte("Inf")) {
				t.Errorf("a coordinate isn't a number:\n%s", svg)
			}
			if again, err := p.svg(); err != nil || !bytes.Equal(svg, again) {
				t.Errorf("the same plot differs the second time: %v", err)
			}
			decoder := xml.NewDecoder(bytes.NewReader(svg))
			for {
				if _, err := decoder.Token(); errors.Is(err, io.EOF) {
					break
				} else if err != nil {
					t.Fatalf("%v\n%s", err, svg)
				}
			}
		})
	}
}

func TestAxisHasRoundEndsAndLabels(t *testing.T) {
	t.Parallel()
	low, high := roundEnds(0.45, 181)
	if diff := cmp.Diff([]float64{0.2, 200}, []float64{low, high}); diff != "" {
		t.Error(diff)
	}
	for _, test := range []struct {
		low, high float64
		labels    string
	}{
		{1, 10, "1 2 5 10"},
		{0.2, 2000, "1 10 100 1,000"}, // too many for 2 and 5
	} {
		var labels []string
		for _, tick := range ticks(test.low, test.high) {
			labels = append(labels, tick.Label)
		}
		if diff := cmp.Diff(test.labels, strings.Join(labels, " ")); diff != "" {
			t.Errorf("%v to %v: %s", test.low, test.high, diff)
		}
	}
}

func TestQuantileIsOneOfTheMeasured(t *testing.T) {
	t.Parallel()
	var all []time.Duration
	for i := range 100 {
		all = append(all, time.Duration(100-i)*time.Millisecond)
	}
	if got, want := quantile(all, 0.99), 100*time.Millisecond; got != want {
		t.Errorf("p99 is %v, want %v", got, want)
	}
	if got, want := quantile(all, 0.5), 51*time.Millisecond; got != want {
		t.Errorf("the median is %v, want %v", got, want)
	}
}

func TestQuickGivesAMarginAndAFullRunNone(t *testing.T) {
	t.Parallel()
	full, quick := &bench{}, &bench{quick: true}
	got := []bool{full.atMost(3.1, 3), full.atMost(3, 3), quick.atMost(5.9, 3), quick.atMost(6.1, 3),
		full.atLeast(49, 50), full.atLeast(50, 50), quick.atLeast(26, 50), quick.atLeast(24, 50)}
	if diff := cmp.Diff([]bool{false, true, true, false, false, true, true, false}, got); diff != "" {
		t.Error(diff)
	}
}

func TestAGoalKnownToBeMissedIsGuardedAtWhatIsReached(t *testing.T) {
	t.Parallel()
	full, quick := &bench{}, &bench{quick: true}
	got := []bool{full.atLeastYet(0.1, 0.4, 0.1), quick.atLeastYet(0.06, 0.4, 0.1), quick.atLeastYet(0.04, 0.4, 0.1)}
	if diff := cmp.Diff([]bool{false, true, false}, got); diff != "" {
		t.Error(diff)
	}
}

func TestQuickRunFailsWithWhatIsBroken(t *testing.T) {
	t.Parallel()
	rows := []row{{Title: "limit", Got: "400 ms"}, {Title: "writes", Goal: "≤ 4", Got: "1", Met: true}}
	if err := verdict([]result{{Name: "burst", Rows: rows}}, time.Second); err != nil {
		t.Error(err)
	}
	err := verdict([]result{{Name: "burst", Rows: append(rows, row{Title: "time", Goal: "≤ 3 ×", Got: "2 s"})}}, time.Second)
	if !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "burst: time is 2 s, and should be ≤ 3 ×") {
		t.Error(err)
	}
}

func TestCountOfRedisValuesNeedsNoWholeParts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		stream         string
		values, pushed int
	}{
		"commands":         {"*1\r\n$4\r\nPING\r\n*2\r\n$3\r\nGET\r\n$2\r\n\r\n\r\n", 2, 0},
		"simple answers":   {"+OK\r\n:7\r\n-ERR no\r\n_\r\n$-1\r\n*-1\r\n*0\r\n$0\r\n\r\n", 8, 0},
		"nested answers":   {"*2\r\n%1\r\n+a\r\n*2\r\n:1\r\n$3\r\n*9\n\r\n~0\r\n+OK\r\n", 2, 0},
		"pushed and asked": {">2\r\n+message\r\n$1\r\nx\r\n+OK\r\n", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for size := 1; size <= len(test.stream); size++ {
				values, pushed := 0, 0
				c := respCounter{whole: func(push bool) {
					if push {
						pushed++
					} else {
						values++
					}
				}}
				for part := range slices.Chunk([]byte(test.stream), size) {
					_, _ = c.Write(part) // never fails
				}
				if values != test.values || pushed != test.pushed {
					t.Fatalf("in parts of %d bytes: %d values and %d pushes, want %d and %d", size, values, pushed, test.values, test.pushed)
				}
			}
		})
	}
}

func TestMeasuresRunAtOnceWithinTheirKind(t *testing.T) {
	t.Parallel()
	var running, most atomic.Int32
	run := func(context.Context, *bench) ([]row, error) {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		return nil, nil
	}
	both := make(chan struct{})
	meet := func(ctx context.Context, _ *bench) ([]row, error) {
		select {
		case both <- struct{}{}:
		case <-both:
		case <-ctx.Done():
		}
		return nil, ctx.Err()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	results, err := (&bench{}).measureAll(ctx, []measure{{"a", "", run, alone}, {"b", "", meet, counts}, {"c", "", run, waits}, {"d", "", meet, counts}})
	if err != nil || most.Load() != 1 {
		t.Errorf("%d at once: %v", most.Load(), err)
	}
	var names []string
	for _, r := range results {
		names = append(names, r.Name)
	}
	if diff := cmp.Diff([]string{"a", "b", "c", "d"}, names); diff != "" {
		t.Error(diff)
	}
}

func TestACommandThatFindsNothingIsAnIdleWorkers(t *testing.T) {
	t.Parallel()
	var all []command
	for _, line := range []string{
		`1.0 [0 127.0.0.1:1] "EVALSHA" "9f" "2" "asynq:{domains}:pending" "asynq:{domains}:paused"`,
		`1.0 [0 lua] "EXISTS" "asynq:{domains}:paused"`,
		`1.0 [0 lua] "RPOPLPUSH" "asynq:{domains}:pending" "asynq:{domains}:active"`,
		`1.1 [0 127.0.0.1:1] "EVALSHA" "9f" "2" "asynq:{domains}:pending" "asynq:{domains}:paused"`,
		`1.1 [0 lua] "EXISTS" "asynq:{domains}:paused"`,
		`1.1 [0 lua] "RPOPLPUSH" "asynq:{domains}:pending" "asynq:{domains}:active"`,
		`1.1 [0 lua] "ZADD" "asynq:{domains}:lease" "1" "x"`,
		`1.2 [0 127.0.0.1:1] "NEW" "key 7"`,
	} {
		all = append(all, parseMonitor(line+"\r\n"))
	}
	if n := len(sent(all)); n != 3 {
		t.Errorf("%d commands were sent", n)
	}
	var got []string
	for _, r := range parts(ofWork(all), 1, "", workPurposes()) {
		got = append(got, r.Title)
	}
	if diff := cmp.Diff([]string{"– asynq takes a task", "– other: new key N"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestUnknownMeasureIsNamedWithThoseThereAre(t *testing.T) {
	t.Parallel()
	all := []measure{{name: "burst"}, {name: "idle"}}
	if _, err := choose(all, "burst,brust"); err == nil || err.Error() != `there is no measure "brust"; there are burst, idle` {
		t.Error(err)
	}
	if got, err := choose(all, "idle"); err != nil || len(got) != 1 || got[0].name != "idle" {
		t.Error(got, err)
	}
}
