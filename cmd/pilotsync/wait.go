package main

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// followEvery is how often a command that follows domains reads the ledger.
const followEvery = 300 * time.Millisecond

// waiting is a domain that a command waits for.
type waiting struct {
	domain string
	why    string // what the domain waits for
	left   string // how it goes on once the command ends, before a list of such domains
}

const (
	leftToWorkers = "the workers go on with"
	leftOnQueue   = "on the queue, until a worker takes it"
	leftToVerify  = "for a worker to verify"
)

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
		text := fmt.Sprintf("%s; %d of %d ended", cause, all-len(left), all)
		for _, kind := range []string{leftToWorkers, leftOnQueue, leftToVerify} {
			if names := leftNames(left, kind); names != "" {
				text += "\n  " + kind + ": " + names
			}
		}
		return fmt.Errorf("%s\nTo look again:\n  %s", text, lookAgain(left))
	}
	away := false
	for {
		left, err := check(ctx)
		if mayNotRead(err) {
			return fmt.Errorf("this Redis user may not read the ledger, so --wait can't follow: %w", err)
		}
		if err != nil && !away && ctx.Err() == nil {
			block.clear()
			s.notice("The ledger can't be read; still waiting: %v", err)
		}
		away = err != nil
		if len(left) == 0 {
			return nil
		}
		head := fmt.Sprintf("%d of %d ended after %s; Ctrl-C stops only the waiting", all-len(left), all, humanDuration(time.Since(start)))
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

// leftNames lists the domains of one kind, up to some.
func leftNames(left []waiting, kind string) string {
	var names []string
	for _, w := range left {
		if w.left == kind {
			names = append(names, w.domain)
		}
	}
	if more := len(names) - maxWaitLines; more > 0 {
		names = append(names[:maxWaitLines], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(names, ", ")
}

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
