package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// usage is what was used so far.
type usage struct {
	at       time.Time
	cpu      time.Duration // of all workers
	commands int           // of Redis, including those inside scripts
}

func (f *fixture) usage(ctx context.Context) (u usage, err error) {
	if u.cpu, err = f.cpu(); err != nil {
		return u, err
	}
	u.commands, err = f.commands(ctx)
	u.at = time.Now()
	return u, err
}

// clockTicks is the unit of /proc's CPU times on Linux, a fixed one.
const clockTicks = 100

// cpu is the CPU time that all workers have used so far, to 10 ms each.
func (f *fixture) cpu() (sum time.Duration, err error) {
	for _, p := range f.workers {
		used, err := p.cpu()
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

func (p *process) cpu() (time.Duration, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read a worker's CPU time: %w", err)
	}
	// After the command in brackets: the state is field 3, the times are 14 and 15.
	_, rest, _ := strings.Cut(string(stat), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0, fmt.Errorf("read a worker's CPU time: %d fields in its stat", len(fields))
	}
	user, errUser := strconv.Atoi(fields[11])
	system, errSystem := strconv.Atoi(fields[12])
	if err := errors.Join(errUser, errSystem); err != nil {
		return 0, fmt.Errorf("read a worker's CPU time: %w", err)
	}
	return time.Duration(user+system) * time.Second / clockTicks, nil
}

// commands is the number of commands that Redis has run, including those inside scripts.
func (f *fixture) commands(ctx context.Context) (int, error) {
	info, err := f.rdb.Info(ctx, "stats").Result()
	if err != nil {
		return 0, fmt.Errorf("ask Redis for its number of commands: %w", err)
	}
	for l := range strings.Lines(info) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(l), "total_commands_processed:"); ok {
			return strconv.Atoi(n)
		}
	}
	return 0, errors.New("ask Redis for its number of commands: INFO doesn't have it")
}
