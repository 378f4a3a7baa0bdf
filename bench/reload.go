package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"pilotsync/internal/simulator"
)

// reloadFloor is counted for a shorter time, in which the machine decides.
const reloadFloor = 10 * time.Millisecond

// reload times SIGHUP with many apps, and with four times as many.
func reload(ctx context.Context, b *bench) ([]row, error) {
	few, many := b.size(2500, 1000), b.size(10_000, 4000)
	small, err := b.reloadOf(ctx, few)
	if err != nil {
		return nil, err
	}
	large, err := b.reloadOf(ctx, many)
	if err != nil {
		return nil, err
	}
	rows := []row{b.limited(fmt.Sprintf("reload with %d apps against %d", many, few), ratio(large, max(small, reloadFloor)), 5, " ×",
		fmt.Sprintf("%s against %s, each the shortest of several; less than %s counts as that; 4 × is linear", seconds(large), seconds(small), reloadFloor))}
	if !b.quick { // an absolute time
		rows = append(rows, b.limited(fmt.Sprintf("reload with %d apps", many), large.Seconds(), 0.5, " s", "from reading the files to serving the apps"))
	}
	return rows, nil
}

// reloadOf is the shortest time of several reloads, from the log line of its begin to that of its
// end.
func (b *bench) reloadOf(ctx context.Context, apps int) (shortest time.Duration, err error) {
	f, err := b.newFixture(simulator.Options{})
	if err != nil {
		return 0, err
	}
	defer closing(f.close, &err)
	var ids []string
	for a := range apps {
		ids = append(ids, appID(a))
	}
	file, err := os.CreateTemp(b.folder, "apps-*.txt")
	if err != nil {
		return 0, fmt.Errorf("write the apps: %w", err)
	}
	_, err = file.WriteString(strings.Join(ids, ","))
	if closeErr := file.Close(); err != nil || closeErr != nil {
		return 0, fmt.Errorf("write the apps: %v, %v", err, closeErr)
	}
	if err := f.start(ctx, 1, "WU_SERVER_PILOT_APP_ID=", "WU_SERVER_PILOT_APP_ID_FILE="+file.Name()); err != nil {
		return 0, err
	}
	p := f.workers[0]
	for range 3 {
		begins, ends := p.expect("reading the configuration again"), p.expect("configuration read again")
		if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
			return 0, fmt.Errorf("send SIGHUP: %w", err)
		}
		select {
		case end := <-ends:
			if took := end.Sub(<-begins); shortest == 0 || took < shortest {
				shortest = took
			}
		case <-p.ended:
			return 0, fmt.Errorf("the worker ended: %s", p.last)
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(2 * time.Minute):
			return 0, fmt.Errorf("no reload of %d apps within two minutes", apps)
		}
	}
	return shortest, nil
}
