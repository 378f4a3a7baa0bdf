package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

type verifyCmd struct {
	redisFlags
	domainsToFind
	operatorFlag

	Wait    bool          `help:"Wait for this verification, and show what it saw."`
	Timeout time.Duration `default:"5m" help:"How long to wait at most."`
	JSON    bool          `name:"json" help:"Print one JSON array: receipts, or with --wait what status prints."`
	Domains []string      `arg:"" name:"domain" help:"Domains, which must be on their app's list."`
}

// Help is shown under the command's own --help.
func (*verifyCmd) Help() string {
	return `A worker looks at once at DNS, AutoSSL and the certificate, whatever state the domain is in, with all its attempts before it again. If one of the domains isn't known or isn't on a list, none is verified. With --wait it exits with 1 unless all are done, with a valid certificate.

Examples:

    pilotsync verify shop.example.com

    pilotsync verify shop.example.com shop.example.net --wait

    pilotsync status --state=failed --json | jq -r '.[].domain' | xargs -r pilotsync verify`
}

// Validate is called by kong after parsing; it puts the domains into their canonical form.
func (c *verifyCmd) Validate() error {
	_, err := c.operator()
	if c.Timeout <= 0 {
		err = errors.Join(err, fmt.Errorf("--timeout is %s; it takes a duration such as 10m", c.Timeout))
	}
	return errors.Join(err, c.check(c.Domains))
}

// Run enqueues the verifications.
func (c *verifyCmd) Run(ctx context.Context, s *streams) error {
	by, err := c.operator()
	if err != nil {
		return usageError{err}
	}
	c.renamed.print(s.Err)
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	l := ledger.New(rdb)
	views, err := c.find(ctx, l, c.Domains)
	if err != nil {
		return fmt.Errorf("nothing is verified: %w", err)
	}
	targets, err := verifiable(views)
	if err != nil {
		return err
	}
	receipts, err := enqueue.New(rdb).Verify(ctx, by, targets...)
	switch {
	case errors.Is(err, enqueue.ErrUnavailable):
		return fmt.Errorf("%w\nTo ask for all of them again is safe", err)
	case err != nil:
		return err
	case c.Wait:
		return c.wait(ctx, s, l, receipts)
	case c.JSON:
		var all []receipt
		for _, r := range receipts {
			all = append(all, receipt(r))
		}
		return printJSON(s.Out, all)
	case len(receipts) == 1:
		err = s.printf("%s on app %s is verified now\n", receipts[0].Domain, receipts[0].AppID)
	default:
		err = s.printf("%d domains are verified now\n", len(receipts))
	}
	s.notice("'pilotsync logs %s' shows what was seen.", receipts[0].Domain)
	return err
}

// verifiable are the domains of views that a worker can verify. On which apps a
// domain isn't listed doesn't matter as long as it is on one.
func verifiable(views []ledger.View) ([]enqueue.Target, error) {
	var targets []enqueue.Target
	listed, why := map[string]bool{}, map[string]string{}
	for _, v := range views {
		switch r := v.Record; {
		case tasks.IsWildcard(v.Domain):
			why[v.Domain] = "a wildcard gets no certificate, so that there is nothing to verify"
		case r.Domain == "" || !r.State.Listed():
			why[v.Domain] = fmt.Sprintf("on app %s it is %s, so not on the list", v.AppID, v.State)
			if v.Reason != "" {
				why[v.Domain] += " (" + plain(v.Reason) + ")"
			}
		default:
			listed[v.Domain] = true
			targets = append(targets, enqueue.Target{AppID: v.AppID, Domain: v.Domain})
		}
	}
	var wrong []string
	said := map[string]bool{}
	for _, v := range views {
		if !listed[v.Domain] && !said[v.Domain] {
			said[v.Domain] = true
			wrong = append(wrong, v.Domain+": "+why[v.Domain])
		}
	}
	if wrong != nil {
		return nil, fmt.Errorf("nothing is verified:\n%s", strings.Join(wrong, "\n"))
	}
	return targets, nil
}

// seenOf is what a verification came to.
type seenOf struct {
	view  ledger.View
	event *listsync.HistoryEntry // of the verification; nil if the history has none any more
}

// wait looks at the ledger until every verification was made, and shows them.
func (c *verifyCmd) wait(ctx context.Context, s *streams, l *ledger.Ledger, receipts []enqueue.Receipt) error {
	made := make([]*seenOf, len(receipts))
	lookAgain := func(left []waiting) string {
		commands := []string{}
		for _, w := range left[:min(len(left), maxWaitLines)] {
			commands = append(commands, "pilotsync logs "+w.domain)
		}
		return strings.Join(commands, "\n  ")
	}
	err := waitAll(ctx, s, len(receipts), c.Timeout, lookAgain, func(ctx context.Context) ([]waiting, error) {
		var left []waiting
		var firstErr error
		for i, r := range receipts {
			if made[i] == nil && firstErr == nil {
				made[i], firstErr = verified(ctx, l, r)
			}
			if made[i] == nil {
				left = append(left, waiting{r.Domain, "on app " + r.AppID + ", waits for a worker to verify it", leftToVerify})
			}
		}
		return left, firstErr
	})
	if err != nil {
		return fmt.Errorf("%w\nWhether a worker is alive:\n  pilotsync doctor", err)
	}
	return c.show(s, made)
}

// verified returns what became of a verification, nil as long as it wasn't made.
func verified(ctx context.Context, l *ledger.Ledger, r enqueue.Receipt) (*seenOf, error) {
	v, known, err := l.Domain(ctx, r.AppID, r.Domain)
	switch {
	case err != nil:
		return nil, err
	case !known, !v.Record.State.Listed():
		return &seenOf{view: v}, nil // taken off meanwhile
	case v.Record.CheckSeq < r.Seq, v.Record.Attempt < 1:
		return nil, nil
	}
	history, err := l.History(ctx, r.AppID, r.Domain)
	if err != nil {
		return nil, err
	}
	for i := range history { // newest first
		if history[i].State == "" {
			break // it may be this verification's, told by a newer worker
		}
		if history[i].Attempt > 0 {
			return &seenOf{v, &history[i]}, nil
		}
	}
	return &seenOf{view: v}, nil
}

func (c *verifyCmd) show(s *streams, made []*seenOf) error {
	var states []domainStatus
	t := table{columns: []column{appColumn(), domainColumn(), stateColumn(), reasonColumn()}}
	well := 0
	for _, m := range made {
		d := statusOf(m.view)
		states = append(states, d)
		t.add(d.AppID, d.Domain, string(d.State), d.Reason)
		if d.State == tasks.Done {
			well++
		}
	}
	var err error
	if c.JSON {
		err = printJSON(s.Out, states)
	} else if err = t.print(s); err == nil {
		for _, m := range made {
			if m.event != nil {
				err = errors.Join(err, s.printf("%s", seenLines(*m.event, "")))
			}
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("print the domains: %w", err)
	case well < len(made):
		return fmt.Errorf("%d of %d are not done", len(made)-well, len(made))
	}
	return nil
}
