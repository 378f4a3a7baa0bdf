package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

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

	N    int  `short:"n" name:"limit" default:"50" help:"How many to show at most, the newest first."`
	JSON bool `name:"json" help:"Print one JSON array, with the bytes of each in base64."`
}

// Help is shown under the command's own --help.
func (*quarantineListCmd) Help() string {
	return fmt.Sprintf(`The workers look every half minute for messages on the queues that asynq can neither run nor archive, such as what isn't in asynq's format: one of them would keep the tasks of dead workers from being taken over. They are taken off the queue and kept here, %d at most; beyond that the oldest is dropped, which the worker's log says. What a message asked for wasn't done: ask for it again, and see what put it there. Of a message longer than 64 KiB only the beginning is kept. It reads Redis only, so it works without a worker.

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
func (c *quarantineListCmd) Run(ctx context.Context, s *streams) error {
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	shown, total, err := janitor.NewQuarantine(rdb).List(ctx, c.N)
	if err != nil {
		return err
	}
	switch {
	case c.JSON:
		err = printJSON(s.Out, shown)
	case total == 0:
		s.notice("Nothing is in quarantine.")
	default:
		err = quarantineTable(shown, time.Now()).print(s)
	}
	if err == nil && total > len(shown) {
		s.notice("%d of %d are shown; --limit shows more", len(shown), total)
	}
	if err != nil {
		return fmt.Errorf("print the quarantine: %w", err)
	}
	return nil
}

func quarantineTable(all []janitor.Quarantined, now time.Time) *table {
	t := &table{columns: []column{{title: "ID"}, {title: "FOUND", rank: 1}, {title: "QUEUE"}, {title: "LIST", rank: 3},
		{title: "TASK", rank: 2, min: 20}, {title: "BYTES", rank: 4}, {title: "WHY", min: 30}}}
	for _, q := range all {
		t.add(q.ID, relative(known(q.At), now), q.Queue, q.List, q.Task, strconv.Itoa(q.Size), q.Why)
	}
	return t
}

type quarantineDropCmd struct {
	redisFlags

	IDs []string `arg:"" name:"id" help:"Messages, by the id that 'pilotsync quarantine' shows."`
}

// Help is shown under the command's own --help.
func (*quarantineDropCmd) Help() string {
	return `They are gone for good. If one of them isn't in quarantine, none is deleted.

Examples:

    pilotsync quarantine drop 5f2d0c9a7be41366

    pilotsync quarantine --json | jq -r '.[].id' | xargs -r pilotsync quarantine drop`
}

// Run deletes the messages.
func (c *quarantineDropCmd) Run(ctx context.Context, s *streams) error {
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	err = janitor.NewQuarantine(rdb).Drop(ctx, c.IDs...)
	if errors.Is(err, janitor.ErrNotQuarantined) {
		return fmt.Errorf("%w\nNothing was deleted. 'pilotsync quarantine' shows what is there", err)
	}
	if err != nil {
		return err
	}
	what := "1 message is"
	if len(c.IDs) != 1 {
		what = fmt.Sprintf("%d messages are", len(c.IDs))
	}
	return s.printf("%s deleted\n", what)
}
