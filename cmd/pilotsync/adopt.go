package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"pilotsync/enqueue"
	"pilotsync/internal/config"
	"pilotsync/tasks"
	"pilotsync/worker/ledger"
	"pilotsync/worker/restore"
)

type adoptCmd struct {
	redisFlags
	accountFlags
	operatorFlag

	All     bool     `help:"Take over all names of the list."`
	File    string   `short:"f" predictor:"file" placeholder:"FILE" help:"File with a name a line, - for standard input; empty lines and lines that start with # are skipped."`
	DryRun  bool     `name:"dry-run" help:"Only show what would be taken over."`
	Domains []string `arg:"" optional:"" name:"domain" help:"Names on the list to take over."`

	renamed renamed // of the names that were given
}

// Help is shown under the command's own --help.
func (*adoptCmd) Help() string {
	return `Names that are on an app's list already, put there by hand or by a plugin, get into the ledger as they are: a name and its www form are one domain where both are there. They count as put there by pilotsync from then on, which puts them back when they are missing and takes them off when their domain is removed. Nothing is written to ServerPilot; their certificates are verified like those of new domains. It reads the list, so it needs the account's key.

Names that the ledger has already, and such as can't be a domain, are skipped. If a name is asked for that isn't on the list, nothing is taken over. One that leaves the list before the worker gets to it ends rejected; it isn't put there.

Examples:

    pilotsync adopt --app=app1 --all --dry-run

    pilotsync adopt --app=app1 shop.example.com www.shop.example.com --by=ada

    wp site list --field=domain | pilotsync adopt --app=app1 --file=-`
}

// Validate is called by kong after parsing.
func (c *adoptCmd) Validate() error {
	_, err := c.operator()
	switch some := c.File != "" || len(c.Domains) > 0; {
	case c.All && some:
		err = errors.Join(err, errors.New("--all and names are both given; it takes one of them"))
	case !c.All && !some:
		err = errors.Join(err, errors.New("no name is given; name some, take a file of them with --file, or all with --all"))
	}
	return err
}

// Run takes the names over.
func (c *adoptCmd) Run(ctx context.Context, s *streams) error {
	app, appErr := c.app()
	by, byErr := c.operator()
	asked, namesErr := c.asked(s.In)
	if err := errors.Join(appErr, byErr, namesErr); err != nil {
		return usageError{fmt.Errorf("nothing was taken over:\n%w", err)}
	}
	c.renamed.print(s.Err)
	p := config.NewParser(os.ReadFile)
	api := c.APISettings.Parse(p)
	accounts, _ := c.AccountSettings.Parse(p)
	if err := p.Err(); err != nil {
		return err
	}
	rdb, err := c.connect(ctx, s)
	if err != nil {
		return err
	}
	defer rdb.Close()
	lists, err := newRemoteLists(rdb, api, accounts)
	if err != nil {
		return usageError{err}
	}
	defer lists.close()
	list, err := lists.List(ctx, app)
	if err != nil {
		return fmt.Errorf("nothing was taken over: %w", err)
	}
	views, err := ledger.New(rdb).Domains(ctx, app)
	if err != nil {
		return err
	}
	found, err := adoptable(list, asked, views)
	if err != nil {
		return fmt.Errorf("nothing was taken over of app %s's list: %w", app, err)
	}
	if !c.DryRun {
		var reqs []enqueue.Request
		for _, domain := range found.domains {
			reqs = append(reqs, enqueue.Request{AppID: app, Domain: domain, Import: true, IfListed: true, By: by})
		}
		_, err := enqueue.New(rdb).Enqueue(ctx, reqs...)
		switch {
		case errors.Is(err, enqueue.ErrUnavailable):
			return fmt.Errorf("%w\nTo adopt all of them again is safe", err)
		case err != nil:
			return err
		}
		if err := c.handedOver(ctx, ledger.New(rdb), app); err != nil {
			return err
		}
	}
	return found.print(s, app, c.DryRun)
}

