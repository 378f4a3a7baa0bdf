package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

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
	return fmt.Sprintf(`It shows the last writes of an app's list, newest first: their numbers, how they ended, and which names each took on (+) and off (-). The last %d are kept. How a write ended is: written; failed, if ServerPilot didn't take it; unknown, if the answer never came, so that the next sync read the list again; writing, if it is on its way, and has no number yet. What happened to one domain shows 'pilotsync logs'. It needs Redis only.

Examples:

    pilotsync history --app=app1

    pilotsync history --app=app1 -n 50 --json | jq '.[] | select(.removed != [])'`, ledger.WritesKept)
}

// Validate is called by kong after parsing.
func (c *historyCmd) Validate() error {
	if c.Last < 1 || c.Last > ledger.WritesKept {
		return fmt.Errorf("--last is %d; it takes a number from 1 to %d", c.Last, ledger.WritesKept)
	}
	return nil
}

// writeStatus is a write, as --json prints it. The keys are a contract with
// whoever reads them.
type writeStatus struct {
	AppID   string    `json:"app_id"`
	Write   int64     `json:"write"` // 0 for one on its way
	At      time.Time `json:"at"`
	Outcome string    `json:"outcome"`
	Added   []string  `json:"added"`
	Removed []string  `json:"removed"`
	Size    int       `json:"size"`
	Who     string    `json:"who"`
}

// Run prints the writes.
func (c *historyCmd) Run(ctx context.Context, s *streams) error {
	app, err := c.app()
	if err != nil {
		return usageError{err}
	}
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	l := ledger.New(rdb)
	state, err := l.App(ctx, app)
	if err != nil {
		return err
	}
	writes, err := l.Writes(ctx, app, c.Last)
	switch {
	case err != nil:
		return err
	case len(writes) == 0 && state.Wake == 0:
		return fmt.Errorf("not known: %s (no worker has taken a change for it yet)", app)
	case c.JSON:
		var all []writeStatus
		for _, w := range writes {
			all = append(all, writeStatus{app, w.N, w.At.UTC(), w.Outcome, append([]string{}, w.Added...), append([]string{}, w.Removed...), w.Size, w.WorkerID})
		}
		err = printJSON(s.Out, all)
	default:
		err = printWrites(s, app, writes)
	}
	if err != nil {
		return fmt.Errorf("print the writes: %w", err)
	}
	return nil
}

func printWrites(s *streams, app string, writes []ledger.Write) error {
	if len(writes) == 0 {
		s.notice("No write of %s's list is known.", app)
		return nil
	}
	var b strings.Builder
	for _, w := range writes {
		number := fmt.Sprintf("write %d", w.N)
		if w.N == 0 {
			number = "on its way"
		}
		outcome := s.palette().paint(outcomeColor(w.Outcome), plain(w.Outcome))
		fmt.Fprintf(&b, "%s  %s  %s  %d names with it  (%s)\n", number, w.At.UTC().Format(restore.TimeFormat), outcome, w.Size, plain(w.WorkerID))
		if err := printDiff(&b, w.Added, w.Removed); err != nil {
			return err
		}
	}
	return s.printf("%s", b.String())
}

func outcomeColor(outcome string) color {
	switch outcome {
	case "written":
		return ""
	case "failed":
		return red
	}
	return yellow
}

// printDiff prints names as a diff shows lines.
func printDiff(out io.Writer, added, removed []string) error {
	var b strings.Builder
	for _, name := range removed {
		b.WriteString("  - " + plain(name) + "\n")
	}
	for _, name := range added {
		b.WriteString("  + " + plain(name) + "\n")
	}
	_, err := io.WriteString(out, b.String())
	return err
}
