package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"pilotsync/internal/simulator"
)

// phpQuiet is the silence after which PHP counts as waiting for an answer.
const phpQuiet = 200 * time.Millisecond

// measurePHP counts the PHP client's round trips with a proxy in front of Redis. Each script that a
// new Redis doesn't have yet costs one more.
func measurePHP(ctx context.Context, b *bench) (rows []row, err error) {
	f, err := b.newFixture(simulator.Options{Apps: emptyApps(1)})
	if err != nil {
		return nil, err
	}
	defer closing(f.close, &err)
	for _, of := range []struct {
		what    string
		changes int
		limit   float64
	}{{"one change", 1, 3}, {"1,000 changes in one call", 1000, 15}} {
		for _, knows := range []bool{false, true} {
			state := "which knows the scripts"
			if !knows {
				state = "which has just started"
				if err := f.rdb.ScriptFlush(ctx).Err(); err != nil {
					return nil, fmt.Errorf("have Redis forget its scripts: %w", err)
				}
			}
			trips, took, err := f.phpEnqueue(ctx, of.changes)
			if err != nil {
				return nil, err
			}
			rows = append(rows, row{What: fmt.Sprintf("PHP, %s, Redis %s", of.what, state), Goal: fmt.Sprintf("≤ %.0f round trips", of.limit),
				Got: fmt.Sprintf("%d round trips", trips), Ratio: float64(trips) / of.limit, Met: float64(trips) <= of.limit,
				Note: fmt.Sprintf("phpredis, connecting included; without the proxy %s from PHP's start to its end", seconds(took))})
		}
	}
	return rows, nil
}

// phpEnqueue has PHP enqueue changes in one call, once counted and once timed.
func (f *fixture) phpEnqueue(ctx context.Context, changes int) (trips int, took time.Duration, err error) {
	between, err := newProxy(proxyOptions{target: f.redis.Addr, quiet: phpQuiet})
	if err != nil {
		return 0, 0, err
	}
	defer between.close()
	if err := runPHP(ctx, "redis://"+between.addr+"/0", changes); err != nil {
		return 0, 0, err
	}
	took, err = timed(func() error { return runPHP(ctx, f.redis.URL, changes) })
	return between.roundTrips(), took, err
}

// runPHP runs the PHP library's test script that enqueues its standard input.
func runPHP(ctx context.Context, url string, changes int) error {
	type request struct {
		Domain string `json:"domain"`
	}
	all := make([]request, changes)
	for i := range all {
		all[i].Domain = domainOf(0, i)
	}
	in, err := json.Marshal(all)
	if err != nil {
		return fmt.Errorf("encode the requests: %w", err)
	}
	folder, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "pilotsync/enqueue").Output()
	if err != nil {
		return fmt.Errorf("find the PHP library: %w", err)
	}
	cmd := exec.CommandContext(ctx, "php", "php/tests/scripts/enqueue.php", url, appID(0))
	cmd.Dir, cmd.Stdin = strings.TrimSpace(string(folder)), bytes.NewReader(in)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("run PHP (Debian: php-cli, php-redis, php-intl): %w\n%.2000s", err, out)
	}
	var receipts []json.RawMessage
	if err := json.Unmarshal(out, &receipts); err != nil || len(receipts) != changes {
		return fmt.Errorf("PHP gave %d receipts for %d changes: %v\n%.2000s", len(receipts), changes, err, out)
	}
	return nil
}
