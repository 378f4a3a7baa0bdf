package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pilotsync/tasks"
	"pilotsync/worker"
	"pilotsync/worker/ledger"
)

type forgetCmd struct {
	redisSettings
	yesFlag

	App string `arg:"" name:"app" predictor:"app" help:"The app."`
}

// Help is shown under the command's own --help.
func (*forgetCmd) Help() string {
	return `It is for an app whose id was mistyped, or that was given up: all that is known of the app and its domains goes, with what waits on the queues. It shows what that is, and asks for confirmation. Names that are on the app's list at ServerPilot stay there. An app that a live worker serves is refused.

Examples:

    pilotsync apps forget nosuchapp

    pilotsync apps forget nosuchapp --yes`
}

// Validate is called by kong after parsing.
func (c *forgetCmd) Validate() error { return tasks.CheckAppID(c.App) }

// Run forgets the app.
func (c *forgetCmd) Run(ctx context.Context, s *streams) error {
	rdb, err := c.connect(ctx)
	if err != nil {
		return err
	}
	defer rdb.Close()
	l := ledger.New(rdb)
	known, err := readKnownApps(ctx, l)
	if err != nil {
		return err
	}
	if err := known.check(c.App); err != nil {
		return err
	}
	if by := worker.ServedBy(known.live, c.App); len(by) > 0 {
		return usageError{fmt.Errorf("nothing was changed: app %s is served by worker %s; take it out of the configuration first", c.App, strings.Join(by, ", "))}
	}
	loss, err := lossOf(ctx, l, c.App)
	if err != nil {
		return err
	}
	s.notice("What is known of app %s would be lost: %s. Its tasks leave the queues. Names on its list at ServerPilot stay there.", c.App, loss)
	if err := c.confirm(ctx, s, fmt.Sprintf("Forget app %s?", c.App)); err != nil {
		return err
	}
	if err := worker.NewOperator(rdb).Forget(ctx, c.App); err != nil {
		return err
	}
	return s.printf("app %s is forgotten\n", c.App)
}

// lossOf says what is known of an app.
func lossOf(ctx context.Context, l *ledger.Ledger, id string) (string, error) {
	states, err := l.AppStates(ctx, id)
	if err != nil {
		return "", err
	}
	writes, err := l.Writes(ctx, id, ledger.WritesKept)
	if err != nil {
		return "", err
	}
	var parts []string
	for _, app := range states {
		total := 0
		var counts []string
		for _, state := range tasks.States() {
			if n := app.Counts[state]; n > 0 {
				total += n
				counts = append(counts, fmt.Sprintf("%d %s", n, state))
			}
		}
		parts = append(parts, strings.TrimSuffix(fmt.Sprintf("%d domains (%s)", total, strings.Join(counts, ", ")), " ()"),
			fmt.Sprintf("%d changes that wait", app.Pending), fmt.Sprintf("%d writes of its history", len(writes)))
		if app.Paused != "" {
			parts = append(parts, "its pause by "+plain(app.Paused))
		}
	}
	return strings.Join(slices.Compact(parts), ", "), nil
}
