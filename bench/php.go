package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
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
		title   string
		changes int
		limit   float64
	}{{"one change", 1, 2}, {"1,000 changes in one call", 1000, 15}} {
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
			rows = append(rows, row{Title: fmt.Sprintf("PHP, %s, Redis %s", of.title, state), Goal: fmt.Sprintf("≤ %.0f round trips", of.limit),
				Got: fmt.Sprintf("%d round trips", trips), Ratio: float64(trips) / of.limit, Met: float64(trips) <= of.limit,
				Note: fmt.Sprintf("phpredis, connecting included; without the proxy %s from PHP's start to its end", seconds(took))})
		}
	}
	many, err := f.phpMany(ctx, b)
	return append(rows, many...), err
}

// phpMany measures the memory of one addMany of many domains, and counts the connections of a
// process that adds to several apps.
func (f *fixture) phpMany(ctx context.Context, b *bench) ([]row, error) {
	const all, apps = 100_000, 10
	few, many := b.size(20_000, 2_000), b.size(all, 10_000)
	peaks := map[int]float64{}
	for _, n := range []int{few, many} {
		peak, err := f.phpPeak(ctx, n)
		if err != nil {
			return nil, err
		}
		peaks[n] = peak
	}
	mebibytes := peaks[many] + (peaks[many]-peaks[few])/float64(many-few)*float64(all-many)
	between, err := newProxy(proxyOptions{target: f.redis.Addr})
	if err != nil {
		return nil, err
	}
	defer between.close()
	const several = `require $argv[1]; foreach (array_slice($argv, 3) as $app) { (new Pilotsync\Client($argv[2], $app))->add('a.example.com'); }`
	args := []string{"redis://" + between.addr + "/0"}
	for a := range apps {
		args = append(args, appID(a))
	}
	if _, err := phpRun(ctx, several, args...); err != nil {
		return nil, err
	}
	arrived, _ := between.connections()
	return []row{
		b.limited(fmt.Sprintf("PHP, addMany of %d: peak memory", all), mebibytes, 32, " MiB",
			fmt.Sprintf("from %s MiB for %d and %s MiB for %d", figure(peaks[few]), few, figure(peaks[many]), many)),
		b.limited(fmt.Sprintf("PHP, one change of each of %d apps in one process: connections", apps), float64(len(arrived)), 1, "", ""),
	}, nil
}

// phpPeak is the peak memory of PHP, in MiB, while it adds n domains in one call.
func (f *fixture) phpPeak(ctx context.Context, n int) (float64, error) {
	const script = `require $argv[1]; $c = new Pilotsync\Client($argv[2], 'site0000');
$domains = []; for ($i = 0; $i < (int) $argv[3]; $i++) { $domains[] = "shop$i.example.com"; }
$c->addMany($domains); echo memory_get_peak_usage(true);`
	out, err := phpRun(ctx, script, f.redis.URL, strconv.Itoa(n))
	if err != nil {
		return 0, err
	}
	bytes, err := strconv.ParseFloat(strings.TrimSpace(string(out)), 64)
	if err != nil {
		return 0, fmt.Errorf("read PHP's peak memory: %w", err)
	}
	return bytes / mib, f.rdb.FlushAll(ctx).Err()
}

// phpRun runs PHP code, whose first argument is the library's autoload.php.
func phpRun(ctx context.Context, code string, args ...string) ([]byte, error) {
	folder, err := libraryFolder(ctx)
	if err != nil {
		return nil, err
	}
	all := append([]string{"-d", "memory_limit=-1", "-r", code, "--", filepath.Join(folder, "php", "autoload.php")}, args...)
	out, err := exec.CommandContext(ctx, "php", all...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("run PHP (Debian: php-cli, php-redis, php-intl): %w\n%.2000s", err, out)
	}
	return out, nil
}

// libraryFolder has the PHP library in php.
func libraryFolder(ctx context.Context) (string, error) {
	folder, err := exec.CommandContext(ctx, "go", "list", "-f", "{{.Dir}}", "pilotsync/enqueue").Output()
	if err != nil {
		return "", fmt.Errorf("find the PHP library: %w", err)
	}
	return strings.TrimSpace(string(folder)), nil
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
	folder, err := libraryFolder(ctx)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "php", "php/tests/scripts/enqueue.php", url, appID(0))
	cmd.Dir, cmd.Stdin = folder, bytes.NewReader(in)
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
