package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/schollz/progressbar/v3"

	"pilotsync/enqueue"
	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// progress is how far the changes have come.
type progress struct {
	views map[string]map[string]ledger.View // by app and domain
	// settled counts the changes that have ended: their domain is in a final state, or
	// a later change replaced them.
	settled int
	states  map[tasks.State]int // number of domains in each
}

// read reads the ledger of all apps.
func (svc *services) read(ctx context.Context, apps []appCase, sent []enqueue.Receipt) (progress, error) {
	p := progress{views: map[string]map[string]ledger.View{}, states: map[tasks.State]int{}}
	known := 0
	for _, app := range apps {
		views, err := svc.ledger.Domains(ctx, app.id)
		if err != nil {
			return progress{}, err
		}
		p.views[app.id] = map[string]ledger.View{}
		for _, v := range views {
			p.views[app.id][v.Domain] = v
			p.states[v.State]++
			known++
		}
	}
	// Still on the way to the ledger.
	p.states[tasks.Pending] += max(countDomains(apps)-known, 0)
	for _, r := range sent {
		v, ok := p.views[r.AppID][r.Domain]
		if ok && (v.Seq > r.Seq || v.Seq == r.Seq && v.State.Final()) {
			p.settled++
		}
	}
	return p, nil
}

// progressBar returns functions that show progress on a terminal, and clear it.
func progressBar(s *terminal.Streams, changes int) (show func(progress), hide func()) {
	const bar = 15
	// The description gets the rest of the line, since a broken line can't be cleared. The
	// others are the percentage, the bar, the count, the time and the terminal's echo of
	// Ctrl-C.
	room := s.ErrWidth() - bar - len(" 100% [] (99/99) [99s]  ^C")
	b := progressbar.NewOptions(changes,
		progressbar.OptionSetWriter(s.Err),
		progressbar.OptionSetWidth(bar),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionShowDescriptionAtLineEnd(),
		progressbar.OptionUseANSICodes(true),
	)
	show = func(p progress) {
		_ = b.Set(p.settled) // progress that can't be written doesn't end the demo
		b.Describe(ansi.Truncate(terminal.StateCounts(p.states), max(room, 0), "…"))
	}
	return show, func() { _ = b.Clear() }
}

// progressLines returns a function that shows progress in a pipe: one line per second
// at most, and only after a change.
func progressLines(s *terminal.Streams, changes int) func(progress) {
	start := time.Now()
	var last string
	var lastAt time.Time
	return func(p progress) {
		line := fmt.Sprintf("%d of %d changes settled: %s", p.settled, changes, terminal.StateCounts(p.states))
		now := time.Now()
		if line == last || now.Sub(lastAt) < time.Second && p.settled < changes {
			return
		}
		last, lastAt = line, now
		fmt.Fprintf(s.Out, "%4.0fs  %s\n", now.Sub(start).Seconds(), line)
	}
}
