package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/schollz/progressbar/v3"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// demoProgress is how far the batch has come.
type demoProgress struct {
	views map[string]map[string]ledger.View // by app and domain
	// settled counts the changes that have come to their end: their domain is in
	// a final state, or a later change took their place.
	settled int
	states  map[tasks.State]int // number of domains in each
}

// look reads the ledger of all apps.
func (w *demoWorld) look(ctx context.Context, apps []demoApp, sent []enqueue.Receipt) (demoProgress, error) {
	p := demoProgress{views: map[string]map[string]ledger.View{}, states: map[tasks.State]int{}}
	known := 0
	for _, app := range apps {
		views, err := w.ledger.Domains(ctx, app.id)
		if err != nil {
			return demoProgress{}, err
		}
		p.views[app.id] = map[string]ledger.View{}
		for _, v := range views {
			p.views[app.id][v.Domain] = v
			p.states[v.State]++
			known++
		}
	}
	// Still on the way to the ledger.
	p.states[tasks.Pending] += max(demoDomains(apps)-known, 0)
	for _, r := range sent {
		v, ok := p.views[r.AppID][r.Domain]
		if ok && (v.Seq > r.Seq || v.Seq == r.Seq && v.State.Final()) {
			p.settled++
		}
	}
	return p, nil
}

// counts tells the number of domains in each state, such as "3 checking-dns, 20 done".
func (p demoProgress) counts() string {
	var counts []string
	for _, state := range tasks.States() {
		if n := p.states[state]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, state))
		}
	}
	return strings.Join(counts, ", ")
}

// demoBar returns what shows progress on a terminal, and what clears it away.
func demoBar(s *streams, changes int) (show func(demoProgress), hide func()) {
	const bar = 15
	// The description gets what the percentage, the bar, the count and the time
	// leave of the line, and the terminal's echo of Ctrl-C; a line that is broken
	// in two couldn't be cleared.
	room := columnsOf(s.ErrSize) - bar - len(" 100% [] (99/99) [99s]  ^C")
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
	show = func(p demoProgress) {
		_ = b.Set(p.settled) // if it can't be written, so be it
		b.Describe(ansi.Truncate(p.counts(), max(room, 0), "…"))
	}
	return show, func() { _ = b.Clear() }
}

// demoLines returns what shows progress in a pipe: a line a second at most,
// and only if something has changed.
func demoLines(s *streams, changes int) func(demoProgress) {
	start := time.Now()
	var last string
	var lastAt time.Time
	return func(p demoProgress) {
		line := fmt.Sprintf("%d of %d changes settled: %s", p.settled, changes, p.counts())
		now := time.Now()
		if line == last || now.Sub(lastAt) < time.Second && p.settled < changes {
			return
		}
		last, lastAt = line, now
		fmt.Fprintf(s.Out, "%4.0fs  %s\n", now.Sub(start).Seconds(), line)
	}
}
