package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/webhook"
)

type eventsCmd struct {
	List   eventsListCmd   `cmd:"" default:"withargs" help:"Show the events that were delivered to the webhook, and those that wait."`
	Replay eventsReplayCmd `cmd:"" help:"Deliver events again."`
}

// Help is shown under the command's own --help.
func (*eventsCmd) Help() string {
	return `Alone it is 'pilotsync events list', and takes the flags --app, --failed and --json.

Examples:

    pilotsync events --failed

    pilotsync events replay event:app1:1772366400123456`
}

type eventsListCmd struct {
	redisFlags

	App    []string `predictor:"app" help:"App to show; give it again for more. Default: all."`
	Failed bool     `help:"Show only events that are no longer retried."`
	JSON   bool     `name:"json" help:"Print one JSON array."`
}

// Help is shown under the command's own --help.
func (*eventsListCmd) Help() string {
	return `Delivered events are shown for a day, failed ones for 90 days. The command reads Redis only, so it works without a worker.

Examples:

    pilotsync events

    pilotsync events --failed --app=app1

    pilotsync events --failed --json | jq -r '.[].id' |
      xargs -r pilotsync events replay`
}

// Validate is called by kong after parsing.
func (c *eventsListCmd) Validate() error {
	return checkApps("--app: ", c.App)
}

// eventStatus is the state of an event's delivery, as --json prints it. The keys are a
// contract.
type eventStatus struct {
	ID          string           `json:"id"`
	Delivery    webhook.Delivery `json:"delivery"`
	Error       string           `json:"error"`
	NextAt      *time.Time       `json:"next_at"`
	DeliveredAt *time.Time       `json:"delivered_at"`
	Event       tasks.Event      `json:"event"`
}

// Run prints the events.
func (c *eventsListCmd) Run(ctx context.Context, s *terminal.Streams) error {
	return c.withLedger(ctx, s, func(db database) error {
		all, err := webhook.NewEvents(db.rdb).List(ctx, c.Failed)
		if err != nil {
			return err
		}
		var shown []eventStatus
		for _, e := range all {
			if len(c.App) == 0 || slices.Contains(c.App, e.Event.AppID) {
				shown = append(shown, eventStatus{ID: e.ID, Delivery: e.Delivery, Error: e.Error,
					NextAt: nonZero(e.NextAt), DeliveredAt: nonZero(e.Delivered), Event: e.Event})
			}
		}
		if c.JSON {
			err = printJSON(s.Out, shown)
		} else {
			err = eventTable(shown, time.Now()).Print(s)
		}
		if err != nil {
			return fmt.Errorf("print the events: %w", err)
		}
		return nil
	})
}

func eventTable(events []eventStatus, now time.Time) *terminal.Table {
	t := &terminal.Table{Columns: []terminal.Column{{Title: "ID"}, {Title: "APP", Rank: 4}, {Title: "HAPPENED", Rank: 3}, {Title: "WHAT", Rank: 1}, terminal.DomainColumn(),
		{Title: "DELIVERY", Color: deliveryColor}, {Title: "NEXT", Rank: 2}, {Title: "ERROR", Min: 30, Color: troubleColor}}}
	for _, e := range events {
		event := string(e.Event.Type)
		if e.Event.Type == tasks.DomainState {
			event = e.Event.State.Name()
		}
		t.Add(e.ID, e.Event.AppID, relative(nonZero(e.Event.At), now), event, tasks.ShownName(e.Event.Domain),
			string(e.Delivery), relative(e.NextAt, now), e.Error)
	}
	return t
}

func deliveryColor(delivery string) terminal.Color {
	switch webhook.Delivery(delivery) {
	case webhook.DeliveryFailed:
		return terminal.Red
	case webhook.Delivered:
		return terminal.Green
	}
	return ""
}

type eventsReplayCmd struct {
	redisFlags

	IDs []string `arg:"" name:"id" help:"Events, by the id that 'pilotsync events' shows."`
}

// Help is shown under the command's own --help.
func (*eventsReplayCmd) Help() string {
	return `A worker delivers the events at once, unchanged and with the same webhook-id, so a receiver recognizes those that it already has. If one of the events isn't known, none is sent. An event that is more than two days old is sent once, without retries.

Examples:

    pilotsync events replay event:app1:1772366400123456`
}

// Run enqueues the events again.
func (c *eventsReplayCmd) Run(ctx context.Context, s *terminal.Streams) error {
	return c.withLedger(ctx, s, func(db database) error {
		err := webhook.NewEvents(db.rdb).Replay(ctx, c.IDs...)
		if errors.Is(err, webhook.ErrUnknown) {
			return fmt.Errorf("%w\nNothing was sent. 'pilotsync events' lists the events; delivered ones are kept for a day", err)
		}
		if err != nil {
			return err
		}
		return s.Printf("%s enqueued for delivery: see 'pilotsync events'\n", counted(len(c.IDs), "event"))
	})
}
