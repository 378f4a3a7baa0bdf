package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/operator"
)

type appsForgetCmd struct {
	redisFlags
	yesFlag

	App string `arg:"" name:"app" predictor:"app" help:"The app."`
}

// Help is shown under the command's own --help.
func (*appsForgetCmd) Help() string {
	return `It is for an app whose id was mistyped, or that is gone from ServerPilot. It removes everything that Redis holds of the app: its domains, their histories, its kept writes, its pause, and its tasks on all queues. It shows first what that is and asks for confirmation; without a terminal it needs --yes. It refuses an app that a live worker serves. Names on the app's list at ServerPilot stay there.

Examples:

    pilotsync apps forget nosuchapp

    pilotsync apps forget nosuchapp --yes       # in a script`
}

// Validate is called by kong after parsing.
func (c *appsForgetCmd) Validate() error { return tasks.CheckAppID(c.App) }

// Run forgets the app.
func (c *appsForgetCmd) Run(ctx context.Context, s *streams) error {
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	l, byHand := ledger.New(rdb), operator.New(rdb)
	if err := byHand.CheckUnserved(ctx, c.App); errors.Is(err, operator.ErrServed) {
		return usageError{fmt.Errorf("app %s isn't forgotten: %w", c.App, err)}
	} else if err != nil {
		return err
	}
	found, err := byHand.Tasks(ctx, c.App)
	if err != nil {
		return err
	}
	known, err := l.Known(ctx, c.App)
	if err != nil {
		return err
	}
	if !known && len(found) == 0 {
		apps, err := l.Apps(ctx)
		if err != nil {
			return err
		}
		return usageError{fmt.Errorf("there is nothing of app %s in Redis%s", c.App, nearestApp(c.App, apps))}
	}
	loss, err := lossOf(ctx, l, c.App)
	if err != nil {
		return err
	}
	s.notice("This will be lost of app %s: %s, %s on the queues.\nNames on its list at ServerPilot stay there.", c.App, loss, counted(len(found), "task"))
	if err := c.confirm(ctx, s, fmt.Sprintf("Forget app %s?", c.App)); err != nil {
		return err
	}
	if err := byHand.Forget(ctx, c.App); err != nil {
		return err
	}
	return s.printf("app %s is forgotten\n", c.App)
}

// lossOf says what the ledger holds of an app.
func lossOf(ctx context.Context, l *ledger.Ledger, id string) (string, error) {
	states, err := l.AppStates(ctx, id)
	if err != nil {
		return "", err
	}
	writes, err := l.Writes(ctx, id, ledger.WritesKept)
	if err != nil {
		return "", err
	}
	app, total := states[0], 0
	var counts []string
	for _, state := range tasks.States() {
		if n := app.Counts[state]; n > 0 {
			total += n
			counts = append(counts, fmt.Sprintf("%d %s", n, state))
		}
	}
	domains := counted(total, "domain")
	if counts != nil {
		domains += " (" + strings.Join(counts, ", ") + ")"
	}
	loss := []string{domains, counted(app.Pending, "pending change"), counted(len(writes), "kept write")}
	if app.Paused != "" {
		loss = append(loss, "the pause by "+plain(app.Paused))
	}
	return strings.Join(loss, ", "), nil
}
