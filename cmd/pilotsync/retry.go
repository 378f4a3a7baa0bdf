package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"pilotsync/enqueue"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/listsync"
)

type retryCmd struct {
	redisFlags
	domainsToFind
	operatorFlag
	yesFlag

	State   string   `placeholder:"STATE" help:"In place of domains: all in this state, which has to be rejected."`
	JSON    bool     `name:"json" help:"Print one JSON array of receipts."`
	Domains []string `arg:"" optional:"" name:"domain" help:"Domains, which must be rejected."`
}

// Help is shown under the command's own --help.
func (*retryCmd) Help() string {
	return `Domains that ServerPilot refused, or that found no room on the list, are sent once more, with a new order number and the www form, the site and the limit of attempts they had. 'pilotsync status --state=rejected' shows them, with ServerPilot's words. If one of the domains named isn't rejected, nothing is sent. Names that refused removals take off a list are shown first; more than ten, or more than a tenth of a list, have to be confirmed, or need --yes. It needs Redis only.

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

// Run sends them again.
func (c *retryCmd) Run(ctx context.Context, s *streams) error {
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
	views, err := c.rejected(ctx, l)
	if err != nil {
		return fmt.Errorf("nothing was sent: %w", err)
	}
	var reqs []enqueue.Request
	for _, v := range views {
		history, err := l.History(ctx, v.AppID, v.Domain)
		if err != nil {
			return err
		}
		req, err := again(v, history, by)
		if err != nil {
			return fmt.Errorf("nothing was sent: %w", err)
		}
		reqs = append(reqs, req)
	}
	if err := c.confirmRemovals(ctx, s, l, reqs); err != nil {
		return err
	}
	receipts, err := enqueue.New(rdb).Enqueue(ctx, reqs...)
	switch {
	case errors.Is(err, enqueue.ErrUnavailable):
		return fmt.Errorf("%w\nTo send all of them again is safe", err)
	case err != nil:
		return err
	case c.JSON:
		var all []receipt
		for _, r := range receipts {
			all = append(all, receipt(r))
		}
		return printJSON(s.Out, all)
	case len(receipts) == 0:
		s.notice("no domain is rejected: nothing was sent")
	}
	for _, r := range receipts {
		if err == nil {
			err = s.printf("%s is sent to app %s again\n", r.Domain, r.AppID)
		}
	}
	return err
}

// rejected are the domains to send. Of one that several apps know, those where it
// is rejected.
func (c *retryCmd) rejected(ctx context.Context, l *ledger.Ledger) ([]ledger.View, error) {
	var views []ledger.View
	var err error
	if c.State != "" {
		apps := c.App
		if len(apps) == 0 {
			if apps, err = l.Apps(ctx); err != nil {
				return nil, err
			}
		}
		for _, app := range apps {
			all, err := l.Domains(ctx, app)
			if err != nil {
				return nil, err
			}
			views = append(views, all...)
		}
		return slices.DeleteFunc(views, func(v ledger.View) bool { return v.State != tasks.Rejected }), nil
	}
	if views, err = c.find(ctx, l, c.Domains); err != nil {
		return nil, err
	}
	var found []ledger.View
	for _, v := range views {
		if v.State == tasks.Rejected {
			found = append(found, v)
		}
	}
	var wrong []string
	for _, v := range views {
		if !slices.ContainsFunc(found, func(f ledger.View) bool { return f.Domain == v.Domain }) {
			wrong = append(wrong, fmt.Sprintf("%s on app %s is %s, not rejected", v.Domain, v.AppID, v.State))
		}
	}
	if wrong != nil {
		return nil, errors.New(strings.Join(wrong, "\n"))
	}
	return found, nil
}

// again asks for what was refused. A record's names are those that the domain would
// have had, whichever rule made them. ServerPilot can refuse a removal, too.
func again(v ledger.View, history []listsync.HistoryEntry, by string) (enqueue.Request, error) {
	r := enqueue.Request{AppID: v.AppID, Domain: v.Domain, WWW: asListed(v.Domain, v.Record.Names),
		SiteID: v.Record.SiteID, Attempts: v.Record.Attempts, By: by}
	for _, e := range history { // newest first
		if e.State == "" { // it may have asked for the contrary
			return r, fmt.Errorf("the history of %s on app %s: %s; update this one", v.Domain, v.AppID, e.Reason)
		}
		if e.State == tasks.Pending {
			if e.Reason == listsync.RemovalRequested {
				r.Remove, r.Attempts = true, 0
			}
			break
		}
	}
	return r, nil
}

// asListed is the www rule by which a domain has just these names.
func asListed(domain string, names []string) tasks.WWW {
	if len(names) > 0 && !slices.Contains(names, "www."+domain) {
		return tasks.WWWNever
	}
	return tasks.WWWAlways
}
