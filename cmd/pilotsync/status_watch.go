package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// statusInterval is how often 'status --watch' reads what changed, with two small reads
// of Redis.
const statusInterval = 2 * time.Second

// watch shows the domains until ctx ends, which is no error. It waits for a Redis that
// stops answering.
func (c *statusCmd) watch(ctx context.Context, s *terminal.Streams, l *ledger.Ledger) error {
	show := c.changes(s)
	if s.OutSize != nil && s.Lookup("TERM") != "dumb" && !c.JSON {
		show = screen(s)
		fmt.Fprint(s.Out, "\x1b[?1049h\x1b[?25l") // the terminal's alternate screen, without a cursor
		defer fmt.Fprint(s.Out, "\x1b[?25h\x1b[?1049l")
	}
	tick := time.NewTicker(statusInterval)
	defer tick.Stop()
	var found foundDomains
	var known map[string]string
	for {
		revisions, err := l.Revisions(ctx)
		if err == nil && (known == nil || !maps.Equal(revisions, known)) {
			var read foundDomains
			if read, err = c.read(ctx, l); err == nil {
				found, known = read, revisions
			}
		} else if err == nil { // workers come and go without a change of a domain
			var live []ledger.Worker
			var liveKnown bool
			live, liveKnown, err = liveWorkers(ctx, l)
			found.noWorker = liveKnown && len(live) == 0
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := show(found, err, time.Now()); err != nil {
			return fmt.Errorf("print the status: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// screen returns a function that draws the whole terminal again.
func screen(s *terminal.Streams) func(foundDomains, error, time.Time) error {
	return func(found foundDomains, readErr error, now time.Time) error {
		columns, height := s.OutSize()
		lines := statusScreen(found, readErr, now, columns, height, s.Palette())
		_, err := io.WriteString(s.Out, "\x1b[H"+strings.Join(lines, "\x1b[K\n")+"\x1b[K\x1b[J")
		return err
	}
}

// statusScreen are the lines on a terminal of the given size: a summary, the
// troubles, and the domains, those in trouble first.
func statusScreen(found foundDomains, readErr error, now time.Time, columns, height int, p terminal.Palette) []string {
	counts := map[tasks.State]int{}
	for _, d := range found.domains {
		counts[d.State]++
	}
	head := strings.TrimSuffix(counted(len(found.domains), "domain")+", "+terminal.StateCounts(counts), ", ")
	screen := terminal.WrapLines(now.UTC().Format("15:04:05 UTC  ")+head+"  (Ctrl-C ends)", columns) + "\n"
	if readErr != nil {
		screen += p.Paint(terminal.Red, terminal.WrapLines("This may be old, the ledger can't be read: "+text.Printable(readErr.Error()), columns)) + "\n"
	}
	if found.noWorker {
		screen += p.Paint(terminal.Red, terminal.WrapLines(noWorker, columns)) + "\n"
	}
	for _, dryRun := range found.dryRuns {
		screen += p.Paint(terminal.Yellow, terminal.WrapLines(dryRun, columns)) + "\n"
	}
	for _, t := range found.troubles {
		screen += p.Paint(terminal.Yellow, terminal.WrapLines(text.Printable(t.describe(now)), columns)) + "\n"
	}
	if len(found.unknown) > 0 {
		screen += terminal.WrapLines(unknownDomains("", found.unknown).Error(), columns) + "\n"
	}
	domains := slices.Clone(found.domains)
	slices.SortStableFunc(domains, func(a, b domainStatus) int { return cmp.Compare(urgency(a.State), urgency(b.State)) })
	table, _ := statusTable(domains, now).Render(columns, p)
	lines := strings.Split(strings.TrimSuffix(screen+"\n"+table, "\n"), "\n")
	if height > 1 && len(lines) > height {
		more := fmt.Sprintf("… %d more lines; --app, --state and domains show less", len(lines)-height+1)
		lines = append(lines[:height-1:height-1], terminal.WrapText(more, columns)[0])
	}
	return lines
}

// urgency orders states: those that need a person, those in progress, those that ended.
func urgency(state tasks.State) int {
	return slices.Index([]tasks.State{tasks.Failed, tasks.Rejected, tasks.Pending, tasks.CheckingDNS, tasks.CheckingSSL,
		tasks.DoneWithoutSSL, tasks.Done, tasks.Removed}, state)
}

// changes returns a function that prints a line for each domain that has changed.
func (c *statusCmd) changes(s *terminal.Streams) func(foundDomains, error, time.Time) error {
	type key struct{ app, domain string }
	before := map[key]domainStatus{}
	away, idle := false, false
	return func(found foundDomains, readErr error, _ time.Time) error {
		if found.noWorker && !idle {
			s.Noticef("%s", noWorker)
		}
		idle = found.noWorker
		if readErr != nil && !away {
			s.Noticef("The ledger can't be read; still watching: %v", readErr)
		}
		away = readErr != nil
		for _, d := range found.domains {
			k := key{d.AppID, d.Domain}
			if reflect.DeepEqual(before[k], d) {
				continue
			}
			before[k] = d
			var err error
			if c.JSON {
				err = printJSONLine(s.Out, d)
			} else {
				_, err = fmt.Fprintf(s.Out, "%s  %s  %s  %s  %s\n", d.UpdatedAt.Format(time.RFC3339), d.AppID, tasks.ShownName(d.Domain), d.shown(), text.Printable(d.Reason))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}
