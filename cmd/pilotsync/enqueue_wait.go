package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// wait follows the changes to their final states, and shows progress on s.Err and the
// final states on s.Out. Its error counts the domains that ended rejected or failed.
func (f *changeFlags) wait(ctx context.Context, s *terminal.Streams, l *ledger.Ledger, receipts []enqueue.Receipt) error {
	followed := newFollowed(receipts)
	count := 0
	waitErr := waitAll(ctx, s, len(followed.order), f.Timeout, followed.nextCommand, func(ctx context.Context) ([]waiting, error) {
		ended, err := followed.read(ctx, l)
		for _, d := range ended {
			if count++; !s.Drawable() { // a terminal shows the domains that are left instead
				s.Noticef("%d/%d %s: %s", count, len(followed.order), d.Domain, text.Printable(d.describe()))
			}
		}
		return followed.waiting(), err
	})

	states := followed.states()
	var err error
	if f.JSON {
		err = printJSON(s.Out, states)
	} else {
		t := terminal.Table{Columns: []terminal.Column{terminal.DomainColumn(), terminal.StateColumn(), {Title: "NAMES", Rank: 1, Min: 24}, terminal.ReasonColumn()}}
		for _, d := range states {
			t.Add(tasks.ShownName(d.Domain), d.shown(), shownNames(d.Names), cmp.Or(d.Advice, d.Reason))
		}
		err = t.Print(s)
	}
	if err != nil {
		return fmt.Errorf("print the domains: %w", err)
	}
	return errors.Join(waitErr, followed.failedErr())
}

const onQueue = "is on the queue; no worker has taken it yet"

// followed are the domains that a command waits for, all of one app.
type followed struct {
	app   string
	order []string         // of the requests
	seqs  map[string]int64 // order number of the last change of each
	left  map[string]bool  // domains that haven't ended
	last  map[string]domainStatus
}

func newFollowed(receipts []enqueue.Receipt) *followed {
	f := &followed{seqs: map[string]int64{}, left: map[string]bool{}, last: map[string]domainStatus{}}
	for _, r := range receipts {
		if !f.left[r.Domain] {
			f.order = append(f.order, r.Domain)
		}
		f.app, f.left[r.Domain], f.seqs[r.Domain] = r.AppID, true, r.Seq
		f.last[r.Domain] = domainStatus{AppID: r.AppID, Domain: r.Domain, State: tasks.Pending, StateName: tasks.Pending.Name(), Names: []string{r.Domain},
			Reason: onQueue, Seq: r.Seq, UpdatedAt: time.UnixMicro(r.Seq).UTC()}
	}
	return f
}

// read returns the domains that have ended since the last call.
func (f *followed) read(ctx context.Context, l *ledger.Ledger) ([]domainStatus, error) {
	var names []string
	for _, domain := range f.order {
		if f.left[domain] {
			names = append(names, domain)
		}
	}
	if names == nil {
		return nil, nil // no name would mean all of the app
	}
	views, err := l.Domains(ctx, f.app, names...)
	if err != nil {
		return nil, err
	}
	var ended []domainStatus
	for _, v := range views {
		if v.Seq < f.seqs[v.Domain] {
			continue // of an earlier change
		}
		d := statusOf(v)
		f.last[v.Domain] = d
		// A change that a dry run has planned waits until the dry run ends.
		if v.State.Final() || v.Pending != nil && v.Pending.Preview != "" {
			delete(f.left, v.Domain)
			ended = append(ended, d)
		}
	}
	return ended, nil
}

// waiting are the domains that are left, with the last state of each.
func (f *followed) waiting() []waiting {
	var left []waiting
	for _, domain := range f.order {
		if f.left[domain] {
			kind := leftToWorkers
			if f.last[domain].Reason == onQueue {
				kind = leftOnQueue
			}
			left = append(left, waiting{domain, f.last[domain].describe(), kind})
		}
	}
	return left
}

// nextCommand is the command that shows the state of those that are left.
func (f *followed) nextCommand(left []waiting) string {
	command := "pilotsync status --app=" + f.app
	if len(left) > maxWaitLines {
		return command + " --state=pending --state=checking-dns --state=checking-ssl-cert"
	}
	for _, w := range left {
		command += " " + w.domain
	}
	return command
}

// states are the last ones, in the order of the requests.
func (f *followed) states() []domainStatus {
	var all []domainStatus
	for _, domain := range f.order {
		all = append(all, f.last[domain])
	}
	return all
}

// failedErr is an error if any domain ended rejected or failed, or was only planned.
func (f *followed) failedErr() error {
	n, planned := 0, 0
	for domain, d := range f.last {
		switch {
		case f.left[domain]:
		case d.State == tasks.Rejected, d.State == tasks.Failed:
			n++
		case d.State == tasks.Pending:
			planned++
		}
	}
	var err error
	if n > 0 {
		err = fmt.Errorf("%d of %d ended rejected or failed", n, len(f.order))
	}
	if planned > 0 {
		err = errors.Join(err, fmt.Errorf("%d of %d stay pending: this is a dry run, and nothing was written", planned, len(f.order)))
	}
	return err
}