// handedOver ends the reports of a lost ledger for an app whose whole list was adopted.
func (c *adoptCmd) handedOver(ctx context.Context, l *ledger.Ledger, app string) error {
	is, err := l.Identity(ctx)
	if err != nil || !c.All || is.ID == "" {
		return err
	}
	return l.HandedOver(ctx, app, is.ID)
}

// asked are the names given, in canonical form; nil for all.
func (c *adoptCmd) asked(in io.Reader) ([]string, error) {
	if c.All {
		return nil, nil
	}
	names, errs := []string{}, []error(nil)
	take := func(where, raw string) {
		name, err := tasks.ParseDomain(raw)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s%w", where, err))
			return
		}
		c.renamed.note(raw, name)
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, raw := range c.Domains {
		take("", raw)
	}
	if c.File != "" {
		if err := eachLine(c.File, in, take); err != nil {
			errs = append(errs, fmt.Errorf("--file: %w", err))
		}
	}
	return names, errors.Join(errs...)
}

// adoption is what is taken over of a list.
type adoption struct {
	domains []string
	forms   map[string]bool // domains that have their www form on the list
	known   int             // names that the ledger has already
	refused []string        // names that can't be a domain, with why
}

// adoptable finds out which domains to take over of a list; asked are names in
// canonical form, nil for all.
func adoptable(list, asked []string, views []ledger.View) (adoption, error) {
	a := adoption{forms: map[string]bool{}}
	var onList []string // in canonical form
	for _, raw := range list {
		name, err := tasks.ParseDomain(raw)
		switch {
		case err != nil && asked == nil:
			a.refused = append(a.refused, plain(err.Error()))
		case err == nil && !slices.Contains(onList, name):
			onList = append(onList, name)
		}
	}
	if asked == nil {
		asked = onList
	}
	var missing []string
	for _, name := range asked {
		if !slices.Contains(onList, name) {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return adoption{}, fmt.Errorf("not on it: %s ('pilotsync enqueue add' puts domains there)", strings.Join(missing, ", "))
	}
	has := inLedger(views)
	var left []string
	for _, name := range asked {
		if has[name] {
			a.known++
			continue
		}
		left = append(left, name)
	}
	a.domains = restore.Domains(left)
	for _, domain := range a.domains {
		www := "www." + domain
		a.forms[domain] = slices.Contains(onList, www) && slices.Contains(tasks.Names(domain, tasks.WWWAlways), www)
	}
	return a, nil
}

// inLedger are the names of wanted domains, and of those that wait to be put on the
// list.
func inLedger(views []ledger.View) map[string]bool {
	has := map[string]bool{}
	for _, v := range views {
		switch {
		case v.Pending != nil && v.Pending.Remove:
		case v.Pending != nil:
			for _, name := range tasks.Names(v.Domain, tasks.WWWAlways) {
				has[name] = has[name] || name == v.Domain || v.Pending.WWW != tasks.WWWNever
			}
		case v.Record.Wanted:
			has[v.Domain] = true
			for _, name := range v.Record.Names {
				has[name] = true
			}
		}
	}
	return has
}

func (a adoption) print(s *streams, app string, dry bool) error {
	var b strings.Builder
	for _, domain := range a.domains {
		b.WriteString(domain)
		if a.forms[domain] {
			b.WriteString(", with www." + domain)
		}
		b.WriteString("\n")
	}
	what, verb := counted(len(a.domains), "domain"), "taken over into"
	if dry {
		verb = "to be taken over into"
	}
	fmt.Fprintf(&b, "%s %s the ledger of app %s", what, verb, app)
	if dry {
		b.WriteString("; nothing was enqueued (--dry-run)")
	}
	b.WriteString("\n")
	if a.known > 0 {
		s.notice("%s skipped: the ledger has them already", counted(a.known, "name"))
	}
	for _, refused := range a.refused {
		s.notice("skipped: %s", refused)
	}
	return s.printf("%s", b.String())
}
