package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"pilotsync/enqueue"
	"pilotsync/internal/terminal"
	"pilotsync/tasks"
)

type enqueueCmd struct {
	Add    addCmd    `cmd:"" help:"Put domains on an app's list, and verify that they get a certificate."`
	Remove removeCmd `cmd:"" help:"Take domains off an app's list."`
}

// Help is shown under the command's own --help.
func (*enqueueCmd) Help() string {
	return `Examples:

    pilotsync enqueue add example.com shop.example.com --app=app1

    pilotsync enqueue remove old.example.com --app=app1 --wait`
}

type addCmd struct {
	changeFlags

	Attempts *int `name:"attempts" placeholder:"N" help:"Limit of verification attempts, 1 to 20; attempts beyond the configured delays repeat the last delay. Default: the worker's setting, also for a domain that had another limit before."`
}

type removeCmd struct{ changeFlags }

const enqueueExamples = `All names are checked first: if one is wrong, nothing is enqueued. The same holds if workers run but none serves the app, unless --force is given. The names that leave the list, as far as the ledger knows them, are shown first. More than ten, or more than a tenth of the list, need confirmation; without a terminal they need --yes. With --wait the command exits with 1 if a domain ends rejected or failed, or the time is up.

Examples:

    pilotsync enqueue %[1]s example.com shop.example.com --app=app1

    pilotsync enqueue %[1]s --app=app1 --file=domains.txt --wait

    sort -u domains.txt | pilotsync enqueue %[1]s --app=app1 --file=- --yes

    pilotsync enqueue %[1]s example.com --app=app1 --by=ada     # who asked

    pilotsync enqueue %[1]s example.com --app=newapp --force    # served later`

// Help is shown under the command's own --help.
func (*addCmd) Help() string { return fmt.Sprintf(enqueueExamples, "add") }

// Help is shown under the command's own --help.
func (*removeCmd) Help() string { return fmt.Sprintf(enqueueExamples, "remove") }

// Validate is called by kong after parsing.
func (c *addCmd) Validate() error {
	if c.Attempts != nil && (*c.Attempts < 1 || *c.Attempts > tasks.MaxAttempts) {
		return fmt.Errorf("--attempts is %d; it takes a whole number from 1 to %d, or leave it out for the worker's setting", *c.Attempts, tasks.MaxAttempts)
	}
	return nil
}

// Run enqueues additions.
func (c *addCmd) Run(ctx context.Context, s *terminal.Streams) error {
	var template enqueue.Request
	if c.Attempts != nil {
		template.Attempts = *c.Attempts
	}
	return c.enqueue(ctx, s, template)
}

// Run enqueues removals.
func (c *removeCmd) Run(ctx context.Context, s *terminal.Streams) error {
	return c.enqueue(ctx, s, enqueue.Request{Remove: true})
}

// changeFlags are the flags of both kinds of change.
type changeFlags struct {
	redisFlags
	appFlag
	operatorFlag
	yesFlag

	WWW     string        `name:"www" predictor:"www" placeholder:"WHEN" help:"Which of the domains get a www form: always, main_only or never. Default: the worker's setting."`
	SiteID  int64         `name:"site-id" placeholder:"N" help:"WordPress's id of the site, for the webhook. Default: none."`
	File    string        `short:"f" predictor:"file" placeholder:"FILE" help:"File with a domain a line, 20,000 at most, - for standard input; empty lines and lines that start with # are skipped."`
	Wait    bool          `help:"Follow each domain to its final state."`
	Timeout time.Duration `default:"1h" help:"How long to wait at most."`
	Force   bool          `name:"force" help:"Also for an app that no running worker serves."`
	JSON    bool          `name:"json" help:"Print one JSON array: receipts, or with --wait what status prints."`
	Domains []string      `arg:"" optional:"" name:"domain" help:"Domains."`
}

// enqueue enqueues a request for each domain. template has what differs between additions
// and removals.
func (f *changeFlags) enqueue(ctx context.Context, s *terminal.Streams, template enqueue.Request) error {
	reqs, notes, err := f.requests(s.In, template)
	if err != nil {
		return err
	}
	notes.print(s.Err)
	return f.withLedger(ctx, s, func(db database) error {
		if len(reqs) > 0 {
			if err := checkServed(ctx, s, db.ledger, reqs[0].AppID, f.Force); err != nil {
				return err
			}
		}
		streams := *s
		streams.Interactive = s.Interactive && f.File != "-" // standard input has the names, so it has no answers
		if err := f.confirmRemovals(ctx, &streams, db.ledger, reqs); err != nil {
			return err
		}
		receipts, err := db.enqueue(ctx, "enqueue all of them", reqs...)
		switch {
		case err != nil:
			return err
		case f.Wait:
			return f.wait(ctx, s, db.ledger, receipts)
		case f.JSON:
			return printReceipts(s, receipts)
		case len(receipts) == 0:
			s.Noticef("enqueued 0 changes: no domain was given")
			return nil
		}
		return s.Printf("enqueued %s for app %s\n", counted(len(receipts), "change"), reqs[0].AppID)
	})
}

// requests checks all flags and names, and makes a request like template for each domain.
// Its error names all that is wrong.
func (f *changeFlags) requests(in io.Reader, template enqueue.Request) ([]enqueue.Request, canonicalNotes, error) {
	app, appErr := f.app()
	by, byErr := f.operator()
	errs := []error{appErr, f.check(), byErr}
	var notes canonicalNotes
	var reqs []enqueue.Request
	add := func(raw string) error {
		domain, err := tasks.ParseDomain(raw)
		if err != nil {
			return err
		}
		notes.add(raw, domain)
		req := template
		req.AppID, req.Domain, req.WWW, req.SiteID, req.By = app, domain, tasks.WWW(f.WWW), f.SiteID, by
		reqs = append(reqs, req)
		return nil
	}
	for _, raw := range f.Domains {
		errs = append(errs, add(raw))
	}
	if f.File != "" {
		errs = append(errs, eachLine(f.File, in, add))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, usageError{fmt.Errorf("nothing was enqueued:\n%w", err)}
	}
	return reqs, notes, nil
}

// check checks the flags that need nothing else.
func (f *changeFlags) check() error {
	var errs []error
	if f.WWW != "" {
		if _, err := tasks.ParseWWW(f.WWW); err != nil {
			errs = append(errs, fmt.Errorf("--%w", err))
		}
	}
	if f.SiteID < 0 {
		errs = append(errs, fmt.Errorf("--site-id is %d; it takes a number from 1", f.SiteID))
	}
	errs = append(errs, checkTimeout(f.Timeout))
	if len(f.Domains) == 0 && f.File == "" {
		errs = append(errs, errors.New("no domain is given; name some, or a file of them with --file"))
	}
	return errors.Join(errs...)
}
