package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

// verifyResult is how far a verification is.
type verifyResult struct {
	view      ledger.View
	attempted bool                   // or there is nothing to verify any more
	ended     bool                   // no attempt follows
	entry     *listsync.HistoryEntry // of the last attempt; nil if the history has dropped it
}

// wait reads the ledger until each verification has ended, and prints the results. If the wait
// ends early, it prints those of the last attempts.
func (c *verifyCmd) wait(ctx context.Context, s *terminal.Streams, l *ledger.Ledger, receipts []enqueue.Receipt) error {
	results := make([]verifyResult, len(receipts))
	untouched := len(receipts)
	waitErr := waitAll(ctx, s, len(receipts), c.Timeout, logsCommands, func(ctx context.Context) ([]waiting, error) {
		var left []waiting
		var firstErr error
		now := time.Now()
		untouched = 0
		for i, r := range receipts {
			if !results[i].ended && firstErr == nil {
				var result verifyResult
				if result, firstErr = resultOf(ctx, l, r); firstErr == nil {
					if !s.Drawable() && result.follows(results[i]) { // a terminal shows the domains that are left instead
						s.Noticef("%s: %s", r.Domain, text.Printable(result.describe(now)))
					}
					results[i] = result
				}
			}
			switch result := results[i]; {
			case !result.attempted:
				untouched++
				left = append(left, waiting{r.Domain, "on app " + r.AppID + ", waits for a worker to verify it", leftToVerify})
			case !result.ended:
				left = append(left, waiting{r.Domain, result.describe(now), leftToWorkers})
			}
		}
		return left, firstErr
	})
	if waitErr != nil && untouched > 0 {
		waitErr = fmt.Errorf("%w\nWhether a worker is alive:\n  pilotsync doctor", waitErr)
	}
	return c.printResults(s, results, waitErr)
}

// logsCommands show how far the domains that are left are.
func logsCommands(left []waiting) string {
	var commands []string
	for _, w := range left[:min(len(left), maxWaitLines)] {
		commands = append(commands, "pilotsync logs "+w.domain)
	}
	return strings.Join(commands, "\n  ")
}

// resultOf reads how far a verification is.
func resultOf(ctx context.Context, l *ledger.Ledger, r enqueue.Receipt) (verifyResult, error) {
	v, known, err := l.Domain(ctx, r.AppID, r.Domain)
	switch {
	case err != nil:
		return verifyResult{}, err
	case !known: // forgotten or pruned meanwhile
		gone := ledger.View{AppID: r.AppID, Domain: r.Domain, State: tasks.Removed, Reason: "the ledger doesn't have it any more"}
		return verifyResult{view: gone, attempted: true, ended: true}, nil
	case !v.Record.State.Listed():
		return verifyResult{view: v, attempted: true, ended: true}, nil // taken off meanwhile
	case v.Record.CheckSeq < r.Seq, v.Record.Attempt < 1:
		return verifyResult{view: v}, nil
	case v.Record.State.Checking():
		return verifyResult{view: v, attempted: true}, nil
	}
	history, err := l.History(ctx, r.AppID, r.Domain)
	if err != nil {
		return verifyResult{}, err
	}
	for i := range history { // newest first
		if history[i].State == "" {
			break // a newer worker's entry; it may be this verification's
		}
		if history[i].Attempt > 0 {
			return verifyResult{v, true, true, &history[i]}, nil
		}
	}
	return verifyResult{view: v, attempted: true, ended: true}, nil
}

// follows reports whether there is a result of another attempt than before, and more attempts follow.
func (r verifyResult) follows(before verifyResult) bool {
	return r.attempted && !r.ended && (!before.attempted || r.view.Record.Attempt != before.view.Record.Attempt)
}

// describe is the result of the last attempt, and when the next one is. That comes first, since a
// terminal may cut the reason off.
func (r verifyResult) describe(now time.Time) string {
	d := statusOf(r.view)
	attempt := "attempt " + d.describeAttempt()
	switch next := d.NextAttemptAt; {
	case next == nil:
	case next.After(now):
		attempt += ", the next " + relative(next, now)
	default:
		attempt += ", the next is due"
	}
	return attempt + ": " + d.describe()
}

// printResults prints the results of the attempts that were made. Its error says why the wait ended
// early, or how many domains aren't done.
func (c *verifyCmd) printResults(s *terminal.Streams, results []verifyResult, waitErr error) error {
	var states []domainStatus
	t := terminal.Table{Columns: []terminal.Column{terminal.AppColumn(), terminal.DomainColumn(), terminal.StateColumn(), terminal.ReasonColumn()}}
	checks, done := "", 0
	for _, result := range results {
		if !result.attempted {
			continue
		}
		d := statusOf(result.view)
		states = append(states, d)
		t.Add(d.AppID, tasks.ShownName(d.Domain), d.shown(), cmp.Or(d.Advice, d.Reason))
		if result.ended && d.State == tasks.Done {
			done++
		}
		if result.entry != nil {
			checks += checkLines(*result.entry, "")
		}
	}
	var err error
	switch {
	case c.JSON:
		err = printJSON(s.Out, states)
	case len(states) > 0:
		err = errors.Join(t.Print(s), s.Printf("%s", checks))
	}
	switch {
	case err != nil:
		return fmt.Errorf("print the domains: %w", err)
	case waitErr != nil:
		return waitErr
	case done < len(results):
		verb := "are"
		if len(results)-done == 1 {
			verb = "is"
		}
		return fmt.Errorf("%d of %d %s not done", len(results)-done, len(results), verb)
	}
	return nil
}
