package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"pilotsync/tasks"
	"pilotsync/worker/webhook"
)

type eventsCmd struct {
	List   eventsListCmd   `cmd:"" default:"withargs" help:"Show what the webhook was told of, and what it is to be told."`
	Replay eventsReplayCmd `cmd:"" help:"Send events again."`
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
	Failed bool     `help:"Show only those that are not sent any more."`
	JSON   bool     `name:"json" help:"Print one JSON array."`
}

// Help is shown under the command's own --help.
func (*eventsListCmd) Help() string {
	return `It reads Redis only, so it works without a worker. Events that were delivered are shown for a day, those that failed for 90 days.

Examples:

    pilotsync events

    pilotsync events --failed --app=app1

    pilotsync events --failed --json | jq -r '.[].id' | xargs -r pilotsync events replay`
}

// Validate is called by kong after parsing.
func (c *eventsListCmd) Validate() error {
	var errs []error
	for _, app := range c.App {
		if err := tasks.CheckAppID(app); err != nil {
			errs = append(errs, fmt.Errorf("--app: %w", err))
		}
	}
	return errors.Join(errs...)
}

// eventStatus is where an event stands, as --json prints it. The keys are a
// contract with whoever reads them.
type eventStatus struct {
	ID          string           `json:"id"`
	Delivery    webhook.Delivery `json:"delivery"`
	Error       string           `json:"error"`
	NextAt      *time.Time       `json:"next_at"`
	DeliveredAt *time.Time       `json:"delivered_at"`
	Event       tasks.Event      `json:"event"`
}

// Run prints the events.
func (c *eventsListCmd) Run(ctx context.Context, s *streams) error {
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	all, err := webhook.NewEvents(rdb).List(ctx, c.Failed)
	if err != nil {
		return err
	}
	var shown []eventStatus
	for _, e := range all {
		if len(c.App) == 0 || slices.Contains(c.App, e.Event.AppID) {
			shown = append(shown, eventStatus{ID: e.ID, Delivery: e.Delivery, Error: e.Error,
				NextAt: known(e.NextAt), DeliveredAt: known(e.Delivered), Event: e.Event})
		}
	}
	if c.JSON {
		err = printJSON(s.Out, shown)
	} else {
		err = eventTable(shown, time.Now()).print(s)
	}
	if err != nil {
		return fmt.Errorf("print the events: %w", err)
	}
	return nil
}

// known is nil for the zero time.
func known(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func eventTable(events []eventStatus, now time.Time) *table {
	t := &table{columns: []column{{title: "ID"}, {title: "APP", rank: 4}, {title: "HAPPENED", rank: 3}, {title: "WHAT", rank: 1}, domainColumn(),
		{title: "DELIVERY", color: deliveryColor}, {title: "NEXT", rank: 2}, {title: "ERROR", min: 30, color: troubleColor}}}
	for _, e := range events {
		what := string(e.Event.Type)
		if e.Event.Type == tasks.DomainState {
			what = string(e.Event.State)
		}
		t.add(e.ID, e.Event.AppID, relative(known(e.Event.At), now), what, e.Event.Domain,
			string(e.Delivery), relative(e.NextAt, now), e.Error)
	}
	return t
}

func deliveryColor(delivery string) color {
	switch webhook.Delivery(delivery) {
	case webhook.Failed:
		return red
	case webhook.Delivered:
		return green
	}
	return ""
}

type eventsReplayCmd struct {
	redisFlags

	IDs []string `arg:"" name:"id" help:"Events, by the id that 'pilotsync events' shows."`
}

// Help is shown under the command's own --help.
func (*eventsReplayCmd) Help() string {
	return `The events are sent at once, by a worker, as they were and under the same webhook-id, so that a receiver that has one already knows it again. If one of them isn't known, none is sent. An event that is more than two days old is sent once, and not tried again.

Examples:

    pilotsync events replay event:app1:1772366400123456`
}

// Run puts the events back on the queue.
func (c *eventsReplayCmd) Run(ctx context.Context, s *streams) error {
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	err = webhook.NewEvents(rdb).Replay(ctx, c.IDs...)
	if errors.Is(err, webhook.ErrUnknown) {
		return fmt.Errorf("%w\nNothing was sent. 'pilotsync events' shows those there are; delivered ones are kept for a day", err)
	}
	if err != nil {
		return err
	}
	what := "1 event is"
	if len(c.IDs) != 1 {
		what = fmt.Sprintf("%d events are", len(c.IDs))
	}
	return s.printf("%s on the way: see 'pilotsync events'\n", what)
}
