package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/terminal"
	"pilotsync/internal/text"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

type verifyCmd struct {
	redisFlags
	domainsFlag
	operatorFlag

	Wait    bool          `help:"Wait for this verification, and show its result."`
	Timeout time.Duration `default:"5m" help:"How long to wait at most."`
	JSON    bool          `name:"json" help:"Print one JSON array: receipts, or with --wait what status prints."`
	Domains []string      `arg:"" name:"domain" help:"Domains, which must be on their app's list."`
}

// Help is shown under the command's own --help.
func (*verifyCmd) Help() string {
	return `A worker checks DNS, AutoSSL and the certificate at once, whatever the domain's state; the domain gets all its attempts again. If one of the domains isn't known or isn't on a list, none is verified. With --wait the command exits with 1 unless all are done, with a valid certificate.

Examples:

    pilotsync verify shop.example.com

    pilotsync verify shop.example.com shop.example.net --wait

    pilotsync status --state=failed --json | jq -r '.[].domain' |
      xargs -r pilotsync verify`
}

// Validate is called by kong after parsing; it puts the domains into their canonical form.
func (c *verifyCmd) Validate() error {
	_, err := c.operator()
	return errors.Join(err, checkTimeout(c.Timeout), c.check(c.Domains))
}

func checkTimeout(timeout time.Duration) error {
	if timeout <= 0 {
		return fmt.Errorf("--timeout is %s; it takes a duration such as 10m", timeout)
	}
	return nil
}

// Run enqueues the verifications.
func (c *verifyCmd) Run(ctx context.Context, s *terminal.Streams) error {
	by, err := c.operator()
	if err != nil {
		return err
	}
	c.notes.print(s.Err)
	return c.withLedger(ctx, s, func(db database) error {
		views, err := c.find(ctx, db.ledger, c.Domains)
		if err != nil {
			return fmt.Errorf("nothing is verified: %w", err)
		}
		targets, err := verifiable(views)
		if err != nil {
			return err
		}
		receipts, err := enqueue.New(db.rdb).Verify(ctx, by, targets...)
		switch {
		case err != nil:
			return safeToRepeat(err, "ask for all of them")
		case c.Wait:
			return c.wait(ctx, s, db.ledger, receipts)
		case c.JSON:
			return printReceipts(s, receipts)
		case len(receipts) == 1:
			err = s.Printf("a worker verifies %s on app %s now\n", tasks.ShownName(receipts[0].Domain), receipts[0].AppID)
		default:
			err = s.Printf("workers verify %d domains now\n", len(receipts))
		}
		s.Noticef("'pilotsync logs %s' shows the result.", receipts[0].Domain)
		return err
	})
}

// verifiable are the domains that a worker can verify. A domain must be on the list of
// one of its apps, not of all.
func verifiable(views []ledger.View) ([]enqueue.Target, error) {
	var targets []enqueue.Target
	listed, problems := map[string]bool{}, map[string]string{}
	for _, v := range views {
		if problem := unverifiable(v); problem != "" {
			problems[v.Domain] = problem
			continue
		}
		listed[v.Domain] = true
		targets = append(targets, enqueue.Target{AppID: v.AppID, Domain: v.Domain})
	}
	var lines []string
	for _, v := range views {
		if !listed[v.Domain] && problems[v.Domain] != "" {
			lines = append(lines, v.Domain+": "+problems[v.Domain])
			delete(problems, v.Domain) // once for a domain of several apps
		}
	}
	if lines != nil {
		return nil, fmt.Errorf("nothing is verified:\n%s", strings.Join(lines, "\n"))
	}
	return targets, nil
}

// unverifiable says why a domain can't be verified, empty if it can.
func unverifiable(v ledger.View) string {
	switch r := v.Record; {
	case tasks.IsWildcard(v.Domain):
		return "a wildcard gets no certificate, so there is nothing to verify"
	case r.Domain != "" && r.State.Listed():
		return ""
	}
	problem := fmt.Sprintf("on app %s it is %s, so not on the list", v.AppID, v.State.Name())
	if v.Reason != "" {
		problem += " (" + text.Printable(v.Reason) + ")"
	}
	return problem
}

// verifyResult is the result of a verification.
type verifyResult struct {
	view  ledger.View
	entry *listsync.HistoryEntry // of the verification; nil if the history has dropped it
}

// wait reads the ledger until every verification has been made, and prints the results.
func (c *verifyCmd) wait(ctx context.Context, s *terminal.Streams, l *ledger.Ledger, receipts []enqueue.Receipt) error {
	results := make([]*verifyResult, len(receipts))
	nextCommands := func(left []waiting) string {
		commands := []string{}
		for _, w := range left[:min(len(left), maxWaitLines)] {
			commands = append(commands, "pilotsync logs "+w.domain)
		}
		return strings.Join(commands, "\n  ")
	}
	err := waitAll(ctx, s, len(receipts), c.Timeout, nextCommands, func(ctx context.Context) ([]waiting, error) {
		var left []waiting
		var firstErr error
		for i, r := range receipts {
			if results[i] == nil && firstErr == nil {
				results[i], firstErr = resultOf(ctx, l, r)
			}
			if results[i] == nil {
				left = append(left, waiting{r.Domain, "on app " + r.AppID + ", waits for a worker to verify it", leftToVerify})
			}
		}
		return left, firstErr
	})
	if err != nil {
		return fmt.Errorf("%w\nWhether a worker is alive:\n  pilotsync doctor", err)
	}
	return c.print(s, results)
}

// resultOf returns the result of a verification, nil if it hasn't been made yet.
func resultOf(ctx context.Context, l *ledger.Ledger, r enqueue.Receipt) (*verifyResult, error) {
	v, known, err := l.Domain(ctx, r.AppID, r.Domain)
	switch {
	case err != nil:
		return nil, err
	case !known, !v.Record.State.Listed():
		return &verifyResult{view: v}, nil // taken off meanwhile
	case v.Record.CheckSeq < r.Seq, v.Record.Attempt < 1:
		return nil, nil
	}
	history, err := l.History(ctx, r.AppID, r.Domain)
	if err != nil {
		return nil, err
	}
	for i := range history { // newest first
		if history[i].State == "" {
			break // a newer worker's entry; it may be this verification's
		}
		if history[i].Attempt > 0 {
			return &verifyResult{v, &history[i]}, nil
		}
	}
	return &verifyResult{view: v}, nil
}

func (c *verifyCmd) print(s *terminal.Streams, results []*verifyResult) error {
	var states []domainStatus
	t := terminal.Table{Columns: []terminal.Column{terminal.AppColumn(), terminal.DomainColumn(), terminal.StateColumn(), terminal.ReasonColumn()}}
	done := 0
	for _, result := range results {
		d := statusOf(result.view)
		states = append(states, d)
		t.Add(d.AppID, tasks.ShownName(d.Domain), d.shown(), cmp.Or(d.Advice, d.Reason))
		if d.State == tasks.Done {
			done++
		}
	}
	var err error
	if c.JSON {
		err = printJSON(s.Out, states)
	} else if err = t.Print(s); err == nil {
		for _, result := range results {
			if result.entry != nil {
				err = errors.Join(err, s.Printf("%s", checkLines(*result.entry, "")))
			}
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("print the domains: %w", err)
	case done < len(results):
		return fmt.Errorf("%d of %d are not done", len(results)-done, len(results))
	}
	return nil
}
