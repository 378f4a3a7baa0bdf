package main

import (
	"context"
	"fmt"

	"pilotsync/internal/config"
	"pilotsync/internal/doctor"
	"pilotsync/internal/safefile"
	"pilotsync/internal/terminal"
)

type doctorCmd struct {
	config.WorkerSettings `embed:""`

	WPConfig string `name:"wp-config" predictor:"file" placeholder:"PATH" help:"WordPress's wp-config.php: missing settings are taken from its constants, the others are compared with them. Default: none."`
	JSON     bool   `name:"json" help:"Print one JSON array."`
}

// Help is shown under the command's own --help.
func (*doctorCmd) Help() string {
	return `Takes the same settings as 'pilotsync worker', and checks them, Redis, ServerPilot's account and apps, DNS, the workers, waiting tasks, and the webhook. It changes nothing and sends no event. Each check ends with ok, a warning or a failure, and says what to do. Exits with 1 if a check failed.

Examples:

    pilotsync doctor

    pilotsync doctor --wp-config=/var/www/network/wp-config.php

    pilotsync doctor --json | jq '.[] | select(.status != "ok")'`
}

// Run makes the checks and shows their results.
func (c *doctorCmd) Run(ctx context.Context, s *terminal.Streams) error {
	settings, results := c.WorkerSettings, []doctor.Result(nil)
	if c.WPConfig != "" {
		results = doctor.CheckWordPress(&settings, c.WPConfig, safefile.Read)
	}
	set, p := settings.ParseAll(safefile.Read)
	defer set.Redis.Close()
	// A problem with wp-config.php may explain a missing setting, so it comes first.
	results = append(append(results, settingsResults(p, set)...), keyFileResults(s, set)...)
	if s.Terminal && !c.JSON {
		fmt.Fprint(s.Err, "checking …")
	}
	results = append(results, doctor.Run(ctx, set)...)
	if s.Terminal && !c.JSON {
		fmt.Fprint(s.Err, "\r\x1b[K")
	}
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted before the last check")
	}
	var err error
	if c.JSON {
		err = printJSON(s.Out, results)
	} else {
		err = printReport(s, results)
	}
	switch {
	case err != nil:
		return fmt.Errorf("print the results: %w", err)
	case doctor.Failed(results):
		return errShown
	}
	return nil
}

// keyFileResults makes a warning of each key file that every user can read.
func keyFileResults(s *terminal.Streams, set config.Worker) []doctor.Result {
	var results []doctor.Result
	for _, problem := range config.ExposedKeyFiles(set.KeyFiles, s.LookupEnv) {
		results = append(results, doctor.Result{Check: doctor.CheckSettings, Status: doctor.Warning, Detail: problem, Remedy: config.ExposedRemedy})
	}
	return results
}

// settingsResults makes a failed check of each wrong setting.
func settingsResults(p *config.Parser, set config.Worker) []doctor.Result {
	var results []doctor.Result
	for _, line := range p.Problems() {
		results = append(results, doctor.Result{Check: doctor.CheckSettings, Status: doctor.Failure, Detail: line,
			Remedy: "Correct the setting; what depends on it was not checked. 'pilotsync worker --help' describes each setting."})
	}
	switch {
	case results != nil:
	case set.DryRun:
		results = append(results, doctor.Result{Check: doctor.CheckSettings, Status: doctor.Warning,
			Detail: "the settings are right, but PILOTSYNC_DRY_RUN is on: nothing is written to ServerPilot", Remedy: "Unset PILOTSYNC_DRY_RUN when the plans are right; the worker then syncs the lists at once."})
	default:
		results = append(results, doctor.Result{Check: doctor.CheckSettings, Status: doctor.OK, Detail: "the settings are right"})
	}
	return results
}
