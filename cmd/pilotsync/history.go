package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
	"pilotsync/worker/ledger"
	"pilotsync/worker/restore"
)

type historyCmd struct {
	redisFlags
	appFlag

	Last int  `short:"n" name:"last" default:"20" placeholder:"N" help:"How many writes to show, 1 to 50. Default: 20."`
	JSON bool `name:"json" help:"Print one JSON array."`
}

// Help is shown under the command's own --help.
func (*historyCmd) Help() string {
	return fmt.Sprintf(`Shows the last writes of an app's list, newest first, with number and outcome. Each write has the names that it put on the list (+) and took off it (-). The last %d are kept. The outcome is 'written', or 'failed' if ServerPilot refused the write. It is 'unknown' if no answer came; the next sync then read the list again. It is 'writing' while the write is in flight and has no number yet. 'pilotsync logs' shows what happened to one domain. The command needs Redis only.

Examples:

    pilotsync history --app=app1

    pilotsync history --app=app1 --json | jq '.[] | select(.removed != [])'`, ledger.WritesKept)
}

// Validate is called by kong after parsing.
func (c *historyCmd) Validate() error {
	if c.Last < 1 || c.Last > ledger.WritesKept {
		return fmt.Errorf("--last is %d; it takes a number from 1 to %d", c.Last, ledger.WritesKept)
	}
	return nil
}

// writeStatus is a write, as --json prints it. The keys are a contract.
type writeStatus struct {
	AppID string `json:"app_id"`
	Write int64  `json:"write"` // 0 for one in flight
	writeSummary
}

// writeSummary is a write without its app and number. The keys are a contract.
type writeSummary struct {
	At       time.Time           `json:"at"`
	Outcome  ledger.WriteOutcome `json:"outcome"`
	Added    []string            `json:"added"`
	Removed  []string            `json:"removed"`
	Size     int                 `json:"size"`
	WorkerID string              `json:"who"`
	ActionID string              `json:"actionid,omitempty"` // of ServerPilot's action
}

func summaryOf(w ledger.Write) writeSummary {
	return writeSummary{w.At.UTC(), w.Outcome, append([]string{}, w.Added...), append([]string{}, w.Removed...), w.Size, w.WorkerID, w.ActionID}
}

// Run prints the writes.
func (c *historyCmd) Run(ctx context.Context, s *terminal.Streams) error {
	app, err := c.app()
	if err != nil {
		return err
	}
	return c.withLedger(ctx, s, func(db database) error {
		state, err := db.ledger.App(ctx, app)
		if err != nil {
			return err
		}
		writes, err := db.ledger.Writes(ctx, app, c.Last)
		switch {
		case err != nil:
			return err
		case len(writes) == 0 && state.Wake == 0:
			return unknownApps([]string{app})
		case c.JSON:
			var all []writeStatus
			for _, w := range writes {
				all = append(all, writeStatus{app, w.N, summaryOf(w)})
			}
			err = printJSON(s.Out, all)
		default:
			err = printWrites(s, app, writes)
		}
		if err != nil {
			return fmt.Errorf("print the writes: %w", err)
		}
		return nil
	})
}

func printWrites(s *terminal.Streams, app string, writes []ledger.Write) error {
	if len(writes) == 0 {
		s.Noticef("No write of %s's list is known.", app)
		return nil
	}
	var b strings.Builder
	for _, w := range writes {
		number := fmt.Sprintf("write %d", w.N)
		if w.N == 0 {
			number = "in flight"
		}
		outcome := s.Palette().Paint(outcomeColor(w.Outcome), text.Printable(string(w.Outcome)))
		fmt.Fprintf(&b, "%s  %s  %s  a list of %d names  (%s%s)\n", number, w.At.UTC().Format(restore.TimeFormat), outcome, w.Size, text.Printable(w.WorkerID), actionNote(w.ActionID))
		if err := printDiff(&b, w.Added, w.Removed); err != nil {
			return err
		}
	}
	return s.Printf("%s", b.String())
}

func outcomeColor(outcome ledger.WriteOutcome) terminal.Color {
	switch outcome {
	case ledger.WriteSucceeded:
		return ""
	case ledger.WriteFailed:
		return terminal.Red
	}
	return terminal.Yellow
}

// actionNote is the id of ServerPilot's action, behind who made the write.
func actionNote(id string) string {
	if id == "" {
		return ""
	}
	return ", action " + text.Printable(id)
}
