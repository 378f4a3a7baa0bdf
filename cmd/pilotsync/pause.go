package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"

	"pilotsync/worker/ledger"
	"pilotsync/worker/operator"
)

type pauseCmd struct {
	redisFlags
	appsFlag
	operatorFlag
}

// Help is shown under the command's own --help.
func (*pauseCmd) Help() string {
	return `While an app is paused, its changes gather without loss and without retries, and no sync reads or writes its list; looks at certificates go on. A sync that is under way ends before its next step. It needs Redis only. An app that a running worker serves can be paused before its first change. Others that the ledger doesn't know are refused.

Examples:

    pilotsync pause --app=app1

    pilotsync pause --app=app1 --app=app2 --by=ada`
}

// Run pauses the apps.
func (c *pauseCmd) Run(ctx context.Context, s *streams) error {
	by, err := c.operator()
	if err != nil {
		return usageError{err}
	}
	return c.each(ctx, s, c.App, func(ctx context.Context, rdb redis.UniversalClient, app string) (string, error) {
		if err := operator.New(rdb).Pause(ctx, app, by); err != nil {
			return "", err
		}
		state, err := ledger.New(rdb).App(ctx, app)
		if err != nil {
			return "", err
		}
		if state.Paused != by {
			return fmt.Sprintf("%s was paused by %s already", app, plain(state.Paused)), nil
		}
		return fmt.Sprintf("%s is paused by %s: its changes wait until 'pilotsync resume --app=%[1]s'", app, by), nil
	})
}

type resumeCmd struct {
	redisFlags
	appsFlag
}

// Help is shown under the command's own --help.
func (*resumeCmd) Help() string {
	return `What has gathered while the app was paused is dealt with at once, in one sync. It needs Redis only.

Examples:

    pilotsync resume --app=app1

    pilotsync resume --app=app1 --app=app2`
}

// Run lets the apps go on.
func (c *resumeCmd) Run(ctx context.Context, s *streams) error {
	return c.each(ctx, s, c.App, func(ctx context.Context, rdb redis.UniversalClient, app string) (string, error) {
		state, err := ledger.New(rdb).App(ctx, app)
		if err != nil {
			return "", err
		}
		paused, err := operator.New(rdb).Resume(ctx, app)
		switch {
		case err != nil:
			return "", err
		case !paused:
			return app + " was not paused", nil
		}
		return fmt.Sprintf("%s goes on; %d of its domains have a change that waited", app, state.Pending), nil
	})
}

// each does something to each app, and prints what it says. It does
// nothing if one of them isn't known.
func (c redisFlags) each(ctx context.Context, s *streams, apps []string, do func(context.Context, redis.UniversalClient, string) (string, error)) error {
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	if err := checkKnown(ctx, ledger.New(rdb), apps); err != nil {
		return err
	}
	var errs []error
	for _, app := range apps {
		said, err := do(ctx, rdb, app)
		if err == nil {
			err = s.printf("%s\n", said)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
