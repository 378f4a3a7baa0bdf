package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
)

// followInterval is how often a command that follows domains reads the ledger.
const followInterval = 300 * time.Millisecond

// waiting is a domain that a command waits for.
type waiting struct {
	domain string
	reason string // what the domain waits for
	left   string // what happens to it after the command, one of the left… constants
}

// What happens to a domain after the command: the words before a list of such domains.
const (
	leftToWorkers = "the workers continue with"
	leftOnQueue   = "on the queue, until a worker takes it"
	leftToVerify  = "for a worker to verify"
)

// waitAll calls check until no domain is left, and shows on a terminal those that are. Check
// returns the domains that are left even if it fails: a Redis that doesn't answer only delays
// the end. An error says why the wait ended early, and what happens to the domains that are
// left. It names the command that checks them again.
func waitAll(ctx context.Context, s *terminal.Streams, all int, limit time.Duration, nextCommand func([]waiting) string, check func(context.Context) ([]waiting, error)) error {
	late := time.NewTimer(limit)
	defer late.Stop()
	tick := time.NewTicker(followInterval)
	defer tick.Stop()
	block, start := &terminal.Block{Streams: s}, time.Now()
	defer block.Clear()
	ended := func(cause string, left []waiting) error {
		text := fmt.Sprintf("%s; %d of %d ended", cause, all-len(left), all)
		for _, kind := range []string{leftToWorkers, leftOnQueue, leftToVerify} {
			if names := leftNames(left, kind); names != "" {
				text += "\n  " + kind + ": " + names
			}
		}
		return fmt.Errorf("%s\nTo check again:\n  %s", text, nextCommand(left))
	}
	away := false
	for {
		left, err := check(ctx)
		if mayNotRead(err) {
			return fmt.Errorf("this Redis user may not read the ledger, so --wait can't follow: %w", err)
		}
		if err != nil && !away && ctx.Err() == nil {
			block.Clear()
			s.Noticef("The ledger can't be read; still waiting: %v", err)
		}
		away = err != nil
		if len(left) == 0 {
			return nil
		}
		head := fmt.Sprintf("%d of %d ended after %s; Ctrl-C stops only the waiting", all-len(left), all, humanDuration(time.Since(start)))
		block.Draw(append([]string{head}, waitLines(left, maxWaitLines)...))
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

// waitLines say which domains wait and why, at most so many.
func waitLines(left []waiting, most int) []string {
	var lines []string
	for i, w := range left {
		if i == most {
			return append(lines, fmt.Sprintf("  … and %d more", len(left)-most))
		}
		lines = append(lines, "  "+text.Printable(strings.TrimSuffix(w.domain+": "+w.reason, ": ")))
	}
	return lines
}
