package main

import (
	"context"
	"errors"
	"fmt"

	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
	"pilotsync/worker/operator"
)

type pauseCmd struct {
	redisFlags
	appsFlag
	operatorFlag
}

// Help is shown under the command's own --help.
func (*pauseCmd) Help() string {
	return `Changes of a paused app wait, without loss and without retries, and no sync reads or writes its list. Rechecks of certificates continue. A running sync ends before its next step. The command needs Redis only. An app that a running worker serves can be paused before its first change; other apps that the ledger doesn't know are refused.

Examples:

    pilotsync pause --app=app1

    pilotsync pause --app=app1 --app=app2 --by=ada`
}

// Run pauses the apps.
func (c *pauseCmd) Run(ctx context.Context, s *terminal.Streams) error {
	by, err := c.operator()
	if err != nil {
		return err
	}
	return c.forEachApp(ctx, s, c.App, func(db database, app string) (string, error) {
		if err := operator.New(db.rdb).Pause(ctx, app, by); err != nil {
			return "", err
		}
		state, err := db.ledger.App(ctx, app)
		if err != nil {
			return "", err
		}
		if state.Paused != by {
			return fmt.Sprintf("%s was already paused by %s", app, text.Printable(state.Paused)), nil
		}
		return fmt.Sprintf("%s is paused by %s: its changes wait until 'pilotsync resume --app=%[1]s'", app, by), nil
	})
}

type resumeCmd struct {
	redisFlags
	appsFlag
	operatorFlag
}

// Help is shown under the command's own --help.
func (*resumeCmd) Help() string {
	return `One sync handles at once all changes that waited while the app was paused. The command needs Redis only.

Examples:

    pilotsync resume --app=app1

    pilotsync resume --app=app1 --app=app2`
}

// Run resumes the apps.
func (c *resumeCmd) Run(ctx context.Context, s *terminal.Streams) error {
	by, err := c.operator()
	if err != nil {
		return err
	}
	return c.forEachApp(ctx, s, c.App, func(db database, app string) (string, error) {
		state, err := db.ledger.App(ctx, app)
		if err != nil {
			return "", err
		}
		paused, err := operator.New(db.rdb).Resume(ctx, app, by)
		switch {
		case err != nil:
			return "", err
		case !paused:
			return app + " was not paused", nil
		}
		return fmt.Sprintf("%s is resumed; %d of its domains have a change that waited", app, state.Pending), nil
	})
}

// forEachApp calls do with each app, and prints what it returns. If one of the apps
// isn't known, do isn't called at all.
func (f redisFlags) forEachApp(ctx context.Context, s *terminal.Streams, apps []string, do func(database, string) (string, error)) error {
	return f.withLedger(ctx, s, func(db database) error {
		if err := checkKnown(ctx, db.ledger, apps); err != nil {
			return err
		}
		var errs []error
		for _, app := range apps {
			result, err := do(db, app)
			if err == nil {
				err = s.Printf("%s\n", result)
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	})
}
