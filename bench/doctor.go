package main

import (
	"context"
	"fmt"

	"pilotsync/internal/simulator"
)

// doctorApps is the number of apps that pilotsync doctor checks.
const doctorApps = 200

// doctor counts the calls of pilotsync doctor to ServerPilot.
func doctor(ctx context.Context, b *bench) (rows []row, err error) {
	f, err := b.newFixture(listedFixture(doctorApps, 2))
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	// It exits with an error, since no worker runs.
	out, err := f.run(ctx, nil, "doctor")
	calls := f.sim.Calls("", simulator.ListApps) + f.sim.Calls("", simulator.ReadServer)
	for _, n := range f.reads(doctorApps) {
		calls += n
	}
	if calls == 0 {
		return nil, fmt.Errorf("pilotsync doctor asked ServerPilot for nothing: %w\n%.2000s", err, out)
	}
	return []row{b.limited(fmt.Sprintf("pilotsync doctor, %d apps of one account", doctorApps), float64(calls), 12, " calls",
		fmt.Sprintf("at the default rate of 5 a second they take at least %d s", calls/5))}, nil
}
