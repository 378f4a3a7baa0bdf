package main

import (
	"context"
	"fmt"
	"math"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// apiLatency is how long each call to ServerPilot takes, unless a measure says so.
const apiLatency = 200 * time.Millisecond

// bench is the state that the measures of one run share.
type bench struct {
	quick  bool
	folder string // of this run, removed at its end
	binary string // the program under measurement

	mu    sync.Mutex // measures may run at once
	plots map[string]plot
}

// plot keeps a plot for the report.
func (b *bench) plot(name string, p plot) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.plots[name] = p
}

// margin is how much worse than its goal a ratio may be under -quick, with small sizes on a busy
// machine. It is wide, to catch a regression of the design, not of a few percent.
const margin = 2

// atMost reports whether got is within the limit, given the run's margin.
func (b *bench) atMost(got, limit float64) bool {
	if b.quick {
		limit *= margin
	}
	return got <= limit
}

// atLeast reports whether got reaches the limit, given the run's margin.
func (b *bench) atLeast(got, limit float64) bool {
	if b.quick {
		limit /= margin
	}
	return got >= limit
}

// atLeastYet is atLeast for a goal known to be missed: -quick guards the ratio reached so far, with
// its margin.
func (b *bench) atLeastYet(got, limit, reached float64) bool {
	if b.quick {
		limit = reached
	}
	return b.atLeast(got, limit)
}

// limited is a row whose figure has a limit, both in the unit.
func (b *bench) limited(title string, got, limit float64, unit, note string) row {
	return row{Title: title, Goal: "≤ " + figure(limit) + unit, Got: figure(got) + unit, Ratio: got / limit, Met: b.atMost(got, limit), Note: note}
}

// figure formats a number for a table: three digits, or all before the point.
func figure(x float64) string {
	if math.Abs(x) >= 1000 {
		return fmt.Sprintf("%.0f", x)
	}
	return fmt.Sprintf("%.3g", x)
}

// size is the number of things that a measure works on.
func (b *bench) size(full, quick int) int {
	if b.quick {
		return quick
	}
	return full
}

// build builds the program as `make build` does.
func (b *bench) build(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-o", b.binary, "pilotsync/cmd/pilotsync")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build the program: %w\n%s", err, out)
	}
	return nil
}

// quantile is the measured duration below which the share q, 0 to 1, of all lies. It sorts them.
func quantile(all []time.Duration, q float64) time.Duration {
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[min(int(q*float64(len(all))), len(all)-1)]
}

// seconds formats a duration for a table: three digits and a unit.
func seconds(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 100*time.Second:
		return fmt.Sprintf("%.3g s", d.Seconds())
	}
	return fmt.Sprintf("%.0f s", d.Seconds())
}
