package main

import (
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
)

type verifyCmd struct {
	redisFlags
	domainsFlag
	operatorFlag

	Wait    bool          `help:"Wait for the end of each verification, and show its result."`
	Timeout time.Duration `default:"1h" help:"How long to wait at most."`
	JSON    bool          `name:"json" help:"Print one JSON array: receipts, or with --wait what status prints."`
	Domains []string      `arg:"" name:"domain" help:"Domains, which must be on their app's list."`
}

// Help is shown under the command's own --help.
func (*verifyCmd) Help() string {
	return `A worker checks DNS, AutoSSL and the certificate at once, whatever the domain's state; the domain gets all its attempts again. If one of the domains isn't known or isn't on a list, none is verified. With --wait the command follows all attempts to the end, and shows the result of each attempt meanwhile. It exits with 0 if all domains are done, with a valid certificate. It exits with 1 if one isn't, if the time is up, or after Ctrl-C. The workers then continue with the rest.

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
		if err := noteNoWorker(ctx, s, db.ledger); err != nil {
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
			err = s.Printf("the verification of %s on app %s is requested\n", tasks.ShownName(receipts[0].Domain), receipts[0].AppID)
		default:
			err = s.Printf("the verifications of %d domains are requested\n", len(receipts))
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
