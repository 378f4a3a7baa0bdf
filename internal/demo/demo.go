// Package demo shows the whole path of a change on a machine that has nothing but this program.
// An embedded Redis, a simulated ServerPilot and a real worker run in one process.
package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
	"pilotsync/internal/terminal"
)

// Demo is one run. It connects to loopback only, whatever the environment says.
type Demo struct {
	Keep    bool   // stay up afterwards, until the context ends
	Log     bool   // show the worker's log on standard error
	Version string // of pilotsync, for the dashboard
}

const (
	roundInterval = 40 * time.Millisecond  // between two rounds
	readInterval  = 200 * time.Millisecond // between two reads of the ledger
	// timeout is for a very slow machine; a normal one needs 20 s.
	timeout = time.Minute
)

var errEnded = errors.New("the worker or its dashboard ended")

// ErrUnexpected means that a domain or list didn't end as expected; the run has
// printed what differs.
var ErrUnexpected = errors.New("the demo ended differently than expected")

// Run enqueues the requests of all cases, prints the progress and the end, and compares the
// end with what is expected.
func (d Demo) Run(ctx context.Context, s *terminal.Streams) error { return d.run(ctx, s, appCases()) }

func (d Demo) run(ctx context.Context, s *terminal.Streams, apps []appCase) (err error) {
	log, endLog, err := d.openLog(s)
	if err != nil {
		return err
	}
	defer func() { endLog(err != nil && ctx.Err() == nil) }()
	svc, err := start(apps, d.Version, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, svc.close()) }()

	if err := d.play(ctx, s, svc, apps); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted before the end")
		}
		return err
	}
	if d.Keep {
		return svc.keep(ctx, s, apps)
	}
	return nil
}

// openLog returns the writer of the worker's log. Unless the log is shown, it is a file
// that is kept only after a failure.
func (d Demo) openLog(s *terminal.Streams) (log io.Writer, end func(failed bool), err error) {
	if d.Log {
		return s.Err, func(bool) {}, nil
	}
	file, err := os.CreateTemp("", "pilotsync-demo-*.log")
	if err != nil {
		return nil, nil, fmt.Errorf("open the worker's log: %w", err)
	}
	return file, func(failed bool) {
		_ = file.Close()
		if failed {
			fmt.Fprintf(s.Err, "The worker's log is in %s\n", file.Name())
			return
		}
		_ = os.Remove(file.Name())
	}, nil
}

// play enqueues the requests, follows them to their end, prints the end and checks it.
func (d Demo) play(ctx context.Context, s *terminal.Streams, svc *services, apps []appCase) error {
	printIntroduction(s.Out, svc.dashboard, apps)
	sent, err := svc.enqueue(ctx, rounds(apps))
	if err != nil {
		return err
	}
	show, hide := progressLines(s, len(sent)), func() {}
	if s.Terminal && !d.Log { // log lines would tear the bar
		show, hide = progressBar(s, len(sent))
	}
	start := time.Now()
	p, err := svc.follow(ctx, apps, sent, show)
	hide()
	if err != nil {
		return err
	}

	fmt.Fprintf(s.Out, "%d of %d changes settled after %.0f s.\n\n", p.settled, len(sent), time.Since(start).Seconds())
	if err := printTable(s, apps, p.views); err != nil {
		return fmt.Errorf("print the domains: %w", err)
	}
	fmt.Fprintf(s.Out, "\n%s\n", svc.writes(apps, len(sent)))
	return svc.check(s, apps, p)
}

func printIntroduction(out io.Writer, dashboard string, apps []appCase) {
	fmt.Fprintf(out, `An embedded Redis, a simulated ServerPilot and one real worker, all in this
process and on loopback. Delays of minutes are seconds here.
The dashboard shows it, too: %s

`, dashboard)
	changes := 0
	for _, app := range apps {
		n := 0
		for _, d := range app.domains {
			n += len(d.requests(app.id))
		}
		changes += n
		fmt.Fprintf(out, "  %s: %d changes for %d domains", app.id, n, len(app.domains))
		if len(app.byHand) > 0 {
			fmt.Fprintf(out, "; names set by hand: %d", len(app.byHand))
		}
		if app.trouble {
			fmt.Fprint(out, "; list writes fail twice")
		}
		fmt.Fprintln(out)
	}
	fmt.Fprintf(out, "\nEnqueueing %d changes for %d domains, of all apps at once.\n", changes, countDomains(apps))
}

// enqueue sends the requests round by round.
func (svc *services) enqueue(ctx context.Context, rounds [][]enqueue.Request) ([]enqueue.Receipt, error) {
	ticker := time.NewTicker(roundInterval)
	defer ticker.Stop()
	var sent []enqueue.Receipt
	for _, round := range rounds {
		receipts, err := svc.client.Enqueue(ctx, round...)
		if err != nil {
			return nil, err
		}
		sent = append(sent, receipts...)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-ticker.C:
		}
	}
	return sent, nil
}

// follow shows the progress until every change is settled or the time is up, and
// returns the last progress.
func (svc *services) follow(ctx context.Context, apps []appCase, sent []enqueue.Receipt, show func(progress)) (progress, error) {
	ticker := time.NewTicker(readInterval)
	defer ticker.Stop()
	limit := time.NewTimer(timeout)
	defer limit.Stop()
	for {
		p, err := svc.read(ctx, apps, sent)
		if err != nil {
			return p, err
		}
		show(p)
		if p.settled == len(sent) {
			return p, nil
		}
		select {
		case <-ctx.Done():
			return p, ctx.Err()
		case <-svc.failed:
			return p, errEnded
		case <-limit.C:
			return p, nil // the check reports what is missing
		case <-ticker.C:
		}
	}
}

// writes says how many list writes the changes took.
func (svc *services) writes(apps []appCase, changes int) string {
	calls, accepted := 0, 0
	for _, app := range apps {
		calls += svc.sim.Calls(app.id, simulator.WriteList)
		accepted += len(svc.sim.History(app.id))
	}
	return fmt.Sprintf("%d changes took %d list writes, %d of which failed or were refused.\nOne by one it would have been %d.",
		changes, calls, calls-accepted, changes)
}

// check compares the outcome with what is expected, and prints the differences.
func (svc *services) check(s *terminal.Streams, apps []appCase, p progress) error {
	o := outcome{views: p.views, lists: map[string][]string{}, overlaps: len(svc.sim.Overlaps())}
	for _, app := range apps {
		o.lists[app.id] = svc.sim.List(app.id)
	}
	differences := o.deviations(apps)
	if len(differences) == 0 {
		fmt.Fprintf(s.Out, "All %d domains and %d lists are as expected.\n", countDomains(apps), len(apps))
		return nil
	}
	fmt.Fprintf(s.Err, "%d differences from what is expected:\n", len(differences))
	for _, line := range differences {
		fmt.Fprintf(s.Err, "  %s\n", line)
	}
	return ErrUnexpected
}
