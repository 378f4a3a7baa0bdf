package main

import (
	"context"
	"errors"

	"pilotsync/internal/demo"
	"pilotsync/internal/terminal"
)

type demoCmd struct {
	Keep bool `help:"Stay up afterwards and say what to try, until Ctrl-C."`
	Log  bool `help:"Show the worker's log on standard error."`
}

// Help is shown under the command's own --help.
func (*demoCmd) Help() string {
	return `It needs neither Redis nor ServerPilot nor any setting, connects to loopback only, and takes about 20 seconds. Exits with 1 unless every domain and every list ended as expected.

Examples:

    pilotsync demo

    pilotsync demo --keep      # stays up, and says what to try`
}

// Run runs the demo.
func (c *demoCmd) Run(ctx context.Context, s *terminal.Streams) error {
	err := demo.Demo{Keep: c.Keep, Log: c.Log, Version: version()}.Run(ctx, s)
	if errors.Is(err, demo.ErrUnexpected) {
		return errShown
	}
	return err
}
