package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
)

// followEvery is the pause between two looks at the ledger.
const followEvery = 300 * time.Millisecond

// wait follows the changes to their final states, shows progress on s.Err and
// the end on s.Out. Its error says what didn't end well.
func (f *changeFlags) wait(ctx context.Context, s *streams, l *ledger.Ledger, receipts []enqueue.Receipt) error {
	followed := newFollowed(receipts)
	show, hide := followed.progress(s)
	waitErr := followed.toTheEnd(ctx, s, l, f.Timeout, show)
	hide()

	states := followed.states()
	var err error
	if f.JSON {
		err = printJSON(s.Out, states)
	} else {
		t := table{columns: []column{domainColumn(), stateColumn(), {title: "NAMES", rank: 1, min: 24}, reasonColumn()}}
		for _, d := range states {
			t.add(d.Domain, string(d.State), strings.Join(d.Names, ", "), d.Reason)
		}
		err = t.print(s)
	}
	if err != nil {
		return fmt.Errorf("print the domains: %w", err)
	}
	return errors.Join(waitErr, followed.unwell())
}

// followed are the domains that are waited for, all of one app.
type followed struct {
	app   string
	order []string         // in which they were asked for
	seqs  map[string]int64 // order number of the last change of each
	left  map[string]bool  // those that haven't come to their end
	last  map[string]domainStatus
}

func newFollowed(receipts []enqueue.Receipt) *followed {
	f := &followed{seqs: map[string]int64{}, left: map[string]bool{}, last: map[string]domainStatus{}}
	for _, r := range receipts {
		if !f.left[r.Domain] {
			f.order = append(f.order, r.Domain)
		}
		f.app, f.left[r.Domain], f.seqs[r.Domain] = r.AppID, true, r.Seq
		f.last[r.Domain] = domainStatus{AppID: r.AppID, Domain: r.Domain, State: tasks.Pending, Names: []string{r.Domain},
			Reason: "is on the queue; no worker has taken it yet", Seq: r.Seq, UpdatedAt: time.UnixMicro(r.Seq).UTC()}
	}
	return f
}

// toTheEnd looks at the ledger until nothing is left. A Redis that is away is
// waited for, too.
func (f *followed) toTheEnd(ctx context.Context, s *streams, l *ledger.Ledger, limit time.Duration, show func([]domainStatus)) error {
	late := time.NewTimer(limit)
	defer late.Stop()
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	var away error
	for {
		ended, err := f.look(ctx, l)
		if err != nil && away == nil && ctx.Err() == nil {
			fmt.Fprintf(s.Err, "The ledger can't be read; still waiting: %v\n", err)
		}
		away = err
		show(ended)
		if len(f.left) == 0 {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("interrupted; these stay on the queue: %s", f.listLeft())
		case <-late.C:
			return fmt.Errorf("the time is up (--timeout %s); not at their end: %s", limit, f.listLeft())
		case <-tick.C:
		}
	}
}

// look returns the domains that have come to their end since the last look.
func (f *followed) look(ctx context.Context, l *ledger.Ledger) ([]domainStatus, error) {
	var names []string
	for _, domain := range f.order {
		if f.left[domain] {
			names = append(names, domain)
		}
	}
	if names == nil {
		return nil, nil // else it would be all of the app
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
		if v.State.Final() {
			delete(f.left, v.Domain)
			ended = append(ended, d)
		}
	}
	return ended, nil
}

// progress returns what shows it, and what clears it away: a bar on a terminal,
// in a pipe a line for each domain that has come to its end.
func (f *followed) progress(s *streams) (show func([]domainStatus), hide func()) {
	n, all := 0, len(f.order)
	if !s.Terminal {
		return func(ended []domainStatus) {
			for _, d := range ended {
				n++
				fmt.Fprintf(s.Err, "%d/%d %s: %s\n", n, all, d.Domain, plain(strings.TrimSuffix(string(d.State)+", "+d.Reason, ", ")))
			}
		}, func() {}
	}
	bar := progressbar.NewOptions(all,
		progressbar.OptionSetWriter(s.Err),
		progressbar.OptionSetDescription("waiting"),
		progressbar.OptionSetWidth(30),
		progressbar.OptionShowCount(),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionSetElapsedTime(true),
	)
	return func(ended []domainStatus) {
		n += len(ended)
		_ = bar.Set(n) // if it can't be shown, so be it
	}, func() { _ = bar.Clear() }
}

// states are those that were last seen, in the order asked for.
func (f *followed) states() []domainStatus {
	var all []domainStatus
	for _, domain := range f.order {
		all = append(all, f.last[domain])
	}
	return all
}

// unwell is an error if any domain ended rejected or failed.
func (f *followed) unwell() error {
	n := 0
	for domain, d := range f.last {
		if !f.left[domain] && (d.State == tasks.Rejected || d.State == tasks.Failed) {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d ended rejected or failed", n, len(f.order))
}

// listLeft names those that are left, up to some.
func (f *followed) listLeft() string {
	const most = 20
	var names []string
	for _, domain := range f.order {
		if f.left[domain] {
			names = append(names, domain)
		}
	}
	if more := len(names) - most; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), more)
	}
	return strings.Join(names, ", ")
}
