package main

import (
	"context"
	"fmt"
	"os"

	"pilotsync/internal/config"
	"pilotsync/internal/doctor"
)

type doctorCmd struct {
	config.WorkerSettings `embed:""`

	WPConfig string `name:"wp-config" predictor:"file" placeholder:"PATH" help:"WordPress's wp-config.php: what isn't set is taken from its constants, and what is set is compared with them. Default: none."`
	JSON     bool   `name:"json" help:"Print one JSON array."`
}

// Help is shown under the command's own --help.
func (*doctorCmd) Help() string {
	return `It takes the same settings as 'pilotsync worker', and checks them, Redis, ServerPilot's account and apps, DNS, the workers, what waits, and the webhook. It changes nothing and sends no event. Each check ends with ok, a warning or a failure, and says what to do. Exits with 1 if one failed.

Examples:

    pilotsync doctor

    pilotsync doctor --wp-config=/var/www/network/wp-config.php

    pilotsync doctor --json | jq '.[] | select(.status != "ok")'`
}

// Run makes the checks and shows their results.
func (c *doctorCmd) Run(ctx context.Context, s *streams) error {
	settings, results := c.WorkerSettings, []doctor.Result(nil)
	if c.WPConfig != "" {
		results = doctor.CheckWordPress(&settings, c.WPConfig, os.ReadFile)
	}
	set, p := settings.ParseAll(os.ReadFile)
	defer set.Redis.Close()
	// A setting that is missing may be for want of what wp-config.php has, so that comes first.
	results = append(append(results, settingsResults(p, set)...), keyFileResults(s, set)...)
	if s.Terminal && !c.JSON {
		fmt.Fprint(s.Err, "checking …")
	}
	results = append(results, doctor.Run(ctx, set)...)
	if s.Terminal && !c.JSON {
		fmt.Fprint(s.Err, "\r\x1b[K")
	}
	if ctx.Err() != nil {
		return fmt.Errorf("interrupted before all was checked")
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
func keyFileResults(s *streams, set config.Worker) []doctor.Result {
	var results []doctor.Result
	for _, what := range config.ExposedKeyFiles(set.KeyFiles, s.LookupEnv) {
		results = append(results, doctor.Result{Check: doctor.CheckSettings, Status: doctor.Warning, Detail: what, Remedy: config.ExposedRemedy})
	}
	return results
}

// settingsResults makes a failed check of each wrong setting.
func settingsResults(p *config.Parser, set config.Worker) []doctor.Result {
	var results []doctor.Result
	for _, line := range p.Problems() {
		results = append(results, doctor.Result{Check: doctor.CheckSettings, Status: doctor.Failure, Detail: line,
			Remedy: "Correct the setting; what depends on it was not checked. 'pilotsync worker --help' tells what each takes."})
	}
	switch {
	case results != nil:
	case set.DryRun:
		results = append(results, doctor.Result{Check: doctor.CheckSettings, Status: doctor.Warning,
			Detail: "the settings are right, but PILOTSYNC_DRY_RUN is on: nothing is written to ServerPilot", Remedy: "Take PILOTSYNC_DRY_RUN away once you have seen enough; the worker then syncs the lists at once."})
	default:
		results = append(results, doctor.Result{Check: doctor.CheckSettings, Status: doctor.OK, Detail: "the settings are right"})
	}
	return results
}
