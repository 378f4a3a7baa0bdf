package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// followEvery is how often a command that follows domains reads the ledger.
const followEvery = 300 * time.Millisecond

// waiting is a domain that a command waits for, and what the domain waits for.
type waiting struct{ domain, why string }

// waitAll calls check until nothing is left, and shows on a terminal what is. Check
// returns what is left even if it fails; a Redis that doesn't answer is waited for.
// The error says why the wait ended before, and that the work goes on.
func waitAll(ctx context.Context, s *streams, all int, limit time.Duration, lookAgain func([]waiting) string, check func(context.Context) ([]waiting, error)) error {
	late := time.NewTimer(limit)
	defer late.Stop()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	block, start := &live{s: s}, time.Now()
	defer block.clear()
	ended := func(cause string, left []waiting) error {
		var names []string
		for _, w := range left[:min(len(left), maxWaitLines)] {
			names = append(names, w.domain)
		}
		if more := len(left) - len(names); more > 0 {
			names = append(names, fmt.Sprintf("and %d more", more))
		}
		return fmt.Errorf("%s. %d of %d ended; the workers go on with the rest: %s\nTo look again:\n  %s",
			cause, all-len(left), all, strings.Join(names, ", "), lookAgain(left))
	}
	away := false
	for {
		left, err := check(ctx)
		if err != nil && !away && ctx.Err() == nil {
			block.clear()
			s.notice("The ledger can't be read; still waiting: %v", err)
		}
		away = err != nil
		if len(left) == 0 {
			return nil
		}
		head := fmt.Sprintf("%d of %d ended after %s; Ctrl-C stops only the waiting", all-len(left), all, rough(time.Since(start)))
		block.draw(append([]string{head}, waitLines(left, maxWaitLines)...))
		select {
		case <-ctx.Done():
			return ended("interrupted", left)
		case <-late.C:
			return ended(fmt.Sprintf("the time is up (--timeout %s)", limit), left)
		case <-tick.C:
		}
	}
}

const maxWaitLines = 10

// waitLines tell which domains wait and why, at most so many.
func waitLines(left []waiting, most int) []string {
	var lines []string
	for i, w := range left {
		if i == most {
			return append(lines, fmt.Sprintf("  … and %d more", len(left)-most))
		}
		lines = append(lines, "  "+plain(strings.TrimSuffix(w.domain+": "+w.why, ": ")))
	}
	return lines
}
