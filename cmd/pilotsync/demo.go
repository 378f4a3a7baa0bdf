package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/simulator"
)

// demoCmd shows the whole path of a change on a machine that has nothing but
// this program. It talks to loopback only, whatever the environment says.
type demoCmd struct {
	Keep bool `help:"Stay up afterwards and say what to try, until Ctrl-C."`
	Log  bool `help:"Show the worker's log on standard error."`
}

const (
	demoPace   = 40 * time.Millisecond  // from one moment of the batch to the next
	demoGlance = 200 * time.Millisecond // from one look at the ledger to the next
	// demoLimit is for a machine that is very slow; a normal one needs 20 s.
	demoLimit = time.Minute
)

// Help is shown under the command's own --help.
func (*demoCmd) Help() string {
	return `It needs neither Redis nor ServerPilot nor any setting, talks to loopback only, and takes some 20 seconds. Exits with 1 unless every domain and every list ended as it must.

Examples:

    pilotsync demo

    pilotsync demo --keep      # stays up, and says what to try`
}

// Run returns an error unless everything ended as it must.
func (c *demoCmd) Run(ctx context.Context, s *streams) error { return c.run(ctx, s, demoBatch()) }

func (c *demoCmd) run(ctx context.Context, s *streams, apps []demoApp) (err error) {
	log, endLog, err := c.openLog(s)
	if err != nil {
		return err
	}
	defer func() { endLog(err != nil && ctx.Err() == nil) }()
	w, err := startDemo(apps, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()

	if err := c.play(ctx, s, w, apps); err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted before the end")
		}
		return err
	}
	if c.Keep {
		return w.keep(ctx, s, apps)
	}
	return nil
}

// openLog returns where the worker's log goes. Unless it is shown, that is a
// file which is kept only if something went wrong.
func (c *demoCmd) openLog(s *streams) (log io.Writer, end func(wrong bool), err error) {
	if c.Log {
		return s.Err, func(bool) {}, nil
	}
	file, err := os.CreateTemp("", "pilotsync-demo-*.log")
	if err != nil {
		return nil, nil, fmt.Errorf("opening the worker's log: %w", err)
	}
	return file, func(wrong bool) {
		_ = file.Close()
		if wrong {
			fmt.Fprintf(s.Err, "The worker's log is in %s\n", file.Name())
			return
		}
		_ = os.Remove(file.Name())
	}, nil
}

// play enqueues the batch, follows it to its end, and shows and checks that.
func (c *demoCmd) play(ctx context.Context, s *streams, w *demoWorld, apps []demoApp) error {
	demoIntroduction(s.Out, w.page, apps)
	sent, err := w.enqueue(ctx, demoMoments(apps))
	if err != nil {
		return err
	}
	show, hide := demoLines(s, len(sent)), func() {}
	if s.Terminal && !c.Log { // log lines would tear the bar
		show, hide = demoBar(s, len(sent))
	}
	start := time.Now()
	p, err := w.follow(ctx, apps, sent, show)
	hide()
	if err != nil {
		return err
	}

	fmt.Fprintf(s.Out, "%d of %d changes settled after %.0f s.\n\n", p.settled, len(sent), time.Since(start).Seconds())
	if err := demoTable(s, apps, p.views); err != nil {
		return fmt.Errorf("print the domains: %w", err)
	}
	fmt.Fprintf(s.Out, "\n%s\n", w.writes(apps, len(sent)))
	return w.judge(s, apps, p)
}

func demoIntroduction(out io.Writer, page string, apps []demoApp) {
	fmt.Fprintf(out, `An embedded Redis, a simulated ServerPilot and one real worker, all in this
process and on loopback. Waits of minutes are seconds here.
Watch it in a browser as well: %s

`, page)
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
	fmt.Fprintf(out, "\nEnqueueing %d changes for %d domains, all apps' at once.\n", changes, demoDomains(apps))
}

// enqueue sends the requests moment by moment.
func (w *demoWorld) enqueue(ctx context.Context, moments [][]enqueue.Request) ([]enqueue.Receipt, error) {
	ticker := time.NewTicker(demoPace)
	defer ticker.Stop()
	var sent []enqueue.Receipt
	for _, moment := range moments {
		receipts, err := w.client.Enqueue(ctx, moment...)
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

// follow shows the progress until every change is settled or the time is up,
// and returns how it is then.
func (w *demoWorld) follow(ctx context.Context, apps []demoApp, sent []enqueue.Receipt, show func(demoProgress)) (demoProgress, error) {
	ticker := time.NewTicker(demoGlance)
	defer ticker.Stop()
	limit := time.NewTimer(demoLimit)
	defer limit.Stop()
	for {
		p, err := w.look(ctx, apps, sent)
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
		case <-w.failed:
			return p, errors.New("the worker or its page ended")
		case <-limit.C:
			return p, nil // what is missing will be told
		case <-ticker.C:
		}
	}
}

// writes tells how many list writes the changes took.
func (w *demoWorld) writes(apps []demoApp, changes int) string {
	calls, accepted := 0, 0
	for _, app := range apps {
		calls += w.sim.Calls(app.id, simulator.WriteList)
		accepted += len(w.sim.History(app.id))
	}
	return fmt.Sprintf("%d changes took %d list writes, %d of which failed or were refused.\nOne by one it would have been %d.",
		changes, calls, calls-accepted, changes)
}

// judge prints how the outcome differs from what it must be, and returns
// errShown if it does.
func (w *demoWorld) judge(s *streams, apps []demoApp, p demoProgress) error {
	o := demoOutcome{views: p.views, lists: map[string][]string{}, overlaps: len(w.sim.Overlaps())}
	for _, app := range apps {
		o.lists[app.id] = w.sim.List(app.id)
	}
	wrong := o.deviations(apps)
	if len(wrong) == 0 {
		fmt.Fprintf(s.Out, "All %d domains and %d lists are as they must be.\n", demoDomains(apps), len(apps))
		return nil
	}
	fmt.Fprintf(s.Err, "%d deviations from what must be:\n", len(wrong))
	for _, line := range wrong {
		fmt.Fprintf(s.Err, "  %s\n", line)
	}
	return errShown
}
