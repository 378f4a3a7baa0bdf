package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pilotsync/enqueue"
	"pilotsync/internal/terminal"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

type retryCmd struct {
	redisFlags
	domainsFlag
	operatorFlag
	yesFlag

	State   string   `placeholder:"STATE" help:"Instead of domains: all in this state, which must be rejected."`
	JSON    bool     `name:"json" help:"Print one JSON array of receipts."`
	Domains []string `arg:"" optional:"" name:"domain" help:"Domains, which must be rejected."`
}

// Help is shown under the command's own --help.
func (*retryCmd) Help() string {
	return `Enqueues again the changes of domains that ServerPilot refused, or for which the list had no room. They get new order numbers, and keep their www form, site and limit of attempts. 'pilotsync status --state=rejected' shows the domains with ServerPilot's reasons. If one of the given domains isn't rejected, nothing is enqueued. Names that refused removals take off a list are shown first. More than ten, or more than a tenth of a list, need confirmation or --yes. The command needs Redis only.

Examples:

    pilotsync retry shop.example.com

    pilotsync retry --state=rejected --app=app1 --by=ada`
}

// Validate is called by kong after parsing; it puts the domains into their canonical form.
func (c *retryCmd) Validate() error {
	_, err := c.operator()
	switch {
	case c.State != "" && c.State != string(tasks.Rejected):
		err = errors.Join(err, fmt.Errorf("--state is %q; it takes rejected, the only state in which a change has ended that can be sent again", c.State))
	case c.State != "" && len(c.Domains) > 0:
		err = errors.Join(err, errors.New("domains and --state are both given; it takes one of them"))
	case c.State == "" && len(c.Domains) == 0:
		err = errors.Join(err, errors.New("no domain is given; name some, or take all with --state=rejected"))
	}
	return errors.Join(err, c.check(c.Domains))
}

// Run enqueues the changes again.
func (c *retryCmd) Run(ctx context.Context, s *terminal.Streams) error {
	by, err := c.operator()
	if err != nil {
		return err
	}
	c.notes.print(s.Err)
	return c.withLedger(ctx, s, func(db database) error {
		reqs, err := c.requests(ctx, db.ledger, by)
		if err != nil {
			return err
		}
		if err := c.confirmRemovals(ctx, s, db.ledger, reqs); err != nil {
			return err
		}
		if err := noteNoWorker(ctx, s, db.ledger); err != nil {
			return err
		}
		receipts, err := db.enqueue(ctx, "send all of them", reqs...)
		switch {
		case err != nil:
			return err
		case c.JSON:
			return printReceipts(s, receipts)
		case len(receipts) == 0:
			s.Noticef("no domain is rejected: nothing was sent")
		}
		for _, r := range receipts {
			if err := s.Printf("%s is sent to app %s again\n", tasks.ShownName(r.Domain), r.AppID); err != nil {
				return err
			}
		}
		return nil
	})
}

// requests are the refused ones.
func (c *retryCmd) requests(ctx context.Context, l *ledger.Ledger, by string) ([]enqueue.Request, error) {
	views, err := c.rejected(ctx, l)
	if err != nil {
		return nil, fmt.Errorf("nothing was sent: %w", err)
	}
	var reqs []enqueue.Request
	for _, v := range views {
		history, err := l.History(ctx, v.AppID, v.Domain)
		if err != nil {
			return nil, err
		}
		req, err := refusedRequest(v, history, by)
		if err != nil {
			return nil, fmt.Errorf("nothing was sent: %w", err)
		}
		reqs = append(reqs, req)
	}
	return reqs, nil
}

// rejected are the domains to retry. If several apps have a domain, it is retried on
// those where it is rejected.
func (c *retryCmd) rejected(ctx context.Context, l *ledger.Ledger) ([]ledger.View, error) {
	if c.State != "" {
		return c.allRejected(ctx, l)
	}
	views, err := c.find(ctx, l, c.Domains)
	if err != nil {
		return nil, err
	}
	var rejected []ledger.View
	for _, v := range views {
		if v.State == tasks.Rejected {
			rejected = append(rejected, v)
		}
	}
	var problems []string
	for _, v := range views {
		if !slices.ContainsFunc(rejected, func(r ledger.View) bool { return r.Domain == v.Domain }) {
			problems = append(problems, fmt.Sprintf("%s on app %s is %s, not %s", tasks.ShownName(v.Domain), v.AppID, v.State.Name(), tasks.Rejected.Name()))
		}
	}
	if problems != nil {
		return nil, errors.New(strings.Join(problems, "\n"))
	}
	return rejected, nil
}

func (c *retryCmd) allRejected(ctx context.Context, l *ledger.Ledger) ([]ledger.View, error) {
	apps := c.App
	if len(apps) == 0 {
		states, err := l.AppsWithStates(ctx, tasks.Rejected)
		if err != nil {
			return nil, err
		}
		for _, app := range states {
			if app.Counts[tasks.Rejected] > 0 {
				apps = append(apps, app.ID)
			}
		}
	}
	var views []ledger.View
	for _, app := range apps {
		all, err := l.Domains(ctx, app)
		if err != nil {
			return nil, err
		}
		views = append(views, all...)
	}
	return slices.DeleteFunc(views, func(v ledger.View) bool { return v.State != tasks.Rejected }), nil
}

// oldRemovalRequested is what histories of earlier releases, which had no codes, say of a
// removal.
const oldRemovalRequested = "asked to be taken off the list"

// refusedRequest is the request that ended rejected. A record's names are those that
// the domain would have had, whichever rule made them. A removal can be refused, too.
func refusedRequest(v ledger.View, history []listsync.HistoryEntry, by string) (enqueue.Request, error) {
	r := enqueue.Request{AppID: v.AppID, Domain: v.Domain, WWW: wwwOf(v.Domain, v.Record.Names),
		SiteID: v.Record.SiteID, Attempts: v.Record.Attempts, By: by}
	for _, e := range history { // newest first
		if e.State == "" { // of a newer release; it may be a request for the opposite
			return r, fmt.Errorf("the history of %s on app %s: %s; update this one", v.Domain, v.AppID, e.Reason)
		}
		if e.State == tasks.Pending {
			if e.Code == tasks.CauseRemovalRequested || e.Code == "" && e.Reason == oldRemovalRequested {
				r.Remove, r.Attempts = true, 0
			}
			break
		}
	}
	return r, nil
}

// wwwOf is the www rule by which a domain has just these names.
func wwwOf(domain string, names []string) tasks.WWW {
	if len(names) > 0 && !slices.Contains(names, "www."+domain) {
		return tasks.WWWNever
	}
	return tasks.WWWAlways
}
