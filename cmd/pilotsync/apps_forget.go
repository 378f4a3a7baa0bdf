package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
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
	return `For an app whose id was mistyped, or that no longer exists at ServerPilot. Deletes everything that Redis has of the app: its domains, their histories, its kept writes, its pause, and its tasks on all queues. The audit keeps its requests. It first shows what that is and asks for confirmation; without a terminal it needs --yes. An app that a live worker serves is refused. Names on the app's list at ServerPilot stay there.

Examples:

    pilotsync apps forget nosuchapp

    pilotsync apps forget nosuchapp --yes       # in a script`
}

// Validate is called by kong after parsing.
func (c *appsForgetCmd) Validate() error { return tasks.CheckAppID(c.App) }

// Run forgets the app.
func (c *appsForgetCmd) Run(ctx context.Context, s *terminal.Streams) error {
	return c.withLedger(ctx, s, func(db database) error {
		op := operator.New(db.rdb)
		if err := op.CheckUnserved(ctx, c.App); errors.Is(err, operator.ErrServed) {
			return usageError{fmt.Errorf("app %s isn't forgotten: %w", c.App, err)}
		} else if err != nil {
			return err
		}
		found, err := op.Tasks(ctx, c.App)
		if err != nil {
			return err
		}
		known, err := db.ledger.Known(ctx, c.App)
		if err != nil {
			return err
		}
		if !known && len(found) == 0 {
			apps, err := db.ledger.Apps(ctx)
			if err != nil {
				return err
			}
			return usageError{fmt.Errorf("no record of app %s in Redis%s", c.App, nearestApp(c.App, apps))}
		}
		contents, err := contentsOf(ctx, db.ledger, c.App)
		if err != nil {
			return err
		}
		s.Noticef("Redis will lose what it has of app %s: %s, %s on the queues.\nNames on its list at ServerPilot stay there.", c.App, contents, counted(len(found), "task"))
		if err := c.confirm(ctx, s, fmt.Sprintf("Forget app %s?", c.App)); err != nil {
			return err
		}
		if err := op.Forget(ctx, c.App); err != nil {
			return err
		}
		return s.Printf("app %s is forgotten\n", c.App)
	})
}

// contentsOf says what the ledger holds of an app.
func contentsOf(ctx context.Context, l *ledger.Ledger, id string) (string, error) {
	states, err := l.AppStates(ctx, id)
	if err != nil {
		return "", err
	}
	writes, err := l.Writes(ctx, id, ledger.WritesKept)
	if err != nil {
		return "", err
	}
	app, total := states[0], 0
	for _, n := range app.Counts {
		total += n
	}
	domains := counted(total, "domain")
	if total > 0 {
		domains += " (" + terminal.StateCounts(app.Counts) + ")"
	}
	contents := []string{domains, counted(app.Pending, "pending change"), counted(len(writes), "kept write")}
	if app.Paused != "" {
		contents = append(contents, "the pause by "+text.Printable(app.Paused))
	}
	return strings.Join(contents, ", "), nil
}
