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

	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// statusEvery is how often 'status --watch' asks whether anything has changed, which
// is one small read of Redis.
const statusEvery = 2 * time.Second

// watch shows the domains until ctx ends, which is no error. A Redis that stops
// answering is waited for.
func (c *statusCmd) watch(ctx context.Context, s *streams, l *ledger.Ledger) error {
	show := c.changes(s)
	if s.OutSize != nil && s.lookup("TERM") != "dumb" && !c.JSON {
		show = screen(s)
		fmt.Fprint(s.Out, "\x1b[?1049h\x1b[?25l") // the terminal's other screen, without a cursor
		defer fmt.Fprint(s.Out, "\x1b[?25h\x1b[?1049l")
	}
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	var seen statusSeen
	var known map[string]string
	for {
		revisions, err := l.Revisions(ctx)
		if err == nil && (known == nil || !maps.Equal(revisions, known)) {
			var read statusSeen
			if read, err = c.read(ctx, l); err == nil {
				seen, known = read, revisions
			}
		}
		if ctx.Err() != nil {
			return nil
		}
		if err := show(seen, err, time.Now()); err != nil {
			return fmt.Errorf("print the status: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// screen returns what fills the terminal anew.
func screen(s *streams) func(statusSeen, error, time.Time) error {
	return func(seen statusSeen, trouble error, now time.Time) error {
		columns, height := s.OutSize()
		lines := statusScreen(seen, trouble, now, columns, height, s.palette())
		_, err := io.WriteString(s.Out, "\x1b[H"+strings.Join(lines, "\x1b[K\n")+"\x1b[K\x1b[J")
		return err
	}
}

// statusScreen are the lines on a terminal of the given size: a summary, what is
// the matter, and the domains, those in trouble first.
func statusScreen(seen statusSeen, trouble error, now time.Time, columns, height int, p palette) []string {
	counts := map[tasks.State]int{}
	for _, d := range seen.domains {
		counts[d.State]++
	}
	head := counted(len(seen.domains), "domain")
	for _, state := range tasks.States() {
		if n := counts[state]; n > 0 {
			head += fmt.Sprintf(", %d %s", n, state)
		}
	}
	text := wrapLines(now.UTC().Format("15:04:05 UTC  ")+head+"  (Ctrl-C ends)", columns) + "\n"
	if trouble != nil {
		text += p.paint(red, wrapLines("This may be old, the ledger can't be read: "+plain(trouble.Error()), columns)) + "\n"
	}
	for _, dryRun := range seen.dryRuns {
		text += p.paint(yellow, wrapLines(dryRun, columns)) + "\n"
	}
	for _, t := range seen.troubles {
		text += p.paint(yellow, wrapLines(plain(t.inWords(now)), columns)) + "\n"
	}
	if len(seen.unknown) > 0 {
		text += wrapLines(seen.notKnown(), columns) + "\n"
	}
	domains := slices.Clone(seen.domains)
	slices.SortStableFunc(domains, func(a, b domainStatus) int { return cmp.Compare(urgency(a.State), urgency(b.State)) })
	table, _ := statusTable(domains, now).render(columns, p)
	lines := strings.Split(strings.TrimSuffix(text+"\n"+table, "\n"), "\n")
	if height > 1 && len(lines) > height {
		more := fmt.Sprintf("… %d more lines; --app, --state and domains show less", len(lines)-height+1)
		lines = append(lines[:height-1:height-1], wrapText(more, columns)[0])
	}
	return lines
}

// urgency orders states: what needs a person, what is under way, what has ended.
func urgency(state tasks.State) int {
	return slices.Index([]tasks.State{tasks.Failed, tasks.Rejected, tasks.Pending, tasks.CheckingDNS, tasks.CheckingSSL,
		tasks.DoneWithoutSSL, tasks.Done, tasks.Removed}, state)
}

// changes returns what prints a line for each domain that isn't as it was before.
func (c *statusCmd) changes(s *streams) func(statusSeen, error, time.Time) error {
	type place struct{ app, domain string }
	before := map[place]domainStatus{}
	away := false
	return func(seen statusSeen, trouble error, _ time.Time) error {
		if trouble != nil && !away {
			s.notice("The ledger can't be read; still watching: %v", trouble)
		}
		away = trouble != nil
		for _, d := range seen.domains {
			at := place{d.AppID, d.Domain}
			if reflect.DeepEqual(before[at], d) {
				continue
			}
			before[at] = d
			var err error
			if c.JSON {
				err = printJSONLine(s.Out, d)
			} else {
				_, err = fmt.Fprintf(s.Out, "%s  %s  %s  %s  %s\n", d.UpdatedAt.Format(time.RFC3339), d.AppID, d.Domain, d.State, plain(d.Reason))
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}
