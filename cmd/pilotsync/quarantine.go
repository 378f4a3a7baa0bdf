package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"pilotsync/internal/terminal"
	"pilotsync/worker/janitor"
)

type quarantineCmd struct {
	List quarantineListCmd `cmd:"" default:"withargs" help:"Show the messages in quarantine."`
	Drop quarantineDropCmd `cmd:"" help:"Delete messages from the quarantine."`
}

// Help is shown under the command's own --help.
func (*quarantineCmd) Help() string {
	return `Alone it is 'pilotsync quarantine list', and takes the flags -n and --json.

Examples:

    pilotsync quarantine

    pilotsync quarantine drop 5f2d0c9a7be41366`
}

type quarantineListCmd struct {
	redisFlags

	N    int  `short:"n" name:"limit" default:"50" help:"How many to show at most, newest first."`
	JSON bool `name:"json" help:"Print one JSON array, with the bytes of each in base64."`
}

// Help is shown under the command's own --help.
func (*quarantineListCmd) Help() string {
	return fmt.Sprintf(`Every half minute a worker checks the queues for messages that asynq can neither run nor archive, such as one in another format, or one of more than 64 KiB. A single one would stop asynq's recovery of dead workers' tasks. The worker moves them to the quarantine, which keeps at most %d. Keys of asynq that have the wrong type get there, too. When it is full, the oldest is dropped and the worker's log says so. The request in such a message wasn't carried out: send it again, and find out which program wrote it. Of a message longer than 64 KiB only the beginning is kept, and of one longer than 1 MiB nothing. The command reads Redis only, so it works without a worker.

Examples:

    pilotsync quarantine

    pilotsync quarantine --json | jq -r '.[0].raw' | base64 -d | xxd`, janitor.QuarantineLimit)
}

// Validate is called by kong after parsing.
func (c *quarantineListCmd) Validate() error {
	if c.N < 1 {
		return fmt.Errorf("--limit is %d; it takes a number from 1", c.N)
	}
	return nil
}

// Run prints the messages.
func (c *quarantineListCmd) Run(ctx context.Context, s *terminal.Streams) error {
	return c.withLedger(ctx, s, func(db database) error {
		shown, total, err := janitor.NewQuarantine(db.rdb).List(ctx, c.N)
		if err != nil {
			return err
		}
		switch {
		case c.JSON:
			err = printJSON(s.Out, shown)
		case total == 0:
			s.Noticef("Nothing is in quarantine.")
		default:
			err = quarantineTable(shown, time.Now()).Print(s)
		}
		if err == nil && total > len(shown) {
			s.Noticef("%d of %d are shown; --limit shows more", len(shown), total)
		}
		if err != nil {
			return fmt.Errorf("print the quarantine: %w", err)
		}
		return nil
	})
}

func quarantineTable(all []janitor.Quarantined, now time.Time) *terminal.Table {
	t := &terminal.Table{Columns: []terminal.Column{{Title: "ID"}, {Title: "FOUND", Rank: 1}, {Title: "QUEUE"}, {Title: "LIST", Rank: 3},
		{Title: "TASK", Rank: 2, Min: 20}, {Title: "BYTES", Rank: 4}, {Title: "WHY", Min: 30}}}
	for _, q := range all {
		t.Add(q.ID, relative(nonZero(q.At), now), q.Queue, q.List, q.Task, strconv.Itoa(q.Size), q.Why)
	}
	return t
}

type quarantineDropCmd struct {
	redisFlags

	IDs []string `arg:"" name:"id" help:"Messages, by the id that 'pilotsync quarantine' shows."`
}

// Help is shown under the command's own --help.
func (*quarantineDropCmd) Help() string {
	return `Deletes the messages for ever. If one of them isn't in quarantine, none is deleted.

Examples:

    pilotsync quarantine drop 5f2d0c9a7be41366

    pilotsync quarantine --json | jq -r '.[].id' |
      xargs -r pilotsync quarantine drop`
}

// Run deletes the messages.
func (c *quarantineDropCmd) Run(ctx context.Context, s *terminal.Streams) error {
	return c.withLedger(ctx, s, func(db database) error {
		err := janitor.NewQuarantine(db.rdb).Drop(ctx, c.IDs...)
		if errors.Is(err, janitor.ErrNotQuarantined) {
			return fmt.Errorf("%w\nNothing was deleted. 'pilotsync quarantine' lists the messages", err)
		}
		if err != nil {
			return err
		}
		return s.Printf("%s deleted\n", counted(len(c.IDs), "message"))
	})
}
