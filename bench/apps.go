package main

import (
	"context"
	"fmt"
	"time"
)

// measureApps measures the cost of a change with a growing number of apps. It should be the same
// with ten as with a thousand.
func measureApps(ctx context.Context, b *bench) ([]row, error) {
	if b.quick {
		return nil, nil // it has no goal
	}
	steps := []int{10, 100, 1000}
	const defaultSlots = 64
	cpu, commands, calls := line{Name: "worker's CPU, ms"}, line{Name: "Redis commands"}, line{Name: "API calls"}
	var rows []row
	for _, n := range steps {
		s, err := b.manyApps(ctx, n, 1, defaultSlots)
		if err != nil {
			return nil, err
		}
		x, changes := float64(n), float64(n*changesPerApp)
		ms := s.cpu.Seconds() * 1000 / changes
		each := s.commands / changes
		rows = append(rows, row{Title: fmt.Sprintf("%d apps, %d changes each", n, changesPerApp), Got: fmt.Sprintf("%.2g ms CPU, %.3g Redis commands, %.2g API calls a change", ms, each, float64(s.calls)/changes),
			Note: fmt.Sprintf("all listed after %s; commands inside scripts are counted, and what an idle worker needs is not", s.took.Round(10*time.Millisecond))})
		cpu.Points = append(cpu.Points, point{x, ms})
		commands.Points = append(commands.Points, point{x, each})
		calls.Points = append(calls.Points, point{x, float64(s.calls) / changes})
	}
	b.plot("apps", plot{Title: "What a change costs, against the number of apps", X: fmt.Sprintf("apps, %d changes each, one worker", changesPerApp), Y: "a change",
		Lines: []line{commands, cpu, calls}})
	return rows, nil
}
