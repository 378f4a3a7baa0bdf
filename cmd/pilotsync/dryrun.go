package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"pilotsync/worker/ledger"
)

// dryRuns tells, in a line each, of the live workers in a dry run that serve any of the
// apps.
func dryRuns(ctx context.Context, l *ledger.Ledger, apps []string) (lines []string, err error) {
	workers, err := l.Workers(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range ledger.InDryRun(workers) {
		served := slices.DeleteFunc(slices.Clone(w.Apps), func(app string) bool { return !slices.Contains(apps, app) })
		if len(served) > 0 {
			lines = append(lines, plain(fmt.Sprintf("Dry run: worker %s writes nothing to ServerPilot. Changes stay pending, and say what would be done. Apps: %s",
				w.Name, strings.Join(served, ", "))))
		}
	}
	return lines, nil
}
